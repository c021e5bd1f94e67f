"""Sections that are folded away or pop up, and are made only while they are open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import streamlit as st


@contextmanager
def folded(
    label: str,
    *,
    key: str,
    about: str = "",
    icon: str | None = None,
    expanded: bool = False,
    must_open: bool = False,
) -> Iterator[bool]:
    """Draw a section with a heading that opens it; yields whether it is open.

    What is in it is to be drawn only then: a browser takes milliseconds for each widget of a page,
    seen or not.

    Args:
        label: The heading.
        key: Where the state is kept.
        about: Said behind the heading while it is shut. While it is open the heading stays as it
            is, as another one would make the section anew under the hands of who types in it.
        icon: Before the heading.
        expanded: Whether it is open at first.
        must_open: Whether it is opened whatever it was.
    """
    # Of its own accord Streamlit shuts a section whose heading becomes another one.
    is_open = st.session_state[key] = must_open or bool(st.session_state.get(key, expanded))
    box = st.expander(label if is_open else label + about, icon=icon, key=key, on_change="rerun")
    with box:
        yield bool(box.open)


@contextmanager
def popped(
    label: str,
    *,
    key: str,
    icon: str | None = None,
    is_bare: bool = False,
    about: str | None = None,
) -> Iterator[bool]:
    """Draw a button that opens a box over the page; yields whether it is open, see `folded`.

    Args:
        label: On the button.
        key: Where the state is kept.
        icon: Before the label.
        is_bare: Whether the button has no frame.
        about: What is said of it to who asks.
    """
    kind: Literal["tertiary", "secondary"] = "tertiary" if is_bare else "secondary"
    box = st.popover(label, type=kind, help=about, icon=icon, key=key, on_change="rerun")
    with box:
        yield bool(box.open)
