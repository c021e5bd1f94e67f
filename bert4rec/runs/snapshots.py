"""Light snapshots of item vectors, epoch by epoch: what a film of the map is made of.

A run keeps at most `MAX_SNAPSHOTS` of them in 16-bit floats. As it goes on, every other one is let
go of, so that they stay evenly spread; the newest is always there. Which ones are kept depends on
the newest epoch alone, so a run that was interrupted and resumed keeps the same ones.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bert4rec.errors import FormatError
from bert4rec.files import remove_abandoned
from bert4rec.runs.checkpoints import load_checkpoint, save_checkpoint
from bert4rec.runs.folder import Run

MAX_SNAPSHOTS = 12
# Of larger catalogues a sample is kept, the same one for each epoch.
MAX_ITEMS = 2_000
NAME = re.compile(r"epoch-(\d{1,9})\.safetensors")


def spread_rows(n: int, limit: int) -> np.ndarray:
    """Return `limit` of `n` rows drawn evenly, in order, int64; all of them where they fit.

    The same rows each time; those of a smaller limit are among those of a larger one.
    """
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).permutation(n)[:limit])


def save_snapshot(run: Run, epoch: int, vectors_nd: Tensor) -> None:
    """Keep the item vectors as they are after an epoch, and thin out the earlier ones.

    Args:
        run: Whose folder.
        epoch: Epochs completed.
        vectors_nd: Vectors of items 1..N, (N, D).
    """
    folder = run.snapshots
    rows = torch.from_numpy(spread_rows(len(vectors_nd), MAX_ITEMS))
    kept = vectors_nd.detach()[rows.to(vectors_nd.device)].half()
    tensors = {"vectors": kept, "item_idx": (rows + 1).int()}
    save_checkpoint(folder / _name(epoch), tensors, {"epoch": epoch})
    remove_abandoned(folder)
    for old in set(snapshot_epochs(run)) - set(kept_epochs(epoch)):
        if old < epoch:
            (folder / _name(old)).unlink(missing_ok=True)


def kept_epochs(newest: int) -> list[int]:
    """Return the epochs whose snapshots are kept once `newest` is done.

    Example:
        >>> kept_epochs(5), kept_epochs(15)
        ([1, 2, 3, 4, 5], [2, 4, 6, 8, 10, 12, 14, 15])
    """
    every = 1
    while len(epochs := _every(every, newest)) > MAX_SNAPSHOTS:
        every *= 2
    return epochs


def _every(step: int, newest: int) -> list[int]:
    return sorted({*range(step, newest + 1, step), newest})


def _name(epoch: int) -> str:
    return f"epoch-{epoch:05}.safetensors"


def snapshot_epochs(run: Run) -> list[int]:
    """Return the epochs of which a run has a snapshot, in order."""
    folder = run.snapshots
    names = (NAME.fullmatch(path.name) for path in folder.glob("epoch-*.safetensors"))
    return sorted(int(name[1]) for name in names if name)


def load_snapshot(run: Run, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items of a snapshot, 1..N, int64 (n,), and their vectors, float32 (n, D).

    Raises:
        NotFoundError: there is none of that epoch.
        FormatError: it is damaged.
    """
    path = run.snapshots / _name(epoch)
    tensors, _ = load_checkpoint(path)
    vectors, item_idx = tensors.get("vectors"), tensors.get("item_idx")
    if vectors is None or item_idx is None or vectors.shape[:1] != item_idx.shape:
        raise FormatError("the snapshot of item vectors is damaged", where=str(path))
    return item_idx.long().numpy(), vectors.float().numpy()


def copy_snapshots(run: Run, folder: Path, *, up_to: int) -> None:
    """Copy the snapshots of a run up to an epoch into the folder of another run."""
    for epoch in snapshot_epochs(run):
        if epoch <= up_to:
            (folder / "snapshots").mkdir(exist_ok=True)
            source = run.snapshots / _name(epoch)
            shutil.copyfile(source, folder / "snapshots" / source.name)
