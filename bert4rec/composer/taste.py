"""Scores turned into probabilities of what may stand at a place, by the dials of an outline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from bert4rec.composer.outline import OPEN, Dials
from bert4rec.recommender import Recommender

# What a twin of an item in the sequence loses where diversity is 1, in nats.
DIVERSITY_NATS = 8.0


class Taste:
    """Applies novelty, diversity and temperature, as `Dials` defines them.

    Args:
        recommender: Knows the items' counts and vectors.
        dials: How bold to be.
        n_places: Length of the sequence.
    """

    def __init__(self, recommender: Recommender, dials: Dials, n_places: int) -> None:
        self.recommender = recommender
        self.dials = dials
        self.n_places = n_places
        self.known_cosines: dict[int, np.ndarray] = {}

    @cached_property
    def log_shares(self) -> np.ndarray:
        """Return the logarithm of each item's part of what trained, float32 (N,)."""
        items = np.arange(1, len(self.recommender.vocabulary) + 1)
        shares = self.recommender.training.log_shares(items) * math.log(2)
        return np.asarray(shares, dtype=np.float32)

    @cached_property
    def unit_vectors(self) -> np.ndarray:
        """Return the items' vectors at length 1, float32 (N, D)."""
        vectors = self.recommender.item_embeddings()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12))

    @cached_property
    def noise(self) -> np.ndarray:
        """Return the noise of every place and item, float32 (n_places, N)."""
        chance = np.random.default_rng(self.dials.seed)
        drawn = chance.gumbel(size=(self.n_places, len(self.recommender.vocabulary)))
        return np.asarray(self.dials.temperature * drawn, dtype=np.float32)

    def log_probabilities(
        self, scores: np.ndarray, allowed: np.ndarray, items: np.ndarray, places: Sequence[int]
    ) -> np.ndarray:
        """Return log-probabilities over what may stand at places, minus infinity for the rest.

        Args:
            scores: The network's, (M, N).
            allowed: What may stand there, bool (M, N).
            items: The sequence, `OPEN` for gaps, int64 (n,).
            places: The places asked for; what stands there does not count against itself.

        Returns:
            float64 (M, N); the exponentials of a row with any allowed item sum to 1.
        """
        liked = scores.astype(np.float64)
        if self.dials.novelty:
            liked -= self.dials.novelty * self.log_shares
        if self.dials.diversity:
            liked -= self.dials.diversity * DIVERSITY_NATS * self._likeness(items, places)
        return _log_softmax(np.where(allowed, liked, -np.inf))

    def shaken(self, log_p: np.ndarray, places: Sequence[int]) -> np.ndarray:
        """Return log-probabilities with the noise of their places added, (M, N)."""
        if not self.dials.temperature:
            return log_p
        return _log_softmax(log_p + self.noise[list(places)])

    def _likeness(self, items: np.ndarray, places: Sequence[int]) -> np.ndarray:
        """Return how like each item is to the likest one in the sequence, (M, N), in [0, 1]."""
        there = np.flatnonzero(items != OPEN)
        cosines = np.zeros((len(there), len(self.unit_vectors)), dtype=np.float32)
        for row, item in enumerate(items[there].tolist()):
            cosines[row] = self._cosines(item)
        best = cosines.max(axis=0, initial=0.0)
        rows = np.tile(best, (len(places), 1))
        for row, place in enumerate(places):
            for own in np.flatnonzero(there == place):
                # Where the likest is what stands at the place itself, the next one counts.
                at = np.flatnonzero(cosines[own] >= best)
                others = np.delete(cosines[:, at], own, axis=0)
                rows[row, at] = others.max(axis=0, initial=0.0)
        return rows

    def _cosines(self, item: int) -> np.ndarray:
        """Return the cosines of all items with one, float32 (N,), computed once each."""
        if item not in self.known_cosines:
            self.known_cosines[item] = self.unit_vectors @ self.unit_vectors[item - 1]
        return self.known_cosines[item]


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    top = scores.max(axis=1, keepdims=True, initial=-np.inf)
    shifted = scores - np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
