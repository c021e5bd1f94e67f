"""Past, future and both: what of a sequence a hidden place is shown."""

from __future__ import annotations

import numpy as np

CONTEXTS = ("past", "future", "both")


def cut_context(items: np.ndarray, position: int, context: str) -> tuple[np.ndarray, int]:
    """Return the part of a sequence that a context shows, and the position in it.

    Args:
        items: Item indices, (n,).
        position: The place asked for.
        context: past, future or both.
    """
    if context == "past":
        return items[: position + 1], position
    if context == "future":
        return items[position:], 0
    return items, position


def window_around(place: int, n_items: int, length: int) -> int:
    """Return where the window of `length` items around a place of a sequence starts."""
    return min(max(0, place - length // 2), max(0, n_items - length))
