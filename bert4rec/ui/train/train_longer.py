"""Training a run longer: the button, and the dialog that asks for how many epochs."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.policy_settings import MAX_COUNT
from bert4rec.runs.extension import (
    EXTENDABLE_STATES,
    Extension,
    extend_run,
    parent_of,
    plan_extension,
)
from bert4rec.runs.folder import Run
from bert4rec.runs.label import MAX_NAME
from bert4rec.runs.registry import free_run_name
from bert4rec.ui import state
from bert4rec.ui.presses import once
from bert4rec.ui.redrawing import dialog
from bert4rec.view.markdown import escape

LABEL = "Train longer"


def draw_train_longer(run: Run, now: str) -> None:
    """Draw the button, where the state of a run allows it.

    Args:
        run: The run.
        now: Its state.
    """
    if now not in EXTENDABLE_STATES:
        return
    has_end = run.checkpoint("last").is_file()
    if st.button(
        LABEL,
        icon=":material/more_time:",
        disabled=not has_end,
        help=None if has_end else "Its last checkpoint, from which it would go on, is gone.",
        key=f"longer_{run.id}",
    ):
        _ask_epochs(run)


def parent_words(run: Run) -> str:
    """Return from which run's end a run went on; nothing where it began by itself.

    Raises:
        FormatError: the configuration is damaged.
    """
    parent = parent_of(run)
    if parent is None:
        return ""
    name = parent.name
    with suppress(Bert4RecError):
        # As it is called now, where it is still here.
        name = Run(run.folder.with_name(parent.run)).name
    return f"went on from {name} after epoch {parent.epoch:,}"


@dialog(LABEL, icon=":material/more_time:")
def _ask_epochs(run: Run) -> None:
    n_done = run.status().epoch
    with st.container(horizontal=True):
        n_epochs = st.number_input(
            "Further epochs",
            min_value=1,
            max_value=max(1, MAX_COUNT - n_done),
            value=max(1, n_done),
            key=f"further_{run.id}",
            width=140,
        )
        name = st.text_input(
            "Name of the new run",
            value=free_run_name(state.workspace(), run.name),
            max_chars=MAX_NAME,
            key=f"longer_name_{run.id}",
        )
    try:
        plan = plan_extension(run, n_epochs)
    except Bert4RecError as error:
        state.show_error(error)
        return
    _draw_plan(plan)
    if st.button(LABEL, type="primary", icon=":material/play_arrow:", key="really_longer"):
        try:
            _start(run, plan, n_epochs, name)
        except Bert4RecError as error:
            state.show_error(error)


def _draw_plan(plan: Extension) -> None:
    st.markdown(
        f"A new run goes on from the last checkpoint, up to epoch {plan.settings.n_epochs:,}, with "
        "the same settings and the curves so far. This run stays as it is."
    )
    same = (
        "On a machine of the same kind, the outcome is that of "
        f"{plan.settings.n_epochs:,} epochs in one go, to the last digit."
    )
    for note in plan.notes or (same,):
        st.caption(escape(note))


def _start(run: Run, plan: Extension, n_epochs: int, name: str) -> None:
    service = state.job_service()
    longer = once(
        f"longer_{run.id}",
        lambda: service.make_and_submit(
            plan.settings.device, lambda: extend_run(run, n_epochs, name=name)
        ),
    )
    state.choose_run(longer.id)
    st.switch_page("pages/train.py", query_params={"run": longer.id})
