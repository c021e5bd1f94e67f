"""Which interactions train, which are held out: splits as index ranges, nothing is copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import DatasetError

# A history must hold an item to train on, one to validate and one to test.
MIN_EVALUATED_LENGTH = 3


@dataclass(frozen=True, eq=False)
class Segments:
    """Ranges of a dataset's flat item array, one a row.

    Args:
        user_idx: The user behind each row, int64 (n,).
        starts: First interaction of each row, int64 (n,).
        ends: One past the last interaction of each row, int64 (n,).
    """

    user_idx: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.user_idx)

    @property
    def lengths(self) -> np.ndarray:
        """Number of interactions in each row, int64 (n,)."""
        return np.asarray(self.ends - self.starts)

    def take(self, rows: np.ndarray | slice) -> Segments:
        """Return the chosen rows."""
        return Segments(self.user_idx[rows], self.starts[rows], self.ends[rows])


@dataclass(frozen=True, eq=False)
class Split:
    """A dataset cut for training and judging.

    Every held-out row is a history whose very next interaction, at `ends`, is the item to find.

    Args:
        train: What the network may learn from.
        valid: Histories whose next item decides which epoch is best.
        test: Histories, validation item included, whose next item is only reported.
        unseen: The same for users of whom nothing was trained on; empty unless asked for.
    """

    train: Segments
    valid: Segments
    test: Segments
    unseen: Segments


def leave_one_out(dataset: SequenceDataset, *, train_ratio: float = 1.0, seed: int = 42) -> Split:
    """Hold out each user's last item for test and the one before for validation.

    Histories of fewer than three interactions train and are not judged.

    Args:
        dataset: The histories.
        train_ratio: Share of the users that trains; the others are held out whole.
        seed: Chance behind the choice of users.

    Raises:
        DatasetError: no history is long enough to be judged, or no user is left to train on.
    """
    users = np.arange(dataset.n_users)
    everyone = Segments(users, dataset.offsets[:-1], dataset.offsets[1:])
    is_long = everyone.lengths >= MIN_EVALUATED_LENGTH
    if not is_long.any():
        raise DatasetError(
            f"no history of {dataset.name} has {MIN_EVALUATED_LENGTH} interactions",
            fix="Longer histories are needed to hold out one item for validation and one for test.",
        )
    is_trained = _draw_users(dataset.n_users, train_ratio, seed)
    if not (is_trained & is_long).any():
        raise DatasetError("no user is left to train on", fix="Use a larger sample_ratio.")
    n_held_out = np.where(is_long, 2, 0)
    trained = everyone.take(is_trained)
    train = Segments(trained.user_idx, trained.starts, trained.ends - n_held_out[is_trained])
    judged = everyone.take(is_trained & is_long)
    return Split(
        train=train,
        valid=Segments(judged.user_idx, judged.starts, judged.ends - 2),
        test=Segments(judged.user_idx, judged.starts, judged.ends - 1),
        unseen=_without_last(everyone.take(~is_trained & is_long)),
    )


def _without_last(rows: Segments) -> Segments:
    return Segments(rows.user_idx, rows.starts, rows.ends - 1)


def _draw_users(n_users: int, ratio: float, seed: int) -> np.ndarray:
    """Return True for the users that train, bool (n_users,)."""
    is_trained = np.ones(n_users, dtype=bool)
    n_trained = max(1, round(ratio * n_users))
    order = np.random.default_rng(seed).permutation(n_users)
    is_trained[order[n_trained:]] = False
    return is_trained
