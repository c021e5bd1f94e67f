"""Some users' histories with the part of a split that each interaction is in, to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split

PARTS = ("train", "valid", "test", "unseen", "unused")
TRAIN, VALID, TEST, UNSEEN, UNUSED = range(len(PARTS))
N_USERS = 12
N_NEWEST = 60


@dataclass(frozen=True, eq=False)
class SplitPicture:
    """Interactions of some users, one an entry.

    Args:
        user_idx: The users, int64 (n_users,).
        row: Which of them an entry belongs to, int64 (n,).
        place: Its place in the user's history, 0 for the oldest, int64 (n,).
        n_later: How many interactions of the user follow it, int64 (n,).
        items: Its item, 1..N, int64 (n,).
        times_s: Its time, float64 (n,), or None without times.
        part: Index into `PARTS`, int64 (n,). All of a user who was held out whole is `unseen`;
            `unused` is what neither trains nor is asked for.
    """

    user_idx: np.ndarray
    row: np.ndarray
    place: np.ndarray
    n_later: np.ndarray
    items: np.ndarray
    times_s: np.ndarray | None
    part: np.ndarray

    def counts(self) -> np.ndarray:
        """Return how many entries each user has in each part, int64 (n_users, n_parts)."""
        flat = self.row * len(PARTS) + self.part
        shape = (len(self.user_idx), len(PARTS))
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)


def picture_of(
    dataset: SequenceDataset, split: Split, *, n_users: int = N_USERS, n_newest: int = N_NEWEST
) -> SplitPicture:
    """Return some users, always the same ones, with the part of each of their interactions.

    Args:
        dataset: The histories.
        split: What was made of them.
        n_users: Users at most.
        n_newest: Interactions of each at most, the newest ones.

    Cost: one look at all rows of the split; the interactions of the drawn users alone are read.
    """
    users = _drawn(dataset, split, n_users)
    lengths = dataset.lengths[users]
    n_shown = np.minimum(lengths, n_newest)
    row = np.repeat(np.arange(len(users)), n_shown)
    n_later = np.repeat(np.cumsum(n_shown), n_shown) - np.arange(len(row)) - 1
    flat = dataset.offsets[users + 1][row] - 1 - n_later
    return SplitPicture(
        user_idx=users,
        row=row,
        place=lengths[row] - 1 - n_later,
        n_later=n_later,
        items=np.asarray(dataset.items[flat], dtype=np.int64),
        times_s=None if dataset.times_s is None else np.asarray(dataset.times_s[flat]),
        part=parts_at(split, users[row], flat),
    )


def _drawn(dataset: SequenceDataset, split: Split, n_users: int) -> np.ndarray:
    """Return some users in the order of their beginnings, without times of their lengths."""
    some = np.flatnonzero(dataset.lengths > 0)
    some = np.random.default_rng(0).permutation(some)[:n_users]
    if split.cuts is None or dataset.times_s is None:
        return some[np.argsort(dataset.lengths[some], kind="stable")]
    return some[np.argsort(dataset.times_s[dataset.offsets[some]], kind="stable")]


def parts_at(split: Split, user_idx: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Return the part of interactions as an index into `PARTS`, int64 (n,).

    Args:
        split: The split.
        user_idx: Whose each interaction is, int64 (n,).
        flat: Its place in the dataset's flat array, int64 (n,).
    """
    trained = split.train.user_idx
    # The users who train are in order, and one row each.
    row = np.minimum(np.searchsorted(trained, user_idx), len(trained) - 1)
    is_trained = trained[row] == user_idx
    parts = np.where(is_trained, UNUSED, UNSEEN)
    parts[is_trained & (flat < split.train.ends[row])] = TRAIN
    parts[np.isin(flat, split.valid.ends)] = VALID
    parts[np.isin(flat, split.test.ends)] = TEST
    return parts
