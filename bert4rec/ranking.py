"""From scores to ranks: the whole catalogue, seen items removed, ties against the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

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

    def windows(self, length: int) -> np.ndarray:
        """Return the newest `length` items of each history, padded on the left, int64 (n, length).

        The width is that of the longest history where that is smaller than `length`.
        """
        sizes = np.minimum(np.diff(self.offsets), length)
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


class Scorer(Protocol):
    """Anything that scores the whole catalogue for histories: a network or a yardstick."""

    def scores(self, histories: Histories) -> Tensor:
        """Return the score of each item as the next one, float32 (n_rows, N), bigger is better."""
        ...


def remove_items(scores_bn: Tensor, rows: np.ndarray, items: np.ndarray) -> Tensor:
    """Set scores[rows, items - 1] to minus infinity, in place, and return the scores."""
    row = torch.as_tensor(rows, device=scores_bn.device)
    column = torch.as_tensor(items - 1, device=scores_bn.device)
    return scores_bn.index_put_((row, column), scores_bn.new_tensor(-torch.inf))


def ranks_of(scores_bn: Tensor, target_b: Tensor) -> Tensor:
    """Return the rank of each row's target, from 0, int64 (B,).

    An item with the same score as the target counts as better, so that a model that cannot tell
    items apart gains nothing; a target scored NaN or minus infinity comes last.

    Args:
        scores_bn: Scores of items 1..N, (B, N).
        target_b: Item indices 1..N, int64 (B,).
    """
    target_score = scores_bn.gather(1, target_b[:, None] - 1)
    n_not_below = (scores_bn >= target_score).sum(dim=1) - 1
    is_lost = ~(target_score.squeeze(1) > -torch.inf)
    return n_not_below.masked_fill(is_lost, scores_bn.shape[1] - 1)


def top_items(scores_bn: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the K best items of each row and their scores, best first, both (B, K).

    Equal scores are ordered by item index, so that the answer is the same on every device.
    """
    n_items = scores_bn.shape[1]
    k = min(k, n_items)
    score, column = scores_bn.topk(min(k + 1, n_items), dim=1)
    is_open = (score[:, k - 1] == score[:, -1]) & (k < n_items)
    score, column = score[:, :k], column[:, :k]
    order = column.argsort(dim=1)
    score, column = score.gather(1, order), column.gather(1, order)
    order = score.argsort(dim=1, descending=True, stable=True)
    score, column = score.gather(1, order), column.gather(1, order)
    # topk takes any of the items that tie at the cut; those rows are sorted whole.
    rows = is_open.nonzero().squeeze(1)
    if len(rows):
        column[rows] = scores_bn[rows].argsort(dim=1, descending=True, stable=True)[:, :k]
    return column + 1, score
