"""What a run will cost and what it will see, shown before it starts."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError
from bert4rec.estimate import Estimate, Size, probe, size_of
from bert4rec.first_batch import FirstBatch, Place, first_batch
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.search.plan import SearchPlan
from bert4rec.ui import state
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import loss_words, titled
from bert4rec.words import counted, device_word, duration, number, size

ESTIMATES_KEY = "train_estimates"
N_KEPT = 8
N_SHOWN_PLACES = 7
HIDDEN = "[mask]"


def draw_estimate(dataset: SequenceDataset, settings: Hyperparameters) -> Estimate | None:
    """Show the size of the run at once and its time after a probe that a person asks for.

    Returns:
        The time, once it is known.
    """
    signature = _signature(dataset, settings)
    kept: dict[str, Estimate] = st.session_state.setdefault(ESTIMATES_KEY, {})
    try:
        known = size_of(dataset, settings)
    except Bert4RecError as error:
        state.show_error(error)
        return None
    figures = st.container()
    if signature not in kept and st.button(
        "Estimate the time",
        icon=":material/timer:",
        help="Trains a throw-away network for about three seconds on this device.",
    ):
        _keep_probe(kept, signature, dataset, settings)
    with figures:
        _draw_figures(known, kept.get(signature), settings.loss_type)
    return kept.get(signature)


def search_words(trial_s: float, plan: SearchPlan) -> str:
    """Return what a search would take whose trials all take as long as one, in words."""
    budget, whole_s = plan.budget, trial_s * plan.n_trials
    text = f"{counted(plan.n_trials, 'trial')} like this one would take {duration(whole_s)}"
    if budget.minutes is not None and 60 * budget.minutes < whole_s:
        return f"{text}; the search ends after {duration(60 * budget.minutes)} of them."
    return f"{text}; pruning shortens that, and what varies changes it."


def _signature(dataset: SequenceDataset, settings: Hyperparameters) -> str:
    return json.dumps([dataset.fingerprint, settings.in_effect()], sort_keys=True)


def _keep_probe(
    kept: dict[str, Estimate], signature: str, dataset: SequenceDataset, settings: Hyperparameters
) -> None:
    try:
        with st.spinner("Training for three seconds…"):
            kept[signature] = probe(dataset, settings)
    except Bert4RecError as error:
        state.show_error(error)
        return
    while len(kept) > N_KEPT:
        kept.pop(next(iter(kept)))
    st.rerun()


def _draw_figures(known: Size, estimate: Estimate | None, asked_loss: str | None) -> None:
    with st.grid(2, min_column_width=120):
        if estimate is not None:
            st.metric("All epochs", duration(estimate.total_s))
            st.metric("One epoch", duration(estimate.epoch_s))
        st.metric("Parameters", number(known.n_parameters))
        st.metric("Memory, about", size(known.memory_bytes))
    steps = counted(known.n_steps_per_epoch, "step")
    sequences = counted(known.n_sequences, "sequence")
    reason = escape(titled(known.loss_reason))
    loss = escape(loss_words(asked_loss, known.loss_type))
    st.caption(f"{steps} an epoch over {sequences}. Loss: {loss}; {reason}.")
    if estimate is not None:
        st.caption(
            f"Measured in {counted(estimate.n_probed_steps, 'step')} on "
            f"{device_word(estimate.device)} ({estimate.device_reason}). Early stopping may end "
            "the run sooner."
            + (" Another run is training now, which slows the probe." if _is_busy() else "")
        )


def _is_busy() -> bool:
    return bool(state.job_service().active())


def draw_first_batch(dataset: SequenceDataset, settings: Hyperparameters) -> None:
    """Show some rows of the first step's batch with the items that are asked for."""
    try:
        batch = first_batch(dataset, settings)
    except Bert4RecError as error:
        state.show_error(error)
        return
    st.caption(batch_words(batch, settings))
    # A table, because its cells wrap and their Markdown sets the hidden places apart.
    st.table(
        batch_table(batch),
        hide_index=True,
        border="horizontal",
        alt="Rows of the first training batch",
    )


def batch_words(batch: FirstBatch, settings: Hyperparameters) -> str:
    """Return what the first step has to guess, and how the table is to be read."""
    asked = (
        f"The first step sees {counted(batch.n_sequences, 'sequence')} and has to guess "
        f"{counted(batch.n_asked, 'item')}"
    )
    rows = f"The newest items of {counted(len(batch.rows), 'sequence')}, newest last"
    answers = f"the answer to each {HIDDEN} is in brackets"
    if not settings.sees_future:
        return (
            f"{asked}, each from the items before it alone. {rows}; {answers}, and what follows a "
            "place sees it."
        )
    return (
        f"{asked}: in {batch.n_sequences - batch.n_next} of the sequences from both sides, in "
        f"{batch.n_next} each from the items before it alone. {rows}; {answers}."
    )


def batch_table(batch: FirstBatch) -> pd.DataFrame:
    """Return rows as a table of Markdown whose last column is the newest item."""
    width = min(N_SHOWN_PLACES, max((len(row.places) for row in batch.rows), default=0))
    names = ["Asked from", *(_column_name(width - at) for at in range(width))]
    table = []
    for row in batch.rows:
        cells = [_cell(place) for place in row.places[-width:]]
        kind = "both sides" if row.sees_future else "the past"
        cells = [kind, *[""] * (width - len(cells)), *cells]
        table.append(dict(zip(names, cells, strict=True)))
    return pd.DataFrame(table, columns=names)


def _column_name(from_end: int) -> str:
    return "Newest" if from_end == 1 else f"{from_end - 1} before"


def _cell(place: Place) -> str:
    title = escape(place.title)
    return f":blue[**{escape(HIDDEN)}**] ({title})" if place.is_asked else title
