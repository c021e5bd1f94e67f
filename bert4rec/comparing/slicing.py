"""Groups of judged rows: by length, by popularity and category of the true item, by pause."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bert4rec.comparing.categories import Categories
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.profile import FIRST_MOMENT_S, LAST_MOMENT_S
from bert4rec.data.split import Segments
from bert4rec.evaluation import LENGTH_SLICES, popularity_groups

BY_LENGTH = "history length"
BY_POPULARITY = "popularity of the true item"
BY_CATEGORY = "category of the true item"
BY_PAUSE = "time since the last interaction"
HOUR_S, DAY_S = 3_600.0, 86_400.0
PAUSE_SLICES = (
    (-np.inf, HOUR_S, "under an hour"),
    (HOUR_S, DAY_S, "under a day"),
    (DAY_S, 7 * DAY_S, "under a week"),
    (7 * DAY_S, 30 * DAY_S, "under a month"),
    (30 * DAY_S, np.inf, "longer"),
)
MAX_CATEGORIES = 8


def slice_members(
    dataset: SequenceDataset,
    rows: Segments,
    counts: np.ndarray,
    categories: Categories | None,
) -> pd.DataFrame:
    """Return which judged row belongs to which slice.

    Args:
        dataset: Holds the rows.
        rows: The judged histories, whose next interaction was asked for.
        counts: How often each item occurs in training, (N,).
        categories: Those of the items, None where there are none.

    Returns:
        `by`, `slice` and `row` (place among the judged), in the order in which slices are shown.
        A row has one slice of each kind, but as many categories as its item, of the most frequent
        eight. A slice without rows is not there.
    """
    parts = [
        pd.DataFrame({"by": by, "slice": label, "row": np.flatnonzero(is_in)})
        for by, label, is_in in _slices(dataset, rows, counts, categories)
        if is_in.any()
    ]
    none = pd.DataFrame({"by": [], "slice": [], "row": np.empty(0, dtype=np.int64)})
    return pd.concat(parts, ignore_index=True) if parts else none


def _slices(
    dataset: SequenceDataset,
    rows: Segments,
    counts: np.ndarray,
    categories: Categories | None,
) -> Iterator[tuple[str, str, np.ndarray]]:
    lengths, targets = rows.lengths, np.asarray(dataset.items[rows.ends], dtype=np.int64)
    for low, high in LENGTH_SLICES:
        label = f"{low} to {high - 1} items" if high else f"{low} items or more"
        yield BY_LENGTH, label, (lengths >= low) & (lengths < (high or np.inf))
    for label, is_in in popularity_groups(counts, targets).items():
        yield BY_POPULARITY, label, is_in
    if dataset.times_s is not None:
        pauses_s = _pauses_s(dataset.times_s, rows)
        for shortest, longest, label in PAUSE_SLICES:
            yield BY_PAUSE, label, (pauses_s >= shortest) & (pauses_s < longest)
    if categories is not None and len(rows):
        of_rows = categories.of_items[targets - 1]
        n_rows = np.asarray(of_rows.sum(axis=0)).ravel()
        for column in np.argsort(-n_rows, kind="stable")[:MAX_CATEGORIES]:
            is_in = of_rows[:, [column]].toarray().ravel() > 0
            yield BY_CATEGORY, categories.names[column], is_in


def _pauses_s(times_s: np.ndarray, rows: Segments) -> np.ndarray:
    """Return the seconds between the last interaction and the one asked for.

    NaN without a past, and where times are counters.
    """
    at, before = times_s[rows.ends], times_s[np.maximum(rows.ends - 1, 0)]
    is_known = (rows.lengths > 0) & (before > FIRST_MOMENT_S) & (at < LAST_MOMENT_S)
    return np.where(is_known, at - before, np.nan)
