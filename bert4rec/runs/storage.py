"""What a run takes on disk, and letting go of what an ended one needs no more."""

from __future__ import annotations

import os
from pathlib import Path

from bert4rec.errors import RunError
from bert4rec.files import writing_explained
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held


def disk_use(folder: Path) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    n_bytes = 0
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                n_bytes += disk_use(Path(entry.path))
            else:
                n_bytes += entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        pass
    return n_bytes


def prunable_bytes(run: Run) -> int:
    """Return what pruning would free: the size of `last` where the run is finished, else 0.

    A run that stopped, failed or was interrupted keeps it, as it goes on from there.

    Raises:
        FormatError: the status is damaged.
        NotFoundError: the run is gone.
    """
    last = run.checkpoint("last")
    is_free = run.status().state == "finished" and run.checkpoint("best").is_file()
    return last.stat().st_size if is_free and last.is_file() else 0


def prune_run(run: Run) -> int:
    """Delete the `last` checkpoint of a finished run, whose model is `best`; return bytes freed.

    Raises:
        RunError: the run is not finished, or is active elsewhere.
        UnwritableError: the file cannot be deleted.
    """
    with held(run.folder), writing_explained(run.folder):
        state = run.status().state
        if state != "finished":
            raise RunError(
                f"run {run.name!r} is {state} and needs its last checkpoint to go on from",
                fix="Prune it once it is finished.",
            )
        n_bytes = prunable_bytes(run)
        if n_bytes:
            run.checkpoint("last").unlink(missing_ok=True)
    return n_bytes
