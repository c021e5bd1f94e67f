"""What divides the scores of a place, by which context it is shown and by how many items.

A network that trained on long histories is too sure of itself where it is shown one or two items,
and about right where it is shown many; so one number for all places would be wrong for most. Items
that are shown are counted by doubling: 1, 2 to 3, 4 to 7, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bert4rec.contexts import CONTEXTS
from bert4rec.errors import FormatError


class Shown(NamedTuple):
    """Places that are shown the same context, and about as many items.

    Args:
        context: past, future or both.
        least: The fewest items that are shown, a power of two; 0 where nothing is.
    """

    context: str
    least: int

    @property
    def most(self) -> int:
        """The most items that are shown."""
        return max(0, 2 * self.least - 1)


# A temperature beyond is damage: none of those that are fitted comes near.
MOST = 1000.0

# By what is shown; 1 where there is none. Above 1 probabilities become more even, ranks stay.
Temperatures = Mapping[Shown, float]


def as_documents(temperatures: Temperatures) -> list[dict[str, Any]]:
    """Return temperatures as plain data; see `of_documents`."""
    return [
        {"context": shown.context, "least": shown.least, "temperature": temperature}
        for shown, temperature in temperatures.items()
    ]


def of_documents(documents: Any) -> dict[Shown, float]:
    """Return the temperatures that `as_documents` wrote.

    Raises:
        FormatError: they are damaged.
    """
    found = {}
    for one in documents if isinstance(documents, list) else [None]:
        known: dict[str, Any] = one if isinstance(one, dict) else {}
        shown = Shown(known.get("context", ""), known.get("least", -1))
        by = known.get("temperature", 0)
        is_shown = shown.context in CONTEXTS and type(shown.least) is int and shown.least >= 0
        if not is_shown or type(by) not in (int, float) or not 1 / MOST <= by <= MOST:
            raise FormatError("its temperatures are damaged")
        found[shown] = float(by)
    return found


def least_shown(n_shown: np.ndarray) -> np.ndarray:
    """Return the largest power of two that is no more than each number, 0 for 0, int64."""
    _, exponents = np.frexp(n_shown)
    least: np.ndarray = np.where(n_shown > 0, 2 ** np.maximum(exponents - 1, 0), 0)
    return least.astype(np.int64)


def count_around(is_shown_bl: np.ndarray, places_bm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many items are shown before each place and after it, int64 (B, M) each.

    Args:
        is_shown_bl: Which places of each window hold an item that is shown, bool (B, L).
        places_bm: The places asked for, (B, M).
    """
    n_until_bl = is_shown_bl.cumsum(axis=1)
    n_until_bm = np.take_along_axis(n_until_bl, places_bm, axis=1)
    n_before_bm = n_until_bm - np.take_along_axis(is_shown_bl, places_bm, axis=1)
    return n_before_bm, n_until_bl[:, -1:] - n_until_bm


def divisors(temperatures: Temperatures, n_before: np.ndarray, n_after: np.ndarray) -> np.ndarray:
    """Return what divides the scores of places, float32 of the shape of `n_before`.

    Args:
        temperatures: By what is shown.
        n_before: Items that are shown before each place.
        n_after: Items that are shown after it.
    """
    # With nothing around it a place is shown an empty past.
    context = np.where(n_after > 0, np.where(n_before > 0, "both", "future"), "past")
    least = least_shown(n_before + n_after)
    found = np.ones(least.shape, dtype=np.float32)
    for shown, temperature in temperatures.items():
        found[(context == shown.context) & (least == shown.least)] = temperature
    return found
