"""What can be done with a run of the list, as buttons: from a label to the trash."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.errors import Bert4RecError
from bert4rec.names import MAX_NOTE
from bert4rec.runs.folder import Run
from bert4rec.runs.label import MAX_NAME, MAX_TAG, Label, change_label
from bert4rec.runs.status import RESUMABLE_STATES
from bert4rec.runs.storage import prunable_bytes, prune_run
from bert4rec.runs.trash import list_trash, purge_run, restore_run
from bert4rec.ui import state
from bert4rec.ui.confirmation import draw_confirmation
from bert4rec.ui.folded import folded
from bert4rec.ui.redrawing import dialog
from bert4rec.ui.refusals import carry_out, keep_refusal
from bert4rec.ui.run_deletion import draw_delete, name_of
from bert4rec.ui.runs.report_button import draw_report
from bert4rec.ui.runs.run_downloads import draw_downloads
from bert4rec.ui.train.run_controls import clone_to_form, resume_offer, resume_run
from bert4rec.ui.train.train_longer import draw_train_longer
from bert4rec.view.markdown import escape
from bert4rec.view.run_table import run_row
from bert4rec.words import counted, size, some_of

# What went wrong with the last press.
PROBLEM_KEY = "runs_problem"
TRASH_KEY = "runs_trash"
FREE = "Free old checkpoints"


def draw_actions(run: Run, now: str, n_bytes: int, known_tags: list[str]) -> None:
    """Draw the buttons of a run that can be read.

    Args:
        run: The run.
        now: Its state.
        n_bytes: What it takes on disk.
        known_tags: Tags of all runs, to choose from.
    """
    with st.container(horizontal=True):
        if st.button("Open", icon=":material/open_in_full:", type="primary"):
            _open(run)
        if st.button("Rename, note, tags", icon=":material/edit:"):
            _ask_label(run, replace(run.label(), name=run.name), known_tags)
        if st.button("Clone to the form", icon=":material/content_copy:"):
            _clone(run)
        if now in RESUMABLE_STATES:
            _draw_resume(run)
        draw_train_longer(run, now)
        draw_report([run], has_begun=run_row(run).has_begun)
        _draw_files(run, now, n_bytes)
        draw_delete(run, now)


def _open(run: Run) -> None:
    state.choose_run(run.id)
    st.switch_page("pages/train.py", query_params={"run": run.id})


def _clone(run: Run) -> None:
    try:
        clone_to_form(run)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
        st.rerun()
    st.switch_page("pages/train.py")


def _draw_resume(run: Run) -> None:
    label, obstacle = resume_offer(run)
    if st.button(
        label, icon=":material/play_arrow:", disabled=bool(obstacle), help=obstacle or None
    ):
        _resume(run)


def _resume(run: Run) -> None:
    try:
        resume_run(run)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
        st.rerun()
    _open(run)


def _draw_files(run: Run, now: str, n_bytes: int) -> None:
    with st.popover("Files", icon=":material/download:", key="runs_files"):
        draw_downloads(run, now, n_bytes)
        n_free = prunable_bytes(run)
        st.button(
            f"{FREE} ({size(n_free)})" if n_free else FREE,
            icon=":material/delete_sweep:",
            help="Deletes the last checkpoint of a finished run, which is needed only to train it "
            "longer and to watch one prediction on Train, and the snapshots for the film of its "
            "map. The model, which is the best one, stays.",
            disabled=not n_free,
            on_click=carry_out,
            args=(PROBLEM_KEY, prune_run, run),
            width="stretch",
        )


# The label comes as an argument, which stays as it was when the dialog was opened.
@dialog("Rename, note, tags")
def _ask_label(run: Run, shown: Label, known_tags: list[str]) -> None:
    # A dialog that was left keeps what was typed, which must not stand over words from elsewhere.
    over = f"{run.id}_{crc32(repr(shown).encode()):08x}"
    name = st.text_input("Name", value=shown.name, max_chars=MAX_NAME, key=f"name_{over}")
    tags = st.multiselect(
        "Tags",
        list(dict.fromkeys([*shown.tags, *known_tags])),
        default=list(shown.tags),
        accept_new_options=True,
        placeholder="Choose or write some",
        help=f"Words to find the run by, up to {MAX_TAG} signs each.",
        key=f"tags_{over}",
    )
    # Below the tags, whose open list would lie over the button.
    note = st.text_area("Note", value=shown.note, max_chars=MAX_NOTE, key=f"run_note_{over}")
    st.caption("Settings and figures of a run stay as they are.")
    if not st.button("Save", type="primary", icon=":material/check:"):
        return
    try:
        change_label(run.folder, shown, Label(name, note, tuple(tags)))
    except Bert4RecError as error:
        state.show_error(error)
    else:
        st.rerun()


def draw_trash(place: DeltaGenerator) -> None:
    """Draw what lies in the trash, to be restored or purged; nothing where it is empty."""
    runs = list_trash(state.workspace())
    if not runs:
        return
    count = f" · {len(runs):,}"
    with (
        place,
        folded("Trash", key="runs_trash_box", about=count, icon=":material/delete:") as is_open,
    ):
        if is_open:
            _draw_trashed(runs)


def _draw_trashed(runs: list[Run]) -> None:
    names = {run.id: f"{name_of(run)} · {run.id}" for run in runs}
    chosen = _choose_trashed(names)
    with st.container(horizontal=True):
        st.button(
            "Restore",
            icon=":material/restore_from_trash:",
            disabled=not chosen,
            on_click=_restore,
            args=(chosen,),
        )
        wanted = chosen or list(names)
        if st.button(
            f"Delete {counted(len(wanted), 'run')} for good", icon=":material/delete_forever:"
        ):
            _ask_purge(wanted)


def _choose_trashed(names: dict[str, str]) -> list[str]:
    """Let some of the deleted runs be chosen, or tell the only one, which needs no choice.

    One that is left of several is to be chosen: the second press of a double click on *Restore*
    would bring it back too.
    """
    if len(names) == 1 and TRASH_KEY not in st.session_state:
        st.markdown(escape(*names.values()))
        return list(names)
    return st.multiselect(
        "Deleted runs",
        list(names),
        format_func=lambda run_id: names.get(run_id, run_id),
        placeholder="Choose some",
        key=TRASH_KEY,
    )


def _restore(run_ids: list[str]) -> None:
    n_restored = 0
    for run_id in run_ids:
        try:
            restore_run(state.workspace(), run_id)
        except Bert4RecError as error:
            keep_refusal(PROBLEM_KEY, error)
        else:
            n_restored += 1
    if n_restored:
        st.toast(f"{counted(n_restored, 'run')} restored", icon=":material/restore_from_trash:")
    _offer_no_undo_of(run_ids)


def _offer_no_undo_of(run_ids: list[str]) -> None:
    kept = st.session_state.get(state.DELETED_KEY, [])
    st.session_state[state.DELETED_KEY] = [run_id for run_id in kept if run_id not in run_ids]


@dialog("Delete for good?", icon=":material/delete_forever:")
def _ask_purge(run_ids: list[str]) -> None:
    st.markdown(
        f"{counted(len(run_ids), 'run')} of the trash will be deleted for good. "
        "This cannot be undone."
    )
    st.caption(escape(some_of(run_ids)))
    draw_confirmation(
        lambda: _purge(run_ids), label="Delete for good", icon=":material/delete_forever:"
    )


def _purge(run_ids: list[str]) -> None:
    for run_id in run_ids:
        purge_run(state.workspace(), run_id)
    _offer_no_undo_of(run_ids)
