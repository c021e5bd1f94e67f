"""The model that Inspect looks at: its newest checkpoint while it trains, calibrated afterwards."""

from __future__ import annotations

import streamlit as st

from bert4rec.calibration import Calibration
from bert4rec.findings import Found
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import ACTIVE_STATES, Run
from bert4rec.ui import state
from bert4rec.ui.cache import load_recommender

LOOK_EVERY_S = 2.0


def open_model(run: Run) -> Recommender:
    """Load what a run has learnt so far and, while it trains, draw the page anew with more.

    The draft is kept by the session, so that only predictions change. Scores of a run that has
    ended are divided by its temperature, once that is known and where it pays.

    Raises:
        NotFoundError: there is no checkpoint.
        FormatError: it is damaged.
    """
    if is_training(run):
        checkpoint = "last" if run.checkpoint("last").exists() else "best"
        _follow(run, checkpoint, _changed_at(run, checkpoint))
        return load_recommender(run.id, checkpoint=checkpoint)
    return ended_model(run)


def ended_model(run: Run) -> Recommender:
    """Load the best checkpoint of a run, with its temperature where that is known and pays."""
    recommender = load_recommender(run.id)
    found = calibration_of(run)
    if found is None or not found.pays:
        return recommender
    return recommender.with_temperature(found.temperature)


def is_training(run: Run) -> bool:
    """Return whether a run may still get better."""
    return run.status().state in ACTIVE_STATES


def calibration_of(run: Run) -> Calibration | None:
    """Return how reliable a run's probabilities are, None while it is not known."""
    if is_training(run):
        return None
    found = state.finding_service().ask(run, "calibration")
    return found.value if found.state == "done" else None


def wait_for(run: Run, kind: str, text: str) -> Found:
    """Ask for a finding; while it is under way say so, and draw the page anew once it is there.

    Args:
        run: The run.
        kind: See `findings.FINDERS`.
        text: What is being done.
    """
    found = state.finding_service().ask(run, kind)
    if found.state == "running":
        _wait(run, kind, text)
    return found


@st.fragment(run_every=0.5)
def _wait(run: Run, kind: str, text: str) -> None:
    if state.finding_service().ask(run, kind).state != "running":
        st.rerun()
    st.markdown(f":material/hourglass_top: :shimmer[{text}]")


@st.fragment(run_every=LOOK_EVERY_S)
def _follow(run: Run, checkpoint: str, drawn_at: int) -> None:
    status = run.status()
    is_new = _changed_at(run, checkpoint) != drawn_at or run.checkpoint("last").exists() != (
        checkpoint == "last"
    )
    if is_new or status.state not in ACTIVE_STATES:
        st.rerun()
    st.caption(
        f":material/autorenew: This run is training (epoch {status.epoch:,}): what it knows now is "
        "shown, and drawn anew with each checkpoint. Your sequence stays."
    )


def _changed_at(run: Run, checkpoint: str) -> int:
    path = run.checkpoint(checkpoint)
    return path.stat().st_mtime_ns if path.exists() else 0
