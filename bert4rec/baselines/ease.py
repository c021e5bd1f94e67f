"""Each item told by all others at once: a linear model with a closed form, EASE."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows, met_items
from bert4rec.errors import SettingsError
from bert4rec.histories import Histories
from bert4rec.words import size

REGULARIZATION = 250.0
# The items' products, their inverse and its factor are dense and held at once.
MAX_BYTES = 2**31
BYTES_PER_PAIR = 12


class Ease:
    """Score an item by the weights that the items of a history have for it, added up.

    Args:
        weights: What each item says of each other, nothing of itself, float32 (N, N).

    Source: Steck 2019, "Embarrassingly shallow autoencoders for sparse data".
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    @classmethod
    def fit(cls, train: TrainingRows) -> Ease:
        """Solve the ridge regression of each item on all others.

        Raises:
            SettingsError: the catalogue is too large for dense matrices of all pairs of items.

        Cost: the cube of the items; 12 bytes a pair of them.
        """
        if reason := too_large(train.n_items):
            raise SettingsError([reason], fix="Leave ease out; item-knn is the like of it.")
        gram = torch.from_numpy((train.user_items.T @ train.user_items).toarray())
        gram.diagonal().add_(REGULARIZATION)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        del gram
        weights = inverse.div_(-inverse.diagonal().clone())
        weights.fill_diagonal_(0)
        return cls(weights.numpy())

    def scores(self, histories: Histories) -> Tensor:
        """Return the sums of weights, float32 (n_rows, N)."""
        return torch.from_numpy(met_items(histories, len(self.weights)) @ self.weights)


def too_large(n_items: int) -> str:
    """Return why a catalogue is too large for this model, or nothing where it is not."""
    n_bytes = BYTES_PER_PAIR * n_items**2
    if n_bytes <= MAX_BYTES:
        return ""
    most = int((MAX_BYTES / BYTES_PER_PAIR) ** 0.5)
    return (
        f"ease holds {size(n_bytes)} for all pairs of {n_items:,} items;"
        f" it is fitted for up to {most:,} items"
    )
