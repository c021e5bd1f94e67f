"""What is met by the same people: cosine neighbours of the items of a history."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows, met_items
from bert4rec.extras import load_extra
from bert4rec.histories import Histories
from bert4rec.score_blocks import Told
from bert4rec.stages import told_meanwhile

# Chosen by validation on four logs, see docs/compare.md.
N_NEIGHBOURS = 20


class ItemNeighbours:
    """Score an item by the cosines between it and the items of a history, added up.

    Args:
        similarity: Cosine of each item with its nearest ones, itself included, (N, N).

    Source: Sarwar et al. 2001; Deshpande & Karypis 2004.
    """

    def __init__(self, similarity: csr_matrix) -> None:
        self.similarity = similarity
        # Of an item that is near none of a history's.
        self.common = np.zeros(similarity.shape[0], dtype=np.float32)

    @classmethod
    def fit(cls, train: TrainingRows) -> ItemNeighbours:
        """Find the `N_NEIGHBOURS` nearest items of each, itself the first, by who met both.

        Raises:
            MissingExtraError: implicit is not installed.
        """
        nearest = load_extra("implicit.nearest_neighbours", "baselines")
        # Its CosineRecommender hands itself a matrix of a form that it then warns of.
        model = nearest.ItemItemRecommender(K=N_NEIGHBOURS, num_threads=train.n_threads)
        lengths = np.sqrt(np.maximum(train.user_items.sum(axis=0).A1, 1))
        directions = csr_matrix(train.user_items.multiply(1 / lengths))
        with threadpool_limits(1, "blas"):
            # In one piece of which nobody knows how far it is.
            told_meanwhile(
                lambda: model.fit(directions.astype(np.float64), show_progress=False),
                lambda: train.tell(0.0),
            )
        return cls(csr_matrix(model.similarity).T.tocsr())

    def scores(self, histories: Histories) -> Tensor:
        """Return the sums of cosines, float32 (n_rows, N)."""
        return torch.from_numpy(self._sums(histories).toarray())

    def exceptions(self, histories: Histories) -> Told:
        """Return the rows, items and sums of what is near an item of a history, (n,) each."""
        sums = self._sums(histories)
        rows = np.repeat(np.arange(len(histories)), np.diff(sums.indptr))
        return rows, sums.indices.astype(np.int64) + 1, sums.data

    def _sums(self, histories: Histories) -> csr_matrix:
        """Return the sums of cosines where there are any, float32 (n_rows, N)."""
        met = met_items(histories, self.similarity.shape[0])
        return csr_matrix((met @ self.similarity).astype("float32"))
