"""The same list for everyone: items by how often they occur of late."""

from __future__ import annotations

import numpy as np

from bert4rec.baselines.popularity import Popularity
from bert4rec.baselines.training_rows import TrainingRows

# Share of the training interactions that count as late.
RECENT_SHARE = 0.1


def fit_recent(train: TrainingRows) -> Popularity:
    """Count the newest tenth of the training interactions.

    With times, these are the newest of all users together; without, the newest of each history,
    one at least. Items with the same count are ordered by how often they occur in all. An item's
    score is its place in that order, from 0, which items that agree in both share.

    Source: Ji et al. 2020, "A re-visit of the popularity baseline in recommender systems".
    """
    late = train.histories.items[is_late(train)]
    counts = np.bincount(late, minlength=train.n_items + 1)[1:]
    # Whole numbers, the second one below what the first is multiplied with: no fraction is lost
    # beside a large one.
    both = counts * (int(train.counts.max(initial=0)) + 1) + train.counts
    _, places = np.unique(both, return_inverse=True)
    return Popularity(places)


def is_late(train: TrainingRows) -> np.ndarray:
    """Return which training interactions are late, bool (n,); equal times stay together."""
    n = len(train.histories.items)
    if not n:
        return np.zeros(0, dtype=bool)
    if train.times_s is not None:
        n_late = max(1, round(RECENT_SHARE * n))
        return np.asarray(train.times_s >= np.partition(train.times_s, n - n_late)[n - n_late])
    histories = train.histories
    sizes = np.diff(histories.offsets)
    n_late_of = np.maximum(1, np.round(RECENT_SHARE * sizes)).astype(np.int64)
    first_late = histories.offsets[1:] - n_late_of
    return np.asarray(np.arange(n) >= first_late[histories.rows])
