"""Which runs need a dataset, and deleting a dataset that none needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bert4rec.data.collection import delete_dataset, list_datasets
from bert4rec.errors import FormatError, NotFoundError, RunError
from bert4rec.runs.folder import ACTIVE_STATES, Run
from bert4rec.runs.registry import list_runs

N_NAMED = 5


@dataclass(frozen=True)
class DatasetUse:
    """The runs that need a dataset, newest first.

    Args:
        active: Those that wait, train or pause: it cannot be deleted.
        ended: Those that could no longer be resumed or inspected without it.
    """

    active: tuple[Run, ...] = ()
    ended: tuple[Run, ...] = ()


def dataset_use(workspace: Path, folder_name: str) -> DatasetUse:
    """Return which runs need the dataset in a folder of the workspace.

    Where the workspace holds the same dataset a second time, runs that ended find that one.

    Cost: the configurations and states of all runs are read.
    """
    manifests = list_datasets(workspace)
    mine = next((m for m in manifests if m["folder"] == folder_name), {})
    fingerprint = str(mine.get("fingerprint") or "")
    others = (m for m in manifests if m["folder"] != folder_name)
    has_twin = bool(fingerprint) and any(m.get("fingerprint") == fingerprint for m in others)
    found = list(_runs_of(workspace, folder_name, fingerprint))
    active = tuple(run for run in found if _is_active(run))
    ended = () if has_twin else tuple(run for run in found if run not in active)
    return DatasetUse(active, ended)


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
    """Delete a dataset of the workspace that no run needs.

    Args:
        workspace: Where it lies.
        folder_name: Its folder.
        is_forced: Delete it also where runs that ended need it; they stay, but can no longer be
            resumed or inspected.

    Raises:
        RunError: a run needs it; `runs` in the details has their ids.
        NotFoundError: there is no such dataset.
    """
    use = dataset_use(workspace, folder_name)
    if use.active:
        raise _needed(folder_name, use.active, "active", "Stop them first, or let them end.")
    if use.ended and not is_forced:
        fix = "Delete them first, or force it: they could no longer be resumed or inspected."
        raise _needed(folder_name, use.ended, "ended", fix)
    delete_dataset(workspace, folder_name)


def _needed(folder_name: str, runs: tuple[Run, ...], state: str, fix: str) -> RunError:
    rest = len(runs) - N_NAMED
    names = ", ".join(run.id for run in runs[:N_NAMED]) + (f" and {rest:,} more" * (rest > 0))
    return RunError(
        f"dataset {folder_name!r} is needed by runs: {names}",
        fix=fix,
        runs=[run.id for run in runs],
        state=state,
    )
