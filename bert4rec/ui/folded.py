"""Sections that are folded away, and made only while they are open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def folded(
    label: str, *, key: str, icon: str | None = None, expanded: bool = False
) -> Iterator[bool]:
    """Draw a section with a heading that opens it; yields whether it is open.

    What is in it is to be drawn only then: a browser takes milliseconds for each widget of a page,
    seen or not.

    Args:
        label: The heading.
        key: Where the state is kept; set to True it opens the section.
        icon: Before the heading.
        expanded: Whether it is open at first.
    """
    # Of its own accord Streamlit shuts a section whose heading becomes another one.
    st.session_state[key] = bool(st.session_state.get(key, expanded))
    box = st.expander(label, icon=icon, key=key, on_change="rerun")
    with box:
        yield bool(box.open)
