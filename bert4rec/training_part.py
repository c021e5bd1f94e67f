"""The part of a dataset that a network may learn from, counted: what is told of a run's data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bert4rec.data.dataset import BLOCK_ROWS, SequenceDataset, count_distinct
from bert4rec.data.split import Segments, split_dataset
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters


@dataclass(frozen=True, eq=False)
class TrainingPart:
    """The interactions of a dataset that train; what is held out counts in none of its figures.

    Args:
        dataset: Holds them.
        rows: Which ones, a row a user.
        told: How often each item occurs in them, int64 (N,), where that is known without them, as
            of a bundle.
    """

    dataset: SequenceDataset
    rows: Segments
    told: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        dataset: SequenceDataset,
        settings: Hyperparameters,
        told: np.ndarray | None = None,
    ) -> TrainingPart:
        """Return the training part of the split that the settings ask for.

        A dataset without interactions, which a bundle has, has none that train either.

        Raises:
            DatasetError: the dataset cannot be split so.
        """
        if not dataset.n_interactions:
            nobody = np.empty(0, dtype=np.int64)
            return cls(dataset, Segments(nobody, nobody, nobody), told)
        return cls(dataset, split_dataset(dataset, settings).train)

    @property
    def n_interactions(self) -> int:
        """Number of interactions that train."""
        return int(self.rows.lengths.sum())

    @cached_property
    def counts(self) -> np.ndarray:
        """Return how often each item occurs, int64 (N,)."""
        if self.told is not None:
            return self.told
        counts = np.zeros(self.dataset.n_items + 1, dtype=np.int64)
        for histories in self._blocks():
            counts += np.bincount(histories.items, minlength=len(counts))
        return counts[1:]

    @cached_property
    def repeat_share(self) -> float:
        """Share of the interactions in which a user meets an item again."""
        n_pairs = 0
        for histories in self._blocks():
            keys = histories.rows * np.int64(self.dataset.n_items + 1) + histories.items
            n_pairs += count_distinct(keys)
        return 1 - n_pairs / self.n_interactions if self.n_interactions else 0.0

    def log_shares(self, items: np.ndarray) -> np.ndarray:
        """Return log2 of how probable items are by popularity alone, float64 (n,).

        That is their share of the interactions that train, in which an item that does not train
        counts as met once. Where nothing is known of what trained, as with a bundle of before
        these counts, it is the share of all interactions.

        Args:
            items: Item indices 1..N, (n,).
        """
        counts = self.counts if self.counts.any() else self.dataset.vocabulary.counts
        met = np.maximum(counts, 1)
        found: np.ndarray = np.log2(met[items - 1] / met.sum())
        return found

    def _blocks(self) -> Iterator[Histories]:
        """Yield the rows in blocks of whole rows, of about `BLOCK_ROWS` interactions each."""
        ends, first = np.cumsum(self.rows.lengths), 0
        while first < len(ends):
            done = ends[first - 1] if first else 0
            end = int(np.searchsorted(ends, done + BLOCK_ROWS, side="right"))
            end = max(first + 1, end)
            yield Histories.at(self.dataset, self.rows.take(slice(first, end)))
            first = end
