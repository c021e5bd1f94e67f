"""Notices that a visitor has switched between light and dark, and draws the page anew for it.

Most of a page has the colours of the theme by itself. Maps and small charts have them from here,
and Streamlit tells of a switch only with the next run of the page.
"""

from __future__ import annotations

from importlib import resources

import streamlit as st

_mount = st.components.v2.component(
    "bert4rec_theme_watch",
    js=resources.files("bert4rec.ui").joinpath("theme_watch.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def watch_theme() -> None:
    """Let this page be run again once its theme was switched; nothing is drawn."""
    drawn = st.context.theme.type or "light"
    _mount(key="theme_watch", data={"drawn": drawn}, on_switched_change=_run_again)


def _run_again() -> None:
    """Do nothing: the run that follows is what is wanted."""
