"""The buttons under a question before what destroys, alike on every page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.ui import state


def draw_confirmation(
    action: Callable[[], object],
    *,
    label: str = "Delete",
    icon: str = ":material/delete:",
    is_open: bool = True,
) -> None:
    """Draw the way out of a dialog, then the way on; a refusal is shown below, in the dialog.

    Args:
        action: What is done once it is confirmed; the page is drawn anew after it.
        label: What it is called.
        icon: Its icon.
        is_open: Whether it may be confirmed yet.
    """
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="cancel_after_all"):
            st.rerun()
        is_pressed = st.button(
            label, type="primary", icon=icon, key="really_delete", disabled=not is_open
        )
    # What was pressed may have been closed since it was drawn.
    if not (is_pressed and is_open):
        return
    try:
        action()
    except Bert4RecError as error:
        state.show_error(error)
    else:
        st.rerun()
