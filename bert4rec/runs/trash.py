"""Deleted runs, kept in the workspace until they are restored or purged."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bert4rec.errors import FormatError, NotFoundError, RunError
from bert4rec.files import (
    child_of,
    delete_folder,
    is_file,
    make_folder,
    move_where_free,
    writing_explained,
)
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.registry import find_among, runs_in
from bert4rec.runs.status import ACTIVE_STATES

TRASH_NAME = "trash"


def list_trash(workspace: Path) -> list[Run]:
    """Return the runs in the trash, newest first."""
    return runs_in(workspace / TRASH_NAME)


def find_trashed(workspace: Path, text: str) -> Run:
    """Return a run of the trash by id, or by a name that no other one there has.

    Raises:
        NotFoundError: there is no such run in the trash; what there is gets named.
        RunError: several are so called.
    """
    trash = workspace / TRASH_NAME
    return find_among(list_trash(workspace), text, where=str(trash), is_sole=True)


def is_trashed(workspace: Path, run_id: str) -> bool:
    """Whether a run of this id lies in the trash."""
    return any(run.id == run_id for run in list_trash(workspace))


def trash_run(workspace: Path, run_id: str) -> Run:
    """Move a run into the trash; return it there. A damaged one can be moved as well.

    Raises:
        RunError: the run is still active.
        NotFoundError: there is no such run.
        UnwritableError: it cannot be moved.
    """
    folder = child_of(workspace / "runs", run_id)
    if not is_file(folder / "config.json"):
        raise NotFoundError(f"there is no run {run_id!r}", where=str(folder.parent))
    run = Run(folder)
    _refuse_active(run)
    with writing_explained(workspace):
        make_folder(workspace / TRASH_NAME)
        # One of that name may have been deleted before.
        return Run(move_where_free(run.folder, workspace / TRASH_NAME, run.id))


def _refuse_active(run: Run) -> None:
    # Let go again before the move: Windows moves no folder in which a file is open.
    with held(run.folder), suppress(FormatError, NotFoundError):
        if run.status().state in ACTIVE_STATES:
            raise RunError(f"run {run.name!r} is still active", fix="Stop it first.")


def restore_run(workspace: Path, text: str) -> Run:
    """Move a run out of the trash, back among the others; it is found as by `find_trashed`.

    Raises:
        NotFoundError: there is no such run in the trash.
        RunError: several are so called, or another run has its place.
        UnwritableError: it cannot be moved.
    """
    run = find_trashed(workspace, text)
    place = workspace / "runs" / run.id
    if place.exists():
        raise RunError(
            f"there is a run {run.id!r} already",
            where=str(workspace),
            fix="Delete that one first, which puts it into the trash too, and then restore this.",
        )
    make_folder(place.parent)
    with writing_explained(workspace):
        return Run(run.folder.rename(place))


def purge_run(workspace: Path, text: str) -> None:
    """Delete a run of the trash for good; it is found as by `find_trashed`.

    Raises:
        NotFoundError: there is no such run in the trash.
        RunError: several are so called.
        UnwritableError: it cannot be deleted.
    """
    run = find_trashed(workspace, text)
    delete_folder(run.folder)
