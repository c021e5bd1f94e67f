"""Scripts of ours on a page: a file of JavaScript beside this one, mounted where it is to run."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def script(name: str) -> ComponentRenderer:
    """Return what mounts the script `name`.js on a page; it draws nothing by itself."""
    return st.components.v2.component(
        f"bert4rec_{name}",
        js=resources.files("bert4rec.ui").joinpath(f"{name}.js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )
