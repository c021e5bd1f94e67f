"""Ranking metrics of one held-out item a row, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

CUT_OFFS = (1, 5, 10, 20)
METRICS = ("hr", "ndcg", "mrr")
# Counts of a bootstrap that are drawn at once.
BLOCK_COUNTS = 4_000_000


def gains(ranks: np.ndarray, metric: str, k: int) -> np.ndarray:
    """Return each row's contribution to a metric, float64 (n,).

    Args:
        ranks: Rank of the held-out item in each row, from 0.
        metric: hr (is it among the first K; equal to recall with one held-out item), ndcg
            (1 / log2(rank + 2)) or mrr (1 / (rank + 1)).
        k: Cut-off; ranks of K and beyond count as 0.
    """
    is_hit = ranks < k
    if metric == "hr":
        return is_hit.astype(np.float64)
    if metric == "ndcg":
        return is_hit / np.log2(ranks + 2.0)
    return is_hit / (ranks + 1.0)


def mean_metrics(ranks: np.ndarray) -> dict[str, float]:
    """Return all metrics at all cut-offs, like `{"ndcg@10": 0.16}`; 0 for no rows."""
    return {
        f"{metric}@{k}": float(gains(ranks, metric, k).mean()) if len(ranks) else 0.0
        for metric in METRICS
        for k in CUT_OFFS
    }


def interval(
    values: np.ndarray, *, share: float = 0.95, n_resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the mean.

    Args:
        values: One value a user, (n,).
        share: Probability that the interval should cover.
        n_resamples: Resamples drawn.
        seed: Chance behind them.

    Source: Efron & Tibshirani 1993, chapter 13.
    """
    if not len(values):
        return 0.0, 0.0
    # Resampling n rows with replacement is drawing how often each distinct value occurs.
    distinct, counts = np.unique(values, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(values), counts / counts.sum(), size=n_resamples)
    means = drawn @ distinct / len(values)
    tail = (1 - share) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def beside(one: Sequence[float], other: Sequence[float]) -> Literal["ahead", "behind", "level"]:
    """Return where an interval lies beside another one; where they meet they are level.

    Args:
        one: Lower and upper end.
        other: The same of the other one.

    Example:
        >>> beside((0.3, 0.4), (0.1, 0.2)), beside((0.3, 0.4), (0.35, 0.5))
        ('ahead', 'level')
    """
    (low, high), (other_low, other_high) = one, other
    if low > other_high:
        return "ahead"
    return "behind" if high < other_low else "level"


def grouped_interval(
    values: np.ndarray,
    groups: np.ndarray,
    *,
    share: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the mean of rows where these come in groups.

    Whole groups are drawn, as several rows of one user are alike. With one row a group it is that
    of `interval`, to the last digit.

    Args:
        values: One value a row, (n,).
        groups: The group of each row, such as its user, int64 (n,).
        share: Probability that the interval should cover.
        n_resamples: Resamples drawn.
        seed: Chance behind them.

    Source: Efron & Tibshirani 1993, chapter 13; drawing whole clusters as in Field & Welsh 2007.
    """
    if not len(values):
        return 0.0, 0.0
    # Drawing groups with replacement is drawing how often each distinct kind of them occurs.
    kinds, n_of_kind = np.unique(np.stack(group_sums(values, groups)), axis=1, return_counts=True)
    rng, n_groups = np.random.default_rng(seed), int(n_of_kind.sum())
    size, means = max(1, BLOCK_COUNTS // len(n_of_kind)), []
    for start in range(0, n_resamples, size):
        n = min(size, n_resamples - start)
        drawn = rng.multinomial(n_groups, n_of_kind / n_groups, size=n)
        means.append((drawn @ kinds[0]) / (drawn @ kinds[1]))
    tail = (1 - share) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)


def group_sums(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of each group's values and their number, float64 and int64 (n_groups,).

    Args:
        values: One a row, (n,).
        groups: The group of each row, (n,).
    """
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.bincount(group, weights=values, minlength=len(counts)), counts


def coverage(top: np.ndarray, n_items: int) -> float:
    """Return the share of the catalogue that stands in at least one list; `top` is (n, K)."""
    return len(np.unique(top)) / n_items if top.size else 0.0


def novelty(top: np.ndarray, counts: np.ndarray) -> float:
    """Return the mean surprise of the listed items in bits, -log2 of their share of interactions.

    Items never seen in training count as seen once.
    """
    if not top.size:
        return 0.0
    share = np.maximum(counts, 1) / max(counts.sum(), 1)
    return float(-np.log2(share[top - 1]).mean())


def popular_share(top: np.ndarray, counts: np.ndarray, head: float = 0.1) -> float:
    """Return the share of listed items that belong to the most popular tenth of the catalogue."""
    if not top.size:
        return 0.0
    n_head = max(1, round(head * len(counts)))
    is_head = np.zeros(len(counts), dtype=bool)
    is_head[np.argsort(-counts, kind="stable")[:n_head]] = True
    return float(is_head[top - 1].mean())
