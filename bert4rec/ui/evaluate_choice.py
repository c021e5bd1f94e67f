"""What the Evaluate page shows; other pages may decide it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from bert4rec.ui import state

CHOICE_KEY = "evaluate_comparison"
RUNS_KEY = "evaluate_runs"
# The run in use when that was chosen.
CHOSEN_FOR_KEY = "evaluate_chosen_for"
NEW = "new"


def show(name: str) -> None:
    """Show a comparison, or the form of a new one, until another is chosen, or another run."""
    st.session_state[CHOICE_KEY] = name
    st.session_state[CHOSEN_FOR_KEY] = st.session_state.get(state.RUN_KEY)


def evaluate(run_ids: Sequence[str]) -> None:
    """Go to the Evaluate page, one run as what is in use, several as those to compare."""
    if len(run_ids) == 1:
        state.choose_run(run_ids[0])
        st.session_state.pop(CHOICE_KEY, None)
    else:
        show(NEW)
        st.session_state[RUNS_KEY] = list(run_ids)
    st.switch_page("pages/evaluate.py")
