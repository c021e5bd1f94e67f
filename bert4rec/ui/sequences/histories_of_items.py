"""A history that holds an item, looked for among all: no Streamlit."""

from __future__ import annotations

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.ui.sequences.drafts import MAX_ITEMS


def find_history(dataset: SequenceDataset, item_idx: int, window: int) -> tuple[int, int] | None:
    """Return a user who met an item and its position there, None where nobody can be shown.

    The item stands inside the window of the newest items, with others on both sides if there is
    such a history.

    Args:
        dataset: The histories.
        item_idx: 1..N.
        window: Items that a model sees.

    Cost: all interactions are read once.
    """
    rows = np.flatnonzero(dataset.items == item_idx)
    users = np.searchsorted(dataset.offsets, rows, side="right") - 1
    after = dataset.offsets[users + 1] - rows - 1
    before = rows - dataset.offsets[users]
    is_seen = after < min(window, MAX_ITEMS)
    is_best = is_seen & (after > 0) & (before > 0)
    found = np.flatnonzero(is_best if is_best.any() else is_seen)
    return (int(users[found[0]]), int(before[found[0]])) if len(found) else None
