"""Ranking metrics of one held-out item a row, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

CUT_OFFS = (1, 5, 10, 20)
METRICS = ("hr", "ndcg", "mrr")
# The rows of fewer users say nothing about others.
LEAST_USERS = 25
# Means of one and the same value may differ by so much.
ROUNDING = 1e-9
# How `interval` makes them. Reports of before this was told have intervals without a user that was
# not met, which are clearly too narrow where there are fewer hits than this.
INTERVAL_METHOD = 2
FEW_HITS = 10
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


def beside(
    one: Sequence[float], other: Sequence[float], n_users: int
) -> Literal["ahead", "behind", "level"]:
    """Return where an interval lies beside another one.

    Where they meet they are level, and so are those of fewer users than `LEAST_USERS`.

    Args:
        one: Lower and upper end.
        other: The same of the other one.
        n_users: Users behind each.

    Example:
        >>> beside((0.3, 0.4), (0.1, 0.2), 100), beside((0.3, 0.4), (0.35, 0.5), 100)
        ('ahead', 'level')
        >>> beside((1.0, 1.0), (0.0, 0.0), 3)
        'level'
    """
    if n_users < LEAST_USERS:
        return "level"
    (low, high), (other_low, other_high) = (_with_width(ends, n_users) for ends in (one, other))
    if low > other_high:
        return "ahead"
    return "behind" if high < other_low else "level"


def _with_width(ends: Sequence[float], n_users: int) -> tuple[float, float]:
    """Return an interval with some width; that of a report of old has none of rows all alike.

    Source: Hanley & Lippman-Hand 1983: what was met with none of n may be met with 3 of n.
    """
    low, high = ends
    room = 3 / n_users if high - low < ROUNDING else 0.0
    return low - room, high + room


def told_apart(
    one: Mapping[str, Any], other: Mapping[str, Any], metric: str
) -> Literal["ahead", "behind", "level"]:
    """Return where a scorer stands beside another one; without an interval they are level.

    Args:
        one: Its summary in a report. Where users were not counted yet they are as many as rows.
        other: The same of the other one.
        metric: Such as `ndcg@10`.
    """
    ends, other_ends = (told.get("intervals", {}).get(metric) for told in (one, other))
    if ends is None or other_ends is None:
        return "level"
    return beside(
        ends, other_ends, min(told.get("n_users", told["n_rows"]) for told in (one, other))
    )


def is_too_narrow(told: Mapping[str, Any]) -> bool:
    """Whether the intervals in a scorer's summary are of the first way, and of few hits."""
    n_hits = told.get("n_rows", 0) * told["metrics"].get("hr@10", 0.0)
    is_old = told.get("interval_method", 1) < INTERVAL_METHOD
    return bool(is_old and told.get("intervals") and n_hits < FEW_HITS)


def interval(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    is_signed: bool = False,
    usual: float = 0.0,
    share: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a bootstrap interval of the mean that holds for few hits, too.

    Whole groups are drawn, as several rows of one user are alike. One more may be drawn, who was
    not met: 0 for the lower end, and for the upper one as much as those have who have anything, on
    average. So there is room for what nobody had. Of a difference either side gets half of such a
    group, for it and against it.

    Args:
        values: One value a row, (n,).
        groups: The group of each row, its user above all, int64 (n,); None where each row is one.
        is_signed: Whether values may be below 0, as differences are.
        usual: What one more has at least; of a difference, what a hit gives.
        share: Probability that the interval should cover.
        n_resamples: Resamples drawn.
        seed: Chance behind them.

    Source: Efron & Tibshirani 1993, chapter 13; drawing whole clusters as in Field & Welsh 2007.
        Invented observations, so that few hits are covered: Agresti & Coull 1998, and Agresti &
        Min 2005 for differences; for none of n the upper end is 3 / n, as in Hanley &
        Lippman-Hand 1983.
    """
    if not len(values):
        return 0.0, 0.0
    if groups is None:
        groups = np.arange(len(values))
    sums, counts = group_sums(values, groups)
    # Drawing groups with replacement is drawing how often each distinct kind of them occurs.
    kinds, n_of_kind = _kinds(sums, counts)
    more, n_rows_more = _one_more(sums, counts, usual)
    lowest, highest = (np.append(kinds[0], end) for end in (-more if is_signed else 0.0, more))
    n_rows = np.append(kinds[1], n_rows_more)
    weights = np.append(n_of_kind, 0.5 if is_signed else 1.0)
    rng, n_groups = np.random.default_rng(seed), len(sums)
    size, lows, highs = max(1, BLOCK_COUNTS // len(weights)), [], []
    for start in range(0, n_resamples, size):
        n = min(size, n_resamples - start)
        drawn = rng.multinomial(n_groups, weights / weights.sum(), size=n)
        lows.append((drawn @ lowest) / (drawn @ n_rows))
        highs.append((drawn @ highest) / (drawn @ n_rows))
    tail = (1 - share) / 2
    low, high = (
        np.quantile(np.concatenate(lows), tail),
        np.quantile(np.concatenate(highs), 1 - tail),
    )
    return float(low), float(high)


def _kinds(sums: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct pairs of both, by sum and count, float64 (2, n), and how many of each.

    As `np.unique` of columns, which sorts them as records: several times slower.
    """
    order = np.lexsort((counts, sums))
    pairs = np.stack((sums, counts))[:, order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    first = np.flatnonzero(is_new)
    return pairs[:, first], np.diff(first, append=len(order))


def _one_more(sums: np.ndarray, counts: np.ndarray, usual: float) -> tuple[float, float]:
    """Return what a group has that was not met, and its rows: those of the others on average.

    Where nobody has anything and nothing is usual it has one for each row, the most that a metric
    gives.
    """
    sizes = np.abs(sums[sums != 0])
    n_rows = float(counts.mean())
    return (max(float(sizes.mean()), usual) if len(sizes) else usual or n_rows), n_rows


def usual_gain(*gains_of_rows: np.ndarray) -> float:
    """Return what those have on average who have anything, 0 where nobody has."""
    found = np.concatenate([values[values != 0] for values in gains_of_rows])
    return float(found.mean()) if len(found) else 0.0


def group_sums(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of each group's values and their number, float64 and int64 (n_groups,).

    Args:
        values: One a row, (n,).
        groups: The group of each row, (n,).
    """
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.bincount(group, weights=values, minlength=len(counts)), counts


def coverage(top: np.ndarray, n_items: int) -> float:
    """Return the share of the catalogue that stands in at least one list.

    Args:
        top: Item indices 1..N, 0 where a list ends early, (n, K); so below.
        n_items: Size N of the catalogue.
    """
    return len(np.unique(top[top > 0])) / n_items if n_items else 0.0


def novelty(top: np.ndarray, counts: np.ndarray) -> float:
    """Return the mean surprise of the listed items in bits, -log2 of their share of interactions.

    Items never seen in training count as seen once.
    """
    listed = top[top > 0]
    if not len(listed):
        return 0.0
    share = np.maximum(counts, 1) / max(counts.sum(), 1)
    return float(-np.log2(share[listed - 1]).mean())


def popular_share(top: np.ndarray, counts: np.ndarray) -> float:
    """Return the share of listed items that belong to the most popular tenth of the catalogue."""
    listed = top[top > 0]
    if not len(listed):
        return 0.0
    n_head = max(1, round(0.1 * len(counts)))
    is_head = np.zeros(len(counts), dtype=bool)
    is_head[np.argsort(-counts, kind="stable")[:n_head]] = True
    return float(is_head[listed - 1].mean())
