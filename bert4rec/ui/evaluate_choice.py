"""What the Evaluate page shows; other pages may decide it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.ui import cache, state

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


def strangers(first: Run, others: Iterable[Run]) -> dict[str, str]:
    """Return the runs that cannot be compared with one, by id, each with the reason in words."""
    told = {run.id: _strangeness(first, run) for run in others}
    return {run_id: reason for run_id, reason in told.items() if reason}


def _strangeness(first: Run, other: Run) -> str:
    try:
        mine, its = (run.config()["dataset"] for run in (first, other))
        if mine["fingerprint"] != its["fingerprint"]:
            return "on other data"
        dataset = cache.open_dataset(str(mine.get("folder", "")), str(mine["fingerprint"]))
        return cache.unlikeness(dataset, first.judged_settings(), other.judged_settings())
    except Bert4RecError:
        # What is missing is said by the form.
        return ""
