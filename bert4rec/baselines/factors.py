"""A vector for each user and each item whose products tell who meets what: weighted ALS."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows, met_items
from bert4rec.extras import load_extra
from bert4rec.histories import Histories

# Chosen by validation on four logs, see docs/compare.md.
N_FACTORS = 64
N_ITERATIONS = 15
REGULARIZATION = 10.0
# How much more an item that was met counts than one that was not.
CONFIDENCE = 5.0


class Factors:
    """Score items by the products of their vectors with that of a history.

    The vector of a history is solved for when it is asked about, so that users of whom nothing was
    trained on, and items met since, count like all others.

    Args:
        model: Fitted by implicit.

    Source: Hu, Koren & Volinsky 2008.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        # Made before several threads ask at once.
        self.items = torch.from_numpy(np.ascontiguousarray(model.item_factors))
        self.model.YtY  # noqa: B018

    @classmethod
    def fit(cls, train: TrainingRows) -> Factors:
        """Alternate between the vectors of users and items.

        Raises:
            MissingExtraError: implicit is not installed.
        """
        als = load_extra("implicit.cpu.als", "baselines")
        with threadpool_limits(1, "blas"):
            model = als.AlternatingLeastSquares(
                factors=N_FACTORS,
                regularization=REGULARIZATION,
                alpha=CONFIDENCE,
                iterations=N_ITERATIONS,
                num_threads=train.n_threads,
                random_state=train.seed,
            )
            model.fit(
                train.user_items,
                show_progress=False,
                callback=lambda iteration, *_: train.tell((iteration + 1) / N_ITERATIONS),
            )
            return cls(model)

    def item_vectors(self) -> Tensor:
        """Return the vectors of items 1..N, float32 (N, D)."""
        return self.items

    def vectors(self, histories: Histories) -> Tensor:
        """Return the vector of each history, zeros for an empty one, float32 (n_rows, D)."""
        if not len(histories):
            return torch.empty((0, self.items.shape[1]))
        met = met_items(histories, len(self.items))
        found = self.model.recalculate_user(np.arange(len(histories)), met)
        return torch.from_numpy(np.asarray(found, dtype=np.float32))

    def scores(self, histories: Histories) -> Tensor:
        """Return the products, float32 (n_rows, N)."""
        return self.vectors(histories) @ self.items.T
