"""Past, future and both: what of a sequence a hidden place is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bert4rec.errors import SettingsError

CONTEXTS = ("past", "future", "both")
CONTEXT_NAMES = {"past": "past only", "future": "future only", "both": "both sides"}


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


def nearest(items: np.ndarray, position: int, n_shown: int) -> tuple[np.ndarray, int]:
    """Return the items nearest to a place, from both sides where there are any, and its position.

    Args:
        items: Item indices, (n,).
        position: The place asked for.
        n_shown: Items shown around it; one side gives more where the other has too few.
    """
    n_before, n_after = position, len(items) - 1 - position
    n_before = min(n_before, max(n_shown - n_shown // 2, n_shown - n_after))
    n_after = min(n_after, n_shown - n_before)
    return items[position - n_before : position + n_after + 1], n_before


def window_around(is_shown: np.ndarray, place: int, length: int, *, sees_future: bool) -> slice:
    """Return the window of a sequence in which a network is asked for a place.

    A network that sees both sides reads the places around it. One that sees only the past is shown
    the newest items before the place; gaps among them take no room, as they close up.

    Args:
        is_shown: Which places of the sequence are shown, bool (n,).
        place: The place asked for.
        length: Items that the network reads at once, the place among them.
        sees_future: Whether it reads what comes after a place.
    """
    if sees_future:
        start = min(max(0, place - length // 2), max(0, len(is_shown) - length))
        return slice(start, start + length)
    before = np.flatnonzero(is_shown[:place])
    return slice(int(before[1 - length]) if len(before) >= length else 0, place + 1)


def newest_window(n_items: int, places: Sequence[int], length: int) -> int:
    """Return where the window of the newest `length` items of a sequence starts.

    Args:
        n_items: Length of the sequence.
        places: Positions in it that must lie inside the window.
        length: Items that the network reads at once.

    Raises:
        SettingsError: a place lies outside the window.
    """
    start = max(0, n_items - length)
    outside = [place for place in places if not start <= place < n_items]
    if outside and outside[0] >= n_items:
        raise SettingsError(
            [f"position {outside[0]}, counted from 0, lies after the end of the sequence"]
        )
    if outside:
        raise SettingsError(
            [f"position {outside[0]}, counted from 0, lies before the window of {length} items"],
            fix="Ask for one of the newest items, or train with a longer max_seq_length.",
        )
    return start
