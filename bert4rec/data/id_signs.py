"""What raw ids give away: the time at which they were met, or that they are none."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bert4rec.data.dataset import SequenceDataset

# So many ids tell as much as all of them.
MOST_IDS = 20_000
FEWEST_IDS = 50
NUMBER = r"^\D*(\d{1,15})\D*$"
MONTH, DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
DATE = re.compile(rf"(?<!\d)(?:19|20)\d\d([-_/.]?){MONTH}\1{DAY}(?!\d)")

# How databases, spreadsheets and pandas write a cell that holds nothing.
GAPS = frozenset(
    ["NULL", "Null", "null", "NaN", "nan", "None", "N/A", "n/a", "#N/A", "<NA>", "\\N", "undefined"]
)


def first_times(dataset: SequenceDataset) -> tuple[np.ndarray, np.ndarray]:
    """Return when each user and each item is met first, (n_users,) and (n_items,).

    Those that are never met have infinity, as has everything in a dataset without times.

    Cost: one pass over the interactions.
    """
    users_s = np.full(dataset.n_users, np.inf)
    items_s = np.full(dataset.n_items + 1, np.inf)
    if dataset.times_s is not None:
        is_met = dataset.lengths > 0
        users_s[is_met] = dataset.times_s[dataset.offsets[:-1][is_met]]
        for first, end in dataset.blocks():
            rows = slice(int(dataset.offsets[first]), int(dataset.offsets[end]))
            np.minimum.at(items_s, dataset.items[rows], dataset.times_s[rows])
    return users_s, items_s[1:]


def time_correlation(ids: Sequence[str], first_s: np.ndarray) -> float:
    """Return the rank correlation of ids with the time at which they are first met, -1 to 1.

    Ids with one number in each are ordered by it, others as text. Fewer than 50 ids say nothing
    and give 0; of very many an even selection is looked at.

    Args:
        ids: The raw ids.
        first_s: Unix seconds of shape (n,); infinity where an id is never met.

    Source: Spearman's correlation, equal values sharing their mean rank.
    """
    chosen = _evenly(np.flatnonzero(np.isfinite(first_s)))
    if len(chosen) < FEWEST_IDS:
        return 0.0
    texts = pd.Series([ids[place] for place in chosen], dtype="str")
    numbers = texts.str.extract(NUMBER, expand=False)
    order = pd.to_numeric(numbers) if numbers.notna().all() else texts
    by_id, by_time = order.rank().to_numpy(), pd.Series(first_s[chosen]).rank().to_numpy()
    if np.ptp(by_id) == 0 or np.ptp(by_time) == 0:
        return 0.0
    return float(np.corrcoef(by_id, by_time)[0, 1])


def dated_ids(ids: Sequence[str]) -> tuple[float, str]:
    """Return the share of the ids that contain a date such as 2024-05-17, and the first of them."""
    chosen = _evenly(np.arange(len(ids)))
    dated = [ids[place] for place in chosen if DATE.search(ids[place])]
    return len(dated) / max(len(chosen), 1), dated[0] if dated else ""


def gaps_among(ids: Sequence[str]) -> list[int]:
    """Return the places of ids such as NULL, which mostly stand for none."""
    return sorted(ids.index(gap) for gap in GAPS.intersection(ids))


def _evenly(places: np.ndarray) -> np.ndarray:
    if len(places) <= MOST_IDS:
        return places
    return places[np.linspace(0, len(places) - 1, MOST_IDS).astype(np.int64)]
