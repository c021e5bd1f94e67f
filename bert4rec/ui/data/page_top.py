"""The page from its top, where something new has taken the place of what was there."""

from __future__ import annotations

import streamlit as st

from bert4rec.ui.scripts import script

_mount = script(__file__)
NEXT_KEY = "next_page_from_top"


def begin_at_top() -> None:
    """Have the next run of the page show it from its top; a browser keeps its place otherwise."""
    st.session_state[NEXT_KEY] = True


def draw_top() -> None:
    """Go to the top of the page if that was asked for; takes no place on it."""
    if st.session_state.pop(NEXT_KEY, False):
        _mount(key="page_top")
