"""A page that is drawn anew because time goes on, not at a press: it takes nothing from its reader.

A run that comes further changes what stands on a page. Words that are told once stay until the
reader presses something, and a dialog stays open: Streamlit would close it with all that was typed.
What comes and goes has a place of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, ParamSpec

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

P = ParamSpec("P")

_TOLD_KEY, _DIALOG_KEY = "told_by_this_drawing", "dialog_of_this_drawing"


def begin_drawing() -> None:
    """Begin a drawing of the whole page, which has told nothing yet and opened no dialog."""
    st.session_state[_TOLD_KEY] = {}
    st.session_state[_DIALOG_KEY] = False


def tell_once(key: str) -> Any:
    """Take what is kept under a key, or nothing; it comes back if the page draws itself anew."""
    told = st.session_state.setdefault(_TOLD_KEY, {})
    told.pop(key, None)
    if key in st.session_state:
        told[key] = st.session_state.pop(key)
    return told.get(key)


def draw_anew() -> None:
    """Draw the whole page anew; not while a dialog is open, whose end does that anyway."""
    if st.session_state.get(_DIALOG_KEY):
        return
    st.session_state.update(st.session_state.get(_TOLD_KEY, {}))
    st.rerun()


def fixed_place() -> DeltaGenerator:
    """Return a place for what comes and goes, so that what follows it does not move.

    Streamlit knows what has no key by its number among its neighbours: what gets another one is
    made anew, and who types there loses the box and what is in it.
    """
    return st.container()


def dialog(
    title: str,
    *,
    icon: str | None = None,
    width: Literal["small", "medium", "large"] = "small",
    on_dismiss: Callable[[], None] | Literal["rerun"] = "rerun",
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Open what a function draws in a dialog, under which the page does not draw itself anew.

    Args:
        title: Its title.
        icon: Its icon.
        width: Its width, as `streamlit.dialog` has it.
        on_dismiss: What is done when its reader closes it; after that the page is drawn anew.
    """

    def decorate(draw: Callable[P, None]) -> Callable[P, None]:
        drawn = st.dialog(title, width=width, icon=icon, on_dismiss=on_dismiss)(draw)

        @wraps(draw)
        def opened(*args: P.args, **kwargs: P.kwargs) -> None:
            st.session_state[_DIALOG_KEY] = True
            drawn(*args, **kwargs)

        return opened

    return decorate
