"""Users' pasts as rows of one flat array: what a scorer is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX


@dataclass(frozen=True, eq=False)
class Histories:
    """Some users' pasts, oldest item first, as rows of a flat array.

    Args:
        items: Item indices 1..N, one history after the other, int64 (n,).
        offsets: History r is items[offsets[r]:offsets[r + 1]], int64 (n_rows + 1,).
    """

    items: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: slice) -> Histories:
        """Return some neighbouring rows, without a copy of the items."""
        start, end, _ = rows.indices(len(self))
        offsets = self.offsets[start : end + 1]
        return Histories(self.items[offsets[0] : offsets[-1]], offsets - offsets[0])

    def pick(self, rows: np.ndarray) -> Histories:
        """Return a copy of some rows, in the order asked for."""
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Histories(self.items[places], offsets)

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry of `items`, int64 (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def last_items(self) -> np.ndarray:
        """Return the newest item of each history, PAD for an empty one, int64 (n_rows,)."""
        if not len(self.items):
            return np.full(len(self), PAD_IDX)
        newest = self.items[np.maximum(self.offsets[1:] - 1, 0)]
        return np.where(np.diff(self.offsets) > 0, newest, PAD_IDX)

    def windows(self, length: int | None = None) -> np.ndarray:
        """Return the newest `length` items of each history, padded on the left, int64 (n, length).

        The width is that of the longest history where that is smaller than `length`, or where all
        items are asked for by None.
        """
        sizes = np.diff(self.offsets)
        if length is not None:
            sizes = np.minimum(sizes, length)
        width = int(sizes.max(initial=0))
        columns = np.arange(width)
        at = np.maximum(self.offsets[1:, None] - width + columns, 0)
        is_real = columns >= width - sizes[:, None]
        if not len(self.items):
            return np.full(is_real.shape, PAD_IDX)
        return np.where(is_real, self.items[at], PAD_IDX)

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int] | np.ndarray]) -> Histories:
        """Build from sequences of item indices."""
        parts = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        items = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        return cls(items, offsets.astype(np.int64))

    @classmethod
    def at(cls, dataset: SequenceDataset, segments: Segments) -> Histories:
        """Read segments of a dataset."""
        offsets = np.concatenate([[0], np.cumsum(segments.lengths)]).astype(np.int64)
        shift = np.repeat(segments.starts - offsets[:-1], segments.lengths)
        items = dataset.items[shift + np.arange(offsets[-1])]
        return cls(items.astype(np.int64), offsets)
