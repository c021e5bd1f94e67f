"""Which interactions train, which are held out: splits as index ranges, nothing is copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import DatasetError
from bert4rec.hyperparameters import Hyperparameters

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


@dataclass(frozen=True)
class TimeCuts:
    """The two moments of a split by time, in the unit of the dataset's times.

    Args:
        valid_at_s: Training ends before it, validation begins with it.
        test_at_s: Validation ends before it, test begins with it.
    """

    valid_at_s: float
    test_at_s: float


@dataclass(frozen=True, eq=False)
class Split:
    """A dataset cut for training and judging.

    Every held-out row is a history whose very next interaction, at `ends`, is the item to find.

    Args:
        train: What the network may learn from.
        valid: Histories whose next item decides which epoch is best.
        test: Histories, validation items included, whose next item is only reported.
        unseen: The same for users of whom nothing was trained on; empty unless asked for.
        cuts: The moments of a split by time, None for the others.
        n_cold_valid: Users who first appear between the cuts: no past to be judged from then.
        n_cold_test: Users who first appear after the second cut.
        n_cold_unseen: The same of the users held out whole, who count in neither of the others.
    """

    train: Segments
    valid: Segments
    test: Segments
    unseen: Segments
    cuts: TimeCuts | None = None
    n_cold_valid: int = 0
    n_cold_test: int = 0
    n_cold_unseen: int = 0


def split_dataset(dataset: SequenceDataset, settings: Hyperparameters) -> Split:
    """Return the split that the settings ask for.

    Raises:
        DatasetError: the dataset cannot be split so.
    """
    ratio = settings.sample_ratio if settings.sample_strategy == "user_based" else 1.0
    seed = settings.sample_seed
    if settings.split_strategy == "global_time":
        cuts = time_cuts(dataset, settings.held_out_share)
        return global_time(dataset, cuts, train_ratio=ratio, seed=seed)
    if settings.split_strategy == "last_k":
        return last_k(dataset, settings.held_out_items, train_ratio=ratio, seed=seed)
    return leave_one_out(dataset, train_ratio=ratio, seed=seed)


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
    return last_k(dataset, 1, train_ratio=train_ratio, seed=seed)


def last_k(dataset: SequenceDataset, k: int, *, train_ratio: float = 1.0, seed: int = 42) -> Split:
    """Hold out each user's last K items for test and the K before them for validation.

    Each held-out item is a row of its own, asked from all that stands before it. A history of
    fewer than 2K + 1 interactions holds out as many as leave one to train on, the same number for
    test as for validation; one of fewer than three trains and is not judged.

    Args:
        dataset: The histories.
        k: Items of a user in each of the two parts.
        train_ratio: Share of the users that trains; the others are held out whole.
        seed: Chance behind the choice of users.

    Raises:
        DatasetError: no history is long enough to be judged, or no user is left to train on.

    Cost: two numbers for each held-out item; the interactions are not read.
    """
    everyone = _everyone(dataset)
    n_held_out = np.minimum(k, np.maximum(everyone.lengths - 1, 0) // 2)
    if not n_held_out.any():
        raise DatasetError(
            f"no history of {dataset.name} has {MIN_EVALUATED_LENGTH} interactions",
            fix="Longer histories are needed to hold out one item for validation and one for test.",
        )
    is_trained = _draw_users(dataset.n_users, train_ratio, seed)
    if not n_held_out[is_trained].any():
        raise DatasetError("no user is left to train on", fix="Use a larger sample_ratio.")
    trained, n_of_trained = everyone.take(is_trained), n_held_out[is_trained]
    before_test = _without_last(trained, n_of_trained)
    return Split(
        train=_without_last(before_test, n_of_trained),
        valid=_next_ones(before_test, n_of_trained),
        test=_next_ones(trained, n_of_trained),
        unseen=_next_ones(everyone.take(~is_trained), n_held_out[~is_trained]),
    )


def time_cuts(dataset: SequenceDataset, share: float) -> TimeCuts:
    """Return the moments after which a share of all interactions is test, and one validation.

    Equal times are never parted: they lie on the later side of a cut.

    Args:
        dataset: The histories, with times.
        share: Share of the interactions, in the order of time, in each of the two parts.

    Raises:
        DatasetError: the dataset has no times.

    Cost: a copy of the times; linear in the interactions.
    """
    times_s = np.asarray(_times_of(dataset))
    n_test = max(1, round(share * len(times_s)))
    places = [max(0, len(times_s) - 2 * n_test), len(times_s) - n_test]
    valid_at_s, test_at_s = np.partition(times_s, places)[places]
    return TimeCuts(float(valid_at_s), float(test_at_s))


def global_time(
    dataset: SequenceDataset, cuts: TimeCuts, *, train_ratio: float = 1.0, seed: int = 42
) -> Split:
    """Train on what was before the first cut; ask for what came between the cuts and after them.

    No interaction that trains is later than one that is asked for, whoever it belongs to. A user
    is one row of a part at most: the first item in its window, asked from all that the user did
    before. What follows it in the window is not asked for. A user without a past is cold in that
    part and not judged.

    Args:
        dataset: The histories, with times.
        cuts: Two moments; `time_cuts` finds them for a share of the interactions.
        train_ratio: Share of the users that trains; the others are held out whole.
        seed: Chance behind the choice of users.

    Raises:
        DatasetError: the dataset has no times, or the cuts leave a part empty.

    Cost: linear in the interactions, in blocks of users.
    """
    everyone = _everyone(dataset)
    n_train, n_past = (_counts_before(dataset, at) for at in (cuts.valid_at_s, cuts.test_at_s))
    is_trained = _draw_users(dataset.n_users, train_ratio, seed)
    is_in_valid, is_in_test = n_past > n_train, everyone.lengths > n_past
    train, past = _first(everyone, n_train), _first(everyone, n_past)
    is_cold_in_valid, is_cold_in_test = is_in_valid & (n_train == 0), is_in_test & (n_past == 0)
    split = Split(
        train=train.take(is_trained),
        valid=train.take(is_trained & is_in_valid & (n_train > 0)),
        test=past.take(is_trained & is_in_test & (n_past > 0)),
        unseen=past.take(~is_trained & is_in_test & (n_past > 0)),
        cuts=cuts,
        n_cold_valid=int((is_trained & is_cold_in_valid).sum()),
        n_cold_test=int((is_trained & is_cold_in_test).sum()),
        n_cold_unseen=int((~is_trained & is_cold_in_test).sum()),
    )
    _refuse_empty_parts(dataset, split)
    return split


def _refuse_empty_parts(dataset: SequenceDataset, split: Split) -> None:
    n_train = int(split.train.lengths.sum())
    if n_train and len(split.valid) and len(split.test):
        return
    raise DatasetError(
        f"the cuts in time of {dataset.name} leave {n_train:,} interactions to train on,"
        f" {len(split.valid):,} users to validate and {len(split.test):,} to test with a past",
        fix="Use another held_out_share, or split_strategy=leave_one_out.",
    )


def _times_of(dataset: SequenceDataset) -> np.ndarray:
    if dataset.times_s is None:
        raise DatasetError(
            f"{dataset.name} has no times, so it cannot be split by time",
            fix="Prepare the log with its time column, or use split_strategy=leave_one_out.",
        )
    return dataset.times_s


def _counts_before(dataset: SequenceDataset, at_s: float) -> np.ndarray:
    """Return how many interactions of each user are earlier than a moment, int64 (n_users,)."""
    times_s = _times_of(dataset)
    counts = np.empty(dataset.n_users, dtype=np.int64)
    for first, end in dataset.blocks():
        offsets = dataset.offsets[first : end + 1]
        is_before = times_s[offsets[0] : offsets[-1]] < at_s
        n_before = np.concatenate([[0], np.cumsum(is_before)])
        counts[first:end] = np.diff(n_before[offsets - offsets[0]])
    return counts


def _everyone(dataset: SequenceDataset) -> Segments:
    return Segments(np.arange(dataset.n_users), dataset.offsets[:-1], dataset.offsets[1:])


def _first(rows: Segments, n: np.ndarray) -> Segments:
    return Segments(rows.user_idx, rows.starts, rows.starts + n)


def _without_last(rows: Segments, n: np.ndarray) -> Segments:
    return Segments(rows.user_idx, rows.starts, rows.ends - n)


def _next_ones(rows: Segments, n: np.ndarray) -> Segments:
    """Return each row's last n items as rows of their own, each the past of one of them."""
    row = np.repeat(np.arange(len(rows)), n)
    # Counts down to 1 within each row.
    before_end = np.repeat(np.cumsum(n), n) - np.arange(len(row))
    return Segments(rows.user_idx[row], rows.starts[row], rows.ends[row] - before_end)


def _draw_users(n_users: int, ratio: float, seed: int) -> np.ndarray:
    """Return True for the users that train, bool (n_users,)."""
    is_trained = np.ones(n_users, dtype=bool)
    n_trained = max(1, round(ratio * n_users))
    order = np.random.default_rng(seed).permutation(n_users)
    is_trained[order[n_trained:]] = False
    return is_trained
