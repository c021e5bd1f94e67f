"""A mean over places with what chance leaves open of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.metrics import interval, usual_gain
from bert4rec.words import ranged


@dataclass(frozen=True)
class Estimate:
    """A mean over places with its 95% interval, bootstrapped over users."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        users: np.ndarray,
        *,
        is_signed: bool = False,
        usual: float = 0.0,
    ) -> Estimate:
        """Estimate from one value a place; those of a user stay together, see `metrics.interval`.

        Args:
            values: Of each place, (n,).
            users: Whose place it is, (n,).
            is_signed: Whether values lie on both sides of zero.
            usual: What one more user has at least; of a difference, what a hit gives.
        """
        mean = float(values.mean()) if len(values) else 0.0
        return cls(mean, *interval(values, users, is_signed=is_signed, usual=usual))

    @classmethod
    def of_difference(cls, one: np.ndarray, other: np.ndarray, users: np.ndarray) -> Estimate:
        """Estimate how much more one gains than the other at the same places."""
        return cls.of(one - other, users, is_signed=True, usual=usual_gain(one, other))

    def told(self, digits: int = 3) -> str:
        """Return the mean with the ends of its interval in brackets."""
        return ranged(self.mean, self.low, self.high, digits)
