"""What the Evaluate page compares; other pages may decide it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

CHOICE_KEY = "evaluate_comparison"
RUNS_KEY = "evaluate_runs"
NEW = "new"


def evaluate(run_ids: Sequence[str]) -> None:
    """Go to the Evaluate page with the form of a new comparison, in which these runs are chosen."""
    st.session_state[CHOICE_KEY] = NEW
    st.session_state[RUNS_KEY] = list(run_ids)
    st.switch_page("pages/evaluate.py")
