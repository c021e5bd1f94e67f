"""What a baseline is fitted on: the training part of a split, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.histories import Histories


def tell_nobody(share: float) -> None:
    """Hear how far a fit has come and do nothing."""


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The training part of a split, with what a fit may use.

    Args:
        histories: The training sequences, one a user, oldest item first.
        n_items: Size N of the catalogue.
        times_s: Seconds beside `histories.items`, float64, or None without times.
        seed: Chance behind a fit that draws.
        n_threads: Threads that a fit may use.
        tell: Told, during a fit that takes long, which share of it is done; may end it by raising.
    """

    histories: Histories
    n_items: int
    times_s: np.ndarray | None = None
    seed: int = 0
    n_threads: int = 1
    tell: Callable[[float], None] = tell_nobody

    @classmethod
    def of(
        cls,
        dataset: SequenceDataset,
        train: Segments,
        *,
        seed: int = 0,
        n_threads: int = 1,
        tell: Callable[[float], None] = tell_nobody,
    ) -> TrainingRows:
        """Read the training part of a split of a dataset."""
        histories = Histories.at(dataset, train)
        times_s = None
        if dataset.times_s is not None:
            shift = np.repeat(train.starts - histories.offsets[:-1], train.lengths)
            times_s = np.asarray(dataset.times_s[shift + np.arange(len(histories.items))])
        return cls(histories, dataset.n_items, times_s, seed, n_threads, tell)

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each item occurs, int64 (N,)."""
        return np.bincount(self.histories.items, minlength=self.n_items + 1)[1:]

    @cached_property
    def user_items(self) -> csr_matrix:
        """Which user met which item, float32 ones (n_users, N)."""
        return met_items(self.histories, self.n_items)


def met_items(histories: Histories, n_items: int) -> csr_matrix:
    """Return which history holds which item, however often, float32 ones (n_rows, N)."""
    ones = np.ones(len(histories.items), dtype=np.float32)
    # As 32 bits, for implicit takes no other indices.
    columns = (histories.items - 1).astype(np.int32)
    offsets = histories.offsets.astype(np.int32)
    met = csr_matrix((ones, columns, offsets), shape=(len(histories), n_items))
    met.sum_duplicates()
    met.data[:] = 1
    return met
