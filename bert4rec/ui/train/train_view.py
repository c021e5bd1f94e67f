"""What the Train page shows: a run, or the form of a new one; other pages may decide it."""

from __future__ import annotations

import streamlit as st

from bert4rec.ui import state
from bert4rec.ui.presses import forget_press

VIEW_KEY = "train_view"
FOLLOWED_KEY = "train_followed_run"
# The name in the form.
NAME_KEY = "train_name"
NEW = "new"
# Of a press that starts one.
START = "run"


def show_new() -> None:
    """Let the Train page show the form of a new run, at an address that names none."""
    st.session_state[VIEW_KEY] = NEW
    # The run in use, if any, was followed there already: the form must not give way to it.
    st.session_state[FOLLOWED_KEY] = st.session_state.get(state.RUN_KEY)
    state.name_no_run()
    forget_press(START)


def take_view() -> None:
    """Show what was chosen in the box of runs."""
    view = st.session_state.get(VIEW_KEY)
    if view == NEW:
        show_new()
    # A late word of the box must not undo a press that came after it: it names a run that is
    # followed already, or one whose choice went with the run when that was discarded.
    elif view is not None:
        st.session_state[FOLLOWED_KEY] = view
        state.choose_run(view)
