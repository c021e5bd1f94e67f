"""What usually follows the last item: first-order transition counts."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.histories import Histories
from bert4rec.score_blocks import Told


class Transitions:
    """Score items by how often they directly followed the history's last item in training.

    Items that never followed it are ordered by popularity, below all that did.

    Args:
        followed: followed[i - 1, j - 1] counts how often item j came right after item i, (N, N).
        counts: How often each item occurs in training, (N,).
    """

    def __init__(self, followed: csr_array, counts: np.ndarray) -> None:
        self.followed = followed
        # Places among the different counts, below a half: few and coarse enough not to be lost, nor
        # rounded up to one, beside a large number of transitions.
        different, places = np.unique(counts, return_inverse=True)
        self.common = (places / (2 * max(len(different), 1))).astype(np.float32)

    @classmethod
    def fit(cls, train: Histories, n_items: int) -> Transitions:
        """Count the transitions inside each training sequence."""
        rows = train.rows
        is_pair = rows[1:] == rows[:-1]
        before, after = train.items[:-1][is_pair] - 1, train.items[1:][is_pair] - 1
        ones = np.ones(len(before), dtype=np.float32)
        followed = csr_array((ones, (before, after)), shape=(n_items, n_items))
        followed.sum_duplicates()
        return cls(followed, np.bincount(train.items, minlength=n_items + 1)[1:])

    def scores(self, histories: Histories) -> Tensor:
        """Return transition counts plus a fraction by popularity, float32 (n_rows, N)."""
        scores = np.tile(self.common, (len(histories), 1))
        rows, items, found = self.exceptions(histories)
        scores[rows, items - 1] = found
        return torch.from_numpy(scores)

    def exceptions(self, histories: Histories) -> Told:
        """Return the rows, items and scores of what followed a last item, (n,) each."""
        last = histories.last_items()
        real_rows = np.flatnonzero(last != PAD_IDX)
        followed = self.followed[last[real_rows] - 1]
        rows = np.repeat(real_rows, np.diff(followed.indptr))
        columns = followed.indices.astype(np.int64)
        return rows, columns + 1, self.common[columns] + followed.data
