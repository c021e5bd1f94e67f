"""Notices that a visitor has switched between light and dark, and draws the page anew for it.

Most of a page has the colours of the theme by itself. Maps and small charts have them from here,
and Streamlit tells of a switch only with the next run of the page.
"""

from __future__ import annotations

import streamlit as st

from bert4rec.ui.scripts import script

_mount = script(__file__)


def watch_theme() -> None:
    """Let this page be run again once its theme was switched; nothing is drawn."""
    drawn = st.context.theme.type or "light"
    _mount(key="theme_watch", data={"drawn": drawn}, on_switched_change=_run_again)


def _run_again() -> None:
    """Do nothing: the run that follows is what is wanted."""
