"""Deleted runs, kept in the workspace until they are restored or purged."""

from __future__ import annotations

from collections.abc import Sequence
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
from bert4rec.json_files import check_format, read_json, write_json
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.registry import find_among, list_runs, runs_in
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.words import some_of

TRASH_NAME = "trash"
# In a run's folder, where it lies in the trash under another id than it had.
FORMER_NAME = "former_id.json"
FORMAT_VERSION = 1


def list_trash(workspace: Path) -> list[Run]:
    """Return the runs in the trash, newest first."""
    return runs_in(workspace / TRASH_NAME)


def find_trashed(workspace: Path, text: str) -> Run:
    """Return a run of the trash by id, also by that before it lay there, or by its sole name.

    Raises:
        NotFoundError: there is no such run in the trash; what there is gets named.
        RunError: several are so called.
    """
    trash = workspace / TRASH_NAME
    runs = list_trash(workspace)
    if all(run.id != text for run in runs):
        formerly = [run for run in runs if former_id(run) == text]
        if len(formerly) == 1:
            return formerly[0]
    try:
        return find_among(runs, text, where=str(trash), is_sole=True)
    except NotFoundError as error:
        raise _not_trashed(workspace, text, runs) from error


def _not_trashed(workspace: Path, text: str, trashed: Sequence[Run]) -> NotFoundError:
    problem = f"there is no run {text!r} in the trash"
    advice = []
    with suppress(NotFoundError):
        find_among(list_runs(workspace), text, where=str(workspace))
        advice.append("A run of that name is among those that are not deleted.")
    if trashed:
        advice.append(f"In the trash: {some_of([run.id for run in trashed])}.")
    else:
        problem += ", which is empty"
    return NotFoundError(problem, where=str(workspace), fix=" ".join(advice) or None)


def is_trashed(workspace: Path, run_id: str) -> bool:
    """Whether a run of this id lies in the trash, under whatever id there."""
    return any(run_id in (run.id, former_id(run)) for run in list_trash(workspace))


def former_id(run: Run) -> str:
    """Return the id that a run of the trash had before."""
    path = run.folder / FORMER_NAME
    if is_file(path):
        with suppress(FormatError, NotFoundError):
            document = read_json(path)
            check_format(document, FORMAT_VERSION, path)
            # Not where it would lead out of the folder of the runs.
            return child_of(run.folder.parent, str(document.get("id"))).name
    return run.id


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
        # One of that id may have been deleted before, and the run been brought in once more.
        moved = Run(move_where_free(run.folder, workspace / TRASH_NAME, run.id))
        (moved.folder / FORMER_NAME).unlink(missing_ok=True)
        if moved.id != run.id:
            document = {"format_version": FORMAT_VERSION, "id": run.id}
            write_json(moved.folder / FORMER_NAME, document)
    return moved


def _refuse_active(run: Run) -> None:
    # Let go again before the move: Windows moves no folder in which a file is open.
    with held(run.folder), suppress(FormatError, NotFoundError):
        if run.status().state in ACTIVE_STATES:
            raise RunError(f"run {run.name!r} is still active", fix="Stop it first.")


def restore_run(workspace: Path, text: str) -> Run:
    """Move a run out of the trash, back among the others; it is found as by `find_trashed`.

    It has the id that it had before, by which links know it; where another run has that by now,
    the one that it has in the trash.

    Raises:
        NotFoundError: there is no such run in the trash.
        RunError: several are so called, or other runs have its place.
        UnwritableError: it cannot be moved.
    """
    run = find_trashed(workspace, text)
    runs = workspace / "runs"
    places = [runs / run_id for run_id in (former_id(run), run.id)]
    place = next((path for path in places if not path.exists()), None)
    if place is None:
        raise RunError(
            f"there is a run {run.id!r} already",
            where=str(workspace),
            fix="Delete that one first, which puts it into the trash too, and then restore this.",
        )
    make_folder(runs)
    with writing_explained(workspace):
        restored = Run(run.folder.rename(place))
        (restored.folder / FORMER_NAME).unlink(missing_ok=True)
    return restored


def purge_run(workspace: Path, text: str) -> None:
    """Delete a run of the trash for good; it is found as by `find_trashed`.

    Raises:
        NotFoundError: there is no such run in the trash.
        RunError: several are so called.
        UnwritableError: it cannot be deleted.
    """
    run = find_trashed(workspace, text)
    delete_folder(run.folder)
