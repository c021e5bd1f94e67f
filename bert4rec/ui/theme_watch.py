"""Whether a visitor's page is light or dark; one that is switched is drawn anew.

Most of a page has the colours of the theme by itself. Maps and small charts have them from here,
and Streamlit tells of a switch only with the next run of the page.
"""

from __future__ import annotations

import streamlit as st

from bert4rec.ui.scripts import script
from bert4rec.view.group_colours import Theme

_mount = script(__file__)


def theme_type() -> Theme:
    """Return the theme that the page was drawn in last."""
    return "dark" if st.context.theme.type == "dark" else "light"


def watch_theme() -> None:
    """Let this page be run again once its theme was switched; nothing is drawn."""
    _mount(key="theme_watch", data={"drawn": theme_type()}, on_switched_change=_run_again)


def _run_again() -> None:
    """Do nothing: the run that follows is what is wanted."""
