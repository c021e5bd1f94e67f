"""What a run takes on disk, and letting go of what an ended one needs no more."""

from __future__ import annotations

import os
import shutil
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
    """Return what pruning would free: `last` and the snapshots of a finished run, else 0.

    A run that stopped, failed or was interrupted keeps them, as it goes on from there.

    Raises:
        FormatError: the status is damaged.
        NotFoundError: the run is gone.
    """
    if run.status().state != "finished" or not run.checkpoint("best").is_file():
        return 0
    last = run.checkpoint("last")
    n_bytes = last.stat().st_size if last.is_file() else 0
    return n_bytes + disk_use(run.snapshots)


def prune_run(run: Run) -> int:
    """Delete what a finished run needs no more; return bytes freed.

    These are the `last` checkpoint, for the model is `best`, and the snapshots of item vectors,
    of which the film of its map is made.

    Raises:
        RunError: the run is not finished, or is active elsewhere.
        UnwritableError: a file cannot be deleted.
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
            if run.snapshots.is_dir():
                shutil.rmtree(run.snapshots)
    return n_bytes
