"""Scripts of ours on a page: a file of JavaScript each, mounted where it is to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def script(beside: str, *first: Path) -> ComponentRenderer:
    """Return what mounts the script beside a module on a page; it draws nothing by itself.

    Args:
        beside: Path of the module; the script has its name, and `.js`.
        first: Other scripts, whose functions it uses.
    """
    file = Path(beside).with_suffix(".js")
    texts = [each.read_text(encoding="utf-8") for each in (*first, file)]
    return st.components.v2.component(
        f"bert4rec_{file.stem}", js="\n".join(texts), isolate_styles=False
    )
