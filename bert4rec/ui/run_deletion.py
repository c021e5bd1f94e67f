"""Runs into the trash after a question, and out of it again while the page is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.runs.trash import restore_run, trash_run
from bert4rec.ui import state
from bert4rec.ui.confirmation import draw_confirmation
from bert4rec.ui.redrawing import dialog, fixed_place
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.view.markdown import escape
from bert4rec.words import counted

# What could not be taken back.
PROBLEM_KEY = "undo_problem"
# Runs that a question names one by one.
MAX_NAMED = 10


def draw_delete(run: Run, now: str, after_delete: Callable[[], None] | None = None) -> None:
    """Draw the button that deletes a run, also one that cannot be read.

    Args:
        run: The run.
        now: Its state.
        after_delete: Called once it is gone.
    """
    is_active = now in ACTIVE_STATES
    if st.button(
        "Delete",
        icon=":material/delete:",
        disabled=is_active,
        help="Stop it first." if is_active else None,
        key=f"delete_{run.id}",
    ):
        ask_delete([run], after_delete)


def ask_delete(runs: Sequence[Run], after_delete: Callable[[], None] | None = None) -> None:
    """Ask before runs go into the trash.

    Args:
        runs: The runs.
        after_delete: Called once they are gone.
    """
    ask = _ask_of_one if len(runs) == 1 else _ask_of_several
    ask(runs, after_delete)


def _ask(runs: Sequence[Run], after_delete: Callable[[], None] | None) -> None:
    names = ", ".join(f"**{escape(name_of(run))}**" for run in runs[:MAX_NAMED])
    more = f" and {len(runs) - MAX_NAMED:,} more" if len(runs) > MAX_NAMED else ""
    what = names if len(runs) == 1 else f"{len(runs):,} runs, {names}{more},"
    st.markdown(
        f"{what} will go into the trash of this workspace, with curves, checkpoints and figures. "
        "You can undo it until you leave this page, and restore what is in the trash on the Runs "
        "page until that is emptied."
    )
    draw_confirmation(lambda: _delete(runs, after_delete))


_ask_of_one = dialog("Delete this run?", icon=":material/delete:")(_ask)
_ask_of_several = dialog("Delete these runs?", icon=":material/delete:")(_ask)


def _delete(runs: Sequence[Run], after_delete: Callable[[], None] | None) -> None:
    for run in runs:
        move_to_trash(run)
    if after_delete is not None:
        after_delete()


def name_of(run: Run) -> str:
    """Return what a run is called, also one that cannot be read."""
    try:
        return run.name
    except Bert4RecError:
        return "unreadable"


def move_to_trash(run: Run) -> None:
    """Move a run into the trash, to be taken back as long as the page is open.

    Raises:
        Bert4RecError: it is active, gone or cannot be moved.
    """
    moved = trash_run(state.workspace(), run.id)
    state.forget_run(run.id)
    st.session_state[state.DELETED_KEY] = [*st.session_state.get(state.DELETED_KEY, []), moved.id]


def draw_undo() -> None:
    """Offer to take back the deletions since this page was opened."""
    show_refusal(PROBLEM_KEY)
    deleted = st.session_state.get(state.DELETED_KEY, [])
    with fixed_place():
        if deleted:
            with st.container(horizontal=True, vertical_alignment="center"):
                words = f"{counted(len(deleted), 'run')} went into the trash."
                st.markdown(f":material/delete: {words}", width="content")
                st.button("Undo", icon=":material/undo:", on_click=_undo)


def _undo() -> None:
    for run_id in st.session_state.pop(state.DELETED_KEY, []):
        carry_out(PROBLEM_KEY, restore_run, state.workspace(), run_id)
