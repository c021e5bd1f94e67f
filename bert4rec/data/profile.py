"""What a dataset looks like, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from bert4rec.data.dataset import SequenceDataset, count_distinct
from bert4rec.hyperparameters import Hyperparameters

N_BINS, N_RATIO_BINS = 40, 24
# With a larger share of the histories in one bin of equal length the others say little.
MOST_IN_A_BIN = 0.5
N_TIME_BINS = 60
# Smaller numbers than these are counters, not Unix seconds; larger ones no calendar holds.
FIRST_MOMENT_S, LAST_MOMENT_S = 1e8, 2.5e11
# The calendar begins with the year 1; databases write 0000-00-00 for a date that they lack.
CALENDAR_BEGINS_S = -62_135_596_800.0


@dataclass(frozen=True, eq=False)
class Profile:
    """Figures of a dataset.

    Args:
        n_users: Number of histories.
        n_items: Size of the catalogue.
        n_interactions: Number of interactions.
        density: Share of all pairs of user and item that occur.
        length_quantiles: History lengths: `min`, `p10`, `p25`, `median`, `p75`, `p90`, `max` and
            `mean`.
        length_histogram: Edges (n + 1,) and number of histories (n,) in each bin.
        ratio_histogram: The same in bins of about equal ratios, where most histories would be in
            one of those of equal length; None where they are not.
        window: The window length that histories are compared with.
        n_long: Number of histories that are longer than the window.
        popularity_curve: Share of the items, most popular first, and the share of interactions
            that they have together; both of shape (n_items + 1,), from 0 to 1.
        n_single_items: Number of items that occur once.
        first_at: ISO 8601 time of the first interaction, in UTC; None without times, and where one
            is beyond the calendar.
        last_at: The same of the last one.
        time_histogram: Edges (n + 1,) in Unix seconds and number of interactions (n,) in each bin,
            the bins of equal length; None without a first time, or where all are the same.
        n_repeats: Number of interactions whose user met the item before.
        n_repeats_in_a_row: Number of interactions with the same item as the one before.
        n_neighbours: Number of pairs of interactions that follow each other in a history.
        n_time_ties: How many of these have the same time.
        n_backward: How many of these go back in time, which a prepared dataset never does.
        n_duplicates: Number of interactions that are there again with the same user, item and time.
    """

    n_users: int
    n_items: int
    n_interactions: int
    density: float
    length_quantiles: dict[str, float]
    length_histogram: tuple[np.ndarray, np.ndarray]
    ratio_histogram: tuple[np.ndarray, np.ndarray] | None
    window: int
    n_long: int
    popularity_curve: tuple[np.ndarray, np.ndarray]
    n_single_items: int
    first_at: str | None
    last_at: str | None
    time_histogram: tuple[np.ndarray, np.ndarray] | None
    n_repeats: int
    n_repeats_in_a_row: int
    n_neighbours: int
    n_time_ties: int
    n_backward: int
    n_duplicates: int

    @property
    def share_long(self) -> float:
        """Share of the histories that are longer than the window."""
        return self.n_long / max(self.n_users, 1)

    @property
    def share_repeats(self) -> float:
        """Share of the interactions whose user met the item before."""
        return self.n_repeats / max(self.n_interactions, 1)

    @property
    def share_time_ties(self) -> float:
        """Share of neighbours in a history that have the same time."""
        return self.n_time_ties / max(self.n_neighbours, 1)


class Neighbours(NamedTuple):
    """Counts of pairs of interactions that follow each other in a history."""

    n: int
    n_same_item: int
    n_same_time: int
    n_backward: int


def profile(dataset: SequenceDataset, *, max_seq_length: int | None = None) -> Profile:
    """Describe a dataset.

    Args:
        dataset: What to describe.
        max_seq_length: The window that long histories are compared with; the default setting's
            if omitted.

    Cost: a sort and a few passes over the interactions, a block of users at a time.
    """
    window = max_seq_length or int(Hyperparameters().max_seq_length)
    neighbours = _neighbours(dataset)
    span_s = _span_s(dataset)
    first_at, last_at = (None, None) if span_s is None else (_iso(moment) for moment in span_s)
    return Profile(
        n_users=dataset.n_users,
        n_items=dataset.n_items,
        n_interactions=dataset.n_interactions,
        density=dataset.n_pairs / (dataset.n_users * dataset.n_items),
        length_quantiles=_length_quantiles(dataset.lengths),
        length_histogram=_length_histogram(dataset.lengths),
        ratio_histogram=_ratio_histogram(dataset.lengths),
        window=window,
        n_long=int(np.count_nonzero(dataset.lengths > window)),
        popularity_curve=_popularity_curve(dataset.vocabulary.counts),
        n_single_items=int(np.count_nonzero(dataset.vocabulary.counts == 1)),
        first_at=first_at,
        last_at=last_at,
        time_histogram=None if span_s is None else _time_histogram(dataset, *span_s),
        n_repeats=dataset.n_interactions - dataset.n_pairs,
        n_repeats_in_a_row=neighbours.n_same_item,
        n_neighbours=neighbours.n,
        n_time_ties=neighbours.n_same_time,
        n_backward=neighbours.n_backward,
        n_duplicates=_n_duplicates(dataset) if neighbours.n_same_time else 0,
    )


def _neighbours(dataset: SequenceDataset) -> Neighbours:
    counts = np.zeros(4, dtype=np.int64)
    for first, end in dataset.blocks():
        rows = slice(int(dataset.offsets[first]), int(dataset.offsets[end]))
        is_one_user = _is_one_user(dataset, first, end)
        items = dataset.items[rows]
        found = [is_one_user, is_one_user & (items[1:] == items[:-1])]
        if dataset.times_s is not None:
            times_s = dataset.times_s[rows]
            found.append(is_one_user & (times_s[1:] == times_s[:-1]))
            found.append(is_one_user & (times_s[1:] < times_s[:-1]))
        counts[: len(found)] += [np.count_nonzero(part) for part in found]
    return Neighbours(*counts.tolist())


def _is_one_user(dataset: SequenceDataset, first: int, end: int) -> np.ndarray:
    """Return which interactions of a block belong with the next to one user, of shape (n - 1,)."""
    start, stop = int(dataset.offsets[first]), int(dataset.offsets[end])
    is_one_user = np.ones(max(stop - start - 1, 0), dtype=bool)
    borders = dataset.offsets[first + 1 : end] - start
    is_one_user[borders[(borders > 0) & (borders < stop - start)] - 1] = False
    return is_one_user


def _n_duplicates(dataset: SequenceDataset) -> int:
    """Count the interactions that repeat user, item and time of another."""
    dropped = dataset.manifest.get("settings", {}).get("drop_duplicates", False)
    if dataset.times_s is None or dropped:
        return 0
    n = 0
    for first, end in dataset.blocks():
        rows = slice(int(dataset.offsets[first]), int(dataset.offsets[end]))
        times_s, items = dataset.times_s[rows], dataset.items[rows]
        is_tied = _is_one_user(dataset, first, end) & (times_s[1:] == times_s[:-1])
        moments = np.concatenate([[0], np.cumsum(~is_tied)])[: len(items)]
        n += len(items) - count_distinct(moments * np.int64(dataset.n_items + 1) + items)
    return n


def _span_s(dataset: SequenceDataset) -> tuple[float, float] | None:
    if dataset.times_s is None or not len(dataset.times_s):
        return None
    first, last = float(np.min(dataset.times_s)), float(np.max(dataset.times_s))
    if not FIRST_MOMENT_S < last < LAST_MOMENT_S or first < CALENDAR_BEGINS_S:
        return None
    return first, last


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="seconds")


def _time_histogram(
    dataset: SequenceDataset, first_s: float, last_s: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Count interactions in bins of equal length."""
    if dataset.times_s is None or first_s == last_s:
        return None
    counts = np.zeros(N_TIME_BINS, dtype=np.int64)
    for first, end in dataset.blocks():
        times_s = dataset.times_s[dataset.offsets[first] : dataset.offsets[end]]
        bins = ((times_s - first_s) * (N_TIME_BINS / (last_s - first_s))).astype(np.int64)
        counts += np.bincount(np.minimum(bins, N_TIME_BINS - 1), minlength=N_TIME_BINS)
    return np.linspace(first_s, last_s, N_TIME_BINS + 1), counts


def _length_quantiles(lengths: np.ndarray) -> dict[str, float]:
    names = ("min", "p10", "p25", "median", "p75", "p90", "max")
    values = np.quantile(lengths, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
    quantiles = {name: float(value) for name, value in zip(names, values, strict=True)}
    return quantiles | {"mean": float(np.mean(lengths))}


def _length_histogram(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count lengths in bins of equally many whole numbers."""
    low, high = int(lengths.min()), int(lengths.max())
    width = -(-(high - low + 1) // N_BINS)
    edges = np.arange(low, high + width + 1, width, dtype=np.int64)
    counts, _ = np.histogram(lengths, bins=edges)
    return edges, counts.astype(np.int64)


def _ratio_histogram(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Count lengths in bins of about equal ratios, where few bins of equal length hold any."""
    edges, counts = _length_histogram(lengths)
    if edges[1] - edges[0] == 1 or counts.max() <= MOST_IN_A_BIN * len(lengths):
        return None
    ratios = np.geomspace(edges[0], lengths.max() + 1, N_RATIO_BINS + 1)
    edges = np.unique(np.ceil(ratios - 1e-9).astype(np.int64))
    counts, _ = np.histogram(lengths, bins=edges)
    return edges, counts.astype(np.int64)


def few_points(n: int, n_points: int) -> np.ndarray:
    """Return places of a curve of popularity that draw it, most of them where it is steep.

    Args:
        n: Points of the whole curve.
        n_points: How many to draw at most.

    Returns:
        Places from 0 to n - 1, rising, int64.

    Example:
        >>> few_points(1_000_001, 6)
        array([      0,    8000,   64000,  216000,  512000, 1000000])
    """
    return np.unique((np.linspace(0, 1, n_points) ** 3 * (n - 1)).round().astype(np.int64))


def _popularity_curve(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    falling = np.sort(counts)[::-1]
    items = np.linspace(0, 1, len(falling) + 1)
    share = np.concatenate([[0.0], np.cumsum(falling) / max(int(falling.sum()), 1)])
    return items, share
