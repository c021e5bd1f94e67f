"""What a dataset looks like, and what to be warned of before training on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.hyperparameters import Hyperparameters

MIN_INTERACTIONS = 1_000
MIN_USERS_OF_TWO = 25
MANY_SINGLE_ITEMS = 0.5
MANY_TIES = 0.2
MANY_REPEATS = 0.3
MANY_LONG = 0.25
N_BINS = 40
# Smaller numbers than these are counters, not Unix seconds; larger ones no calendar holds.
FIRST_MOMENT_S, LAST_MOMENT_S = 1e8, 2.5e11


@dataclass(frozen=True)
class Check:
    """Something to know before training.

    Args:
        level: `info`, `warning` or `error`.
        message: What was found.
        fix: What to do about it.
    """

    level: str
    message: str
    fix: str


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
        popularity_curve: Share of the items, most popular first, and the share of interactions
            that they have together; both of shape (n_items + 1,), from 0 to 1.
        first_at: ISO 8601 time of the first interaction, in UTC; None without times.
        last_at: The same of the last one.
        share_repeats: Share of interactions whose user met the item before.
        share_time_ties: Share of neighbours in a history that have the same time.
        checks: What to know before training, gravest first.
    """

    n_users: int
    n_items: int
    n_interactions: int
    density: float
    length_quantiles: dict[str, float]
    length_histogram: tuple[np.ndarray, np.ndarray]
    popularity_curve: tuple[np.ndarray, np.ndarray]
    first_at: str | None
    last_at: str | None
    share_repeats: float
    share_time_ties: float
    checks: tuple[Check, ...]


def profile(dataset: SequenceDataset, *, max_seq_length: int | None = None) -> Profile:
    """Describe a dataset.

    Args:
        dataset: What to describe.
        max_seq_length: The window that long histories are compared with; the default setting's
            if omitted.

    Cost: one pass over the interactions, a block of users at a time.
    """
    window = max_seq_length or int(Hyperparameters().max_seq_length)
    share_repeats = dataset.repeat_share
    share_ties = _share_time_ties(dataset)
    first_at, last_at = _time_span(dataset)
    return Profile(
        n_users=dataset.n_users,
        n_items=dataset.n_items,
        n_interactions=dataset.n_interactions,
        density=dataset.n_pairs / (dataset.n_users * dataset.n_items),
        length_quantiles=_length_quantiles(dataset.lengths),
        length_histogram=_length_histogram(dataset.lengths),
        popularity_curve=_popularity_curve(dataset.vocabulary.counts),
        first_at=first_at,
        last_at=last_at,
        share_repeats=share_repeats,
        share_time_ties=share_ties,
        checks=tuple(_checks(dataset, window, share_repeats, share_ties)),
    )


def _share_time_ties(dataset: SequenceDataset) -> float:
    if dataset.times_s is None:
        return 0.0
    n_ties = n_neighbours = 0
    for first, end in dataset.blocks():
        start, stop = int(dataset.offsets[first]), int(dataset.offsets[end])
        times_s = dataset.times_s[start:stop]
        is_same_user = np.ones(max(len(times_s) - 1, 0), dtype=bool)
        borders = dataset.offsets[first + 1 : end] - start
        is_same_user[borders[(borders > 0) & (borders < len(times_s))] - 1] = False
        n_ties += int(np.count_nonzero((np.diff(times_s) == 0) & is_same_user))
        n_neighbours += int(np.count_nonzero(is_same_user))
    return n_ties / n_neighbours if n_neighbours else 0.0


def _time_span(dataset: SequenceDataset) -> tuple[str | None, str | None]:
    if dataset.times_s is None or not len(dataset.times_s):
        return None, None
    first, last = float(np.min(dataset.times_s)), float(np.max(dataset.times_s))
    if not FIRST_MOMENT_S < last < LAST_MOMENT_S or abs(first) > LAST_MOMENT_S:
        return None, None
    moments = [datetime.fromtimestamp(seconds, UTC) for seconds in (first, last)]
    return moments[0].isoformat(timespec="seconds"), moments[1].isoformat(timespec="seconds")


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


def _popularity_curve(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    falling = np.sort(counts)[::-1]
    items = np.linspace(0, 1, len(falling) + 1)
    share = np.concatenate([[0.0], np.cumsum(falling) / max(int(falling.sum()), 1)])
    return items, share


def _checks(
    dataset: SequenceDataset, window: int, share_repeats: float, share_ties: float
) -> Iterator[Check]:
    n_users_of_two = int(np.count_nonzero(dataset.lengths >= 2))
    if n_users_of_two == 0:
        yield Check(
            "error",
            "no history has two items, so there is nothing to learn an order from",
            "Check which column holds the user: each one here occurs once.",
        )
    elif n_users_of_two < MIN_USERS_OF_TWO:
        yield Check(
            "warning",
            f"only {n_users_of_two} users have two or more interactions",
            f"Figures on fewer than {MIN_USERS_OF_TWO} users say little; bring more users.",
        )
    if dataset.n_interactions < MIN_INTERACTIONS:
        yield Check(
            "warning",
            f"there are only {dataset.n_interactions:,} interactions",
            f"Below {MIN_INTERACTIONS:,} a network rarely beats popularity; bring a longer log.",
        )
    yield from _catalogue_checks(dataset)
    yield from _order_checks(dataset, window, share_repeats, share_ties)


def _catalogue_checks(dataset: SequenceDataset) -> Iterator[Check]:
    share_single = float(np.mean(dataset.vocabulary.counts == 1))
    if share_single > MANY_SINGLE_ITEMS:
        yield Check(
            "warning",
            f"{share_single:.0%} of the items occur once",
            "Nothing can be learned of them; raise the count of the rarest item, or bring more.",
        )
    if dataset.n_items > dataset.n_interactions / 2:
        yield Check(
            "warning",
            "there is an item for every second interaction or more",
            "Check which column holds the item: it may name single events.",
        )


def _order_checks(
    dataset: SequenceDataset, window: int, share_repeats: float, share_ties: float
) -> Iterator[Check]:
    if share_ties > MANY_TIES:
        yield Check(
            "warning",
            f"{share_ties:.0%} of neighbours in a history have the same time",
            "Their order is that of the file; bring finer times if there are any.",
        )
    share_long = float(np.mean(dataset.lengths > window))
    if share_long > MANY_LONG:
        yield Check(
            "info",
            f"{share_long:.0%} of the histories are longer than the window of {window}",
            "Raise the window length to see more of them at once; it costs time and memory.",
        )
    if share_repeats > MANY_REPEATS:
        yield Check(
            "info",
            f"{share_repeats:.0%} of the interactions repeat an item of the same history",
            "Keep seen items in the recommendations, or repeats can never be hit.",
        )
