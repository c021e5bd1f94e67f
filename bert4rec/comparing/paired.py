"""Means over users and paired differences between two scorers, with what chance explains.

A user may be asked about several items, so users are what is drawn: all values of a user go
together into a resample, and change their sign together in a test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.metrics import BLOCK_COUNTS, group_sums, interval, usual_gain

N_FLIPS = 10_000
# A difference with a smaller p, adjusted where there are several, is not put down to chance.
LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """How much more one scorer gains than another on the same users.

    Args:
        mean: Mean difference over all rows; above 0 the first one is better.
        low: Lower end of its 95% bootstrap interval.
        high: Upper end.
        p: Chance of a mean as far from 0 or farther if both were alike, by flipping signs.
        n_better: Users to whom the first one gives more.
        n_worse: Users to whom it gives less.
        n_same: Users to whom both give the same.
    """

    mean: float
    low: float
    high: float
    p: float
    n_better: int
    n_worse: int
    n_same: int


def sign_flip_p(
    values: np.ndarray, user_idx: np.ndarray, *, n_flips: int = N_FLIPS, seed: int = 0
) -> float:
    """Return the p-value of a mean difference, two-sided, by flipping the signs of users.

    If the two scorers were alike, each user's difference could as well have the other sign.

    Args:
        values: Differences, one a row, (n,).
        user_idx: The user behind each row, (n,).
        n_flips: Draws of all signs; the smallest p is one over one more than these.
        seed: Chance behind them.

    Source: Smucker, Allan & Carterette 2007, who advise it for comparing rankings.
    """
    sums, _ = group_sums(values, user_idx)
    # Only how many of a size keep their sign matters, and that is one binomial draw. Sizes that
    # differ by rounding alone are one.
    sizes, n_of_size = np.unique(np.round(np.abs(sums), 12), return_counts=True)
    is_more = sizes > 0
    sizes, n_of_size = sizes[is_more], n_of_size[is_more]
    if not len(sizes):
        return 1.0
    found = abs(float(sums.sum())) - 1e-9
    rng, n_as_far = np.random.default_rng(seed), 0
    block = max(1, BLOCK_COUNTS // len(sizes))
    for start in range(0, n_flips, block):
        shape = (min(block, n_flips - start), len(sizes))
        kept = rng.binomial(n_of_size, 0.5, size=shape)
        n_as_far += int((np.abs((2 * kept - n_of_size) @ sizes) >= found).sum())
    return (1 + n_as_far) / (1 + n_flips)


def paired_difference(
    one: np.ndarray, other: np.ndarray, user_idx: np.ndarray, *, seed: int = 0
) -> Difference:
    """Compare the gains of two scorers on the same rows.

    Args:
        one: Gains of the first scorer, (n,).
        other: Gains of the second on the same rows, (n,).
        user_idx: The user behind each row, (n,).
        seed: Chance behind interval and test.
    """
    values = one - other
    if not len(values):
        return Difference(0.0, 0.0, 0.0, 1.0, 0, 0, 0)
    sums = np.round(group_sums(values, user_idx)[0], 12)
    low, high = interval(values, user_idx, is_signed=True, usual=usual_gain(one, other), seed=seed)
    return Difference(
        mean=float(values.mean()),
        low=low,
        high=high,
        p=sign_flip_p(values, user_idx, seed=seed),
        n_better=int((sums > 0).sum()),
        n_worse=int((sums < 0).sum()),
        n_same=int((sums == 0).sum()),
    )


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for having made several comparisons at once, (n,).

    Calling those below 0.05 real errs in any of them with a chance of 0.05 at most.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
        [0.03, 0.06, 0.06]

    Source: Holm 1979.
    """
    order = np.argsort(p_values, kind="stable")
    n = len(p_values)
    falling = np.maximum.accumulate(p_values[order] * (n - np.arange(n)))
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(falling, 1)
    return adjusted
