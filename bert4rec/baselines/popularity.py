"""The same list for everyone: items by how often they occur."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bert4rec.histories import Histories
from bert4rec.score_blocks import Told


class Popularity:
    """Score items by their number of training interactions.

    Args:
        counts: How often each item occurs in training, (N,).
    """

    def __init__(self, counts: np.ndarray) -> None:
        self.common = np.asarray(counts, dtype=np.float32)

    def scores(self, histories: Histories) -> Tensor:
        """Return the counts for every row, float32 (n_rows, N)."""
        return torch.from_numpy(self.common).repeat(len(histories), 1)

    def exceptions(self, histories: Histories) -> Told:
        """Return that no item scores otherwise for anybody."""
        del histories
        nobody = np.empty(0, dtype=np.int64)
        return nobody, nobody, nobody.astype(np.float32)
