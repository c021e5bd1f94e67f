"""The model that Inspect looks at: its newest checkpoint while it trains, calibrated afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from bert4rec.background.findings import Found
from bert4rec.errors import Bert4RecError
from bert4rec.held_out.calibration import Calibration
from bert4rec.held_out.calibration_words import divisor_words
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.temperatures import Shown, Temperatures, least_shown
from bert4rec.ui import state
from bert4rec.ui.cache import load_recommender
from bert4rec.ui.long_making import share_words
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.train.pace import LOOK_EVERY_S
from bert4rec.view.markdown import escape


def open_model(run: Run) -> Recommender:
    """Load what a run has learned so far and, while it trains, draw the page anew with more.

    The draft is kept by the session, so that only predictions change. Scores of a run that has
    ended are divided by its temperatures, once they are known and where they pay.

    Raises:
        NotFoundError: there is no checkpoint.
        FormatError: it is damaged.
    """
    if is_training(run):
        checkpoint = run.newest_checkpoint
        _follow(run, checkpoint, run.checkpoint_ns(checkpoint))
        return load_recommender(run.id, checkpoint=checkpoint)
    return ended_model(run)


def ended_model(run: Run) -> Recommender:
    """Load the best checkpoint of a run, with its temperatures where they are known and pay."""
    recommender, temperatures = load_recommender(run.id), temperatures_of(run)
    return recommender.with_temperatures(temperatures) if temperatures else recommender


def temperatures_of(run: Run) -> dict[Shown, float]:
    """Return by what is shown what divides the scores of a run, where that is known and pays.

    Its end told it. Of a run that ended before that was looked for, it is found here.
    """
    if is_training(run):
        return {}
    kept = run.temperatures()
    if kept is not None:
        return kept
    value: Calibration | None = _calibration(run).value
    return {} if value is None else value.temperatures


def _calibration(run: Run) -> Found:
    return state.finding_service().ask(run, "calibration")


def draw_calibrated(
    models: Mapping[str, Recommender],
    where: str,
    *,
    n_before: int | None = None,
    has_bar: bool = True,
) -> None:
    """Say that probabilities are calibrated, and how; while that is being found, that it is.

    The page is drawn anew once it is known.

    Args:
        models: By their names; one alone needs none.
        where: Where to read more.
        n_before: Items of the history that is asked what follows, where that is all that is asked.
        has_bar: Whether it says how far that is; else that stands elsewhere on the page.
    """
    used = {}
    for name, model in models.items():
        assert isinstance(model.run, Run)
        used[name] = (model.run, model.scorer.temperatures)
    draw_temperatures(used, where, n_before=n_before, has_bar=has_bar)


def draw_temperatures(
    used: Mapping[str, tuple[Run, Temperatures]],
    where: str,
    *,
    n_before: int | None = None,
    has_bar: bool = True,
) -> None:
    """Say the same of runs by their names, each with what its scores were divided by."""
    for run, temperatures in used.values():
        is_told = is_training(run) or run.temperatures() is not None
        # It may have been found since the model was opened.
        if temperatures_of(run) != temperatures or (
            not is_told and _calibration(run).state == "running"
        ):
            _wait(run, "calibration", "Calibrating probabilities…", has_bar=has_bar)
            return
    kept = {
        name: temperatures if n_before is None else _after(run, temperatures, n_before)
        for name, (run, temperatures) in used.items()
    }
    told = " and ".join(
        divisor_words(by, used[name][0].hyperparameters().most_shown, escape(name))
        for name, by in kept.items()
        if by
    )
    if told:
        st.caption(
            f"Probabilities are calibrated{'' if n_before is not None else ' where that pays'}: "
            f"scores are divided by {told}, see *How sure is it?* "
            f"{where}."
        )


def _after(run: Run, temperatures: Temperatures, n_before: int) -> Temperatures:
    """Return the one that divides what a run expects after so many items, if there is one."""
    n_read = min(n_before, run.hyperparameters().most_shown)
    shown = Shown("past", int(least_shown(np.array(n_read))))
    return {shown: temperatures[shown]} if shown in temperatures else {}


def is_training(run: Run) -> bool:
    """Return whether a run may still get better."""
    return run.status().state in ACTIVE_STATES


def wait_for(run: Run, kind: str, text: str) -> Found:
    """Ask for a finding; while it is under way say so, and draw the page anew once it is there.

    Where it failed the page says why, and offers to try again.

    Args:
        run: The run.
        kind: See `findings.FINDERS`.
        text: What is being done.
    """
    found = state.finding_service().ask(run, kind)
    if found.state == "running":
        _wait(run, kind, text)
    if found.error is not None:
        state.show_error(found.error)
        st.button(
            "Try again",
            icon=":material/refresh:",
            key=f"retry_{kind}",
            on_click=state.finding_service().retry,
            args=(run, kind),
        )
    return found


def draw_finding(run: Run, kind: str, text: str) -> Any:
    """Return what was found out about a run, or None after the page was told how far that is.

    Of a run that trains it is found at a press, from its newest checkpoint, and kept with the epoch
    until the next press; of one that has ended, by itself. See `wait_for`.
    """
    found = _requested(run, kind, text) if is_training(run) else wait_for(run, kind, text)
    return None if found is None else found.value


def _requested(run: Run, kind: str, text: str) -> Found | None:
    found = state.finding_service().requested(run, kind)
    if found is not None and found.state == "running":
        _wait(run, kind, text, is_requested=True)
        return found
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_requested_words(found), width="content")
        if found is None or found.state == "failed" or not found.is_newest:
            st.button(
                "Ask its newest checkpoint" if found is None else "Redo",
                icon=":material/play_arrow:" if found is None else ":material/refresh:",
                key=f"inspect_request_{kind}",
                on_click=state.finding_service().request,
                args=(run, kind),
            )
    if found is not None and found.error is not None:
        state.show_error(found.error)
    return found


def _requested_words(found: Found | None) -> str:
    if found is None:
        return "This run is training, and an answer takes seconds of its time."
    if found.state == "failed":
        return "This run is training; a later checkpoint may do better."
    made = "Made while the run trains" + (
        "" if found.epoch is None else f", at epoch {found.epoch:,}"
    )
    return f"{made}." if found.is_newest else f"{made}; it has learned more since."


@st.fragment(run_every=0.5)
def _wait(
    run: Run, kind: str, text: str, *, is_requested: bool = False, has_bar: bool = True
) -> None:
    service = state.finding_service()
    found = service.requested(run, kind) if is_requested else service.ask(run, kind)
    if found is None or found.state != "running":
        draw_anew()
    st.markdown(f":material/hourglass_top: :shimmer[{text}]")
    # What takes no longer than a moment tells nothing.
    if has_bar and found is not None and found.doing:
        st.progress(found.share, text=share_words(found.doing, found.share))


@st.fragment(run_every=LOOK_EVERY_S)
def _follow(run: Run, checkpoint: str, drawn_at: int) -> None:
    try:
        status = run.status()
    except Bert4RecError:
        # Deleted meanwhile. Around a fragment nobody catches; the page goes on without the run.
        draw_anew()
        return
    is_new = (run.newest_checkpoint, run.checkpoint_ns(checkpoint)) != (checkpoint, drawn_at)
    if is_new or status.state not in ACTIVE_STATES:
        draw_anew()
    st.caption(
        f":material/autorenew: This run is training (epoch {status.epoch:,}): what it knows now is "
        "shown, and drawn anew with each checkpoint. Your sequence stays."
    )
