"""Which runs and searches need a dataset, and deleting a dataset that none needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from bert4rec.data.collection import delete_dataset, list_datasets
from bert4rec.errors import Bert4RecError, FormatError, NotFoundError, RunError
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import list_runs
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.words import some_of


@dataclass(frozen=True)
class DatasetUse:
    """The runs and searches that need a dataset, newest first.

    Args:
        active: Runs that wait, train or pause: it cannot be deleted.
        ended: Runs that could no longer be resumed or inspected without it.
        searches: Names of studies that are searched on just now: it cannot be deleted.
    """

    active: tuple[Run, ...] = ()
    ended: tuple[Run, ...] = ()
    searches: tuple[str, ...] = ()


def dataset_use(workspace: Path, folder_name: str) -> DatasetUse:
    """Return which runs and searches need the dataset in a folder of the workspace.

    Where the workspace holds the same dataset a second time, runs that ended find that one.

    Cost: the configurations and states of all runs are read, and the studies.
    """
    manifests = list_datasets(workspace)
    mine = next((m for m in manifests if m["folder"] == folder_name), {})
    fingerprint = str(mine.get("fingerprint") or "")
    others = (m for m in manifests if m["folder"] != folder_name)
    has_twin = bool(fingerprint) and any(m.get("fingerprint") == fingerprint for m in others)
    found = list(_runs_of(workspace, folder_name, fingerprint))
    active = tuple(run for run in found if _is_active(run))
    ended = () if has_twin else tuple(run for run in found if run not in active)
    searches = () if has_twin else tuple(_searches_of(workspace, fingerprint))
    return DatasetUse(active, ended, searches)


def _searches_of(workspace: Path, fingerprint: str) -> Iterator[str]:
    """Yield the searches of a dataset that are under way; a damaged one is none."""
    if not any((workspace / "studies").glob("*.db")):
        return
    # Optuna takes a second to load.
    from bert4rec.search.studies import LOOK_S, list_studies
    from bert4rec.search.study import Study

    for path in list_studies(workspace):
        with suppress(Bert4RecError), closing(Study(path, LOOK_S)) as study:
            is_mine = study.facts()["dataset"]["fingerprint"] == fingerprint
            if is_mine and study.status(study.trials()).state in ACTIVE_STATES:
                yield study.name


def _runs_of(workspace: Path, folder_name: str, fingerprint: str) -> Iterator[Run]:
    """Yield the runs of a dataset; one that is damaged says of none, and cannot be used anyway."""
    for run in list_runs(workspace):
        with suppress(FormatError, NotFoundError):
            named = run.config()["dataset"]
            if named["fingerprint"] == fingerprint or named.get("folder") == folder_name:
                yield run


def _is_active(run: Run) -> bool:
    try:
        return run.status().state in ACTIVE_STATES
    except (FormatError, NotFoundError):
        return False


def delete_unused_dataset(workspace: Path, folder_name: str, *, is_forced: bool = False) -> None:
    """Delete a dataset of the workspace that no run and no search needs.

    Args:
        workspace: Where it lies.
        folder_name: Its folder.
        is_forced: Delete it also where runs that ended need it; they stay, but can no longer be
            resumed or inspected.

    Raises:
        RunError: a run or a search needs it; `runs` in the details has the runs' ids.
        NotFoundError: there is no such dataset.
    """
    use = dataset_use(workspace, folder_name)
    if use.active:
        raise _needed(folder_name, use.active, "active", "Stop them first, or let them end.")
    if use.searches:
        raise RunError(
            f"dataset {folder_name!r} is needed by searches: {some_of(use.searches)}",
            fix="Stop them first, or let them end.",
        )
    if use.ended and not is_forced:
        fix = "Delete them first, or force it by --force: they could no longer be resumed"
        fix += " or inspected."
        raise _needed(folder_name, use.ended, "ended", fix)
    delete_dataset(workspace, folder_name)


def _needed(folder_name: str, runs: tuple[Run, ...], state: str, fix: str) -> RunError:
    run_ids = [run.id for run in runs]
    return RunError(
        f"dataset {folder_name!r} is needed by runs: {some_of(run_ids)}",
        fix=fix,
        runs=run_ids,
        state=state,
    )
