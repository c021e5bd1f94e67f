"""Names on maps: of groups in their middle, of the item in focus and the nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bert4rec.plain_text import shortened
from bert4rec.view.map_charts import Rings
from bert4rec.view.map_colours import Group

# Of the neighbours of an item so many are named: more names would hide what they are names of.
N_NAMED = 5
MAX_LETTERS = 28


@dataclass(frozen=True)
class Label:
    """A name on a chart.

    Args:
        text: What is written.
        x: Place of what it is the name of, in units of the axis.
        y: See `x`.
        kind: An item stands in the middle of its ring, and its name beside it.
        axes: Which axes of the chart: nothing for the first, `2` for the second.
        trace: The trace of the group, with which its name comes and goes; of two maps the first's.
    """

    text: str
    x: float
    y: float
    kind: Literal["focus", "near", "group"]
    axes: str = ""
    trace: int | None = None


def item_labels(
    rings: Rings, points: np.ndarray, titles: Sequence[str], *, axes: str = ""
) -> list[Label]:
    """Return the names of the item in focus and of the nearest to it, in this order.

    Args:
        rings: The items.
        points: Places of all rows on the chart, (n, 2).
        titles: One a row.
        axes: See `Label`.
    """
    rows = [rings.row, *rings.near[:N_NAMED]]
    return [
        Label(_text(titles[row]), *_place(points[row]), "near" if at else "focus", axes)
        for at, row in enumerate(rows)
    ]


def group_labels(groups: Sequence[Group], points: np.ndarray, *, axes: str = "") -> list[Label]:
    """Return the names of groups at the member in the middle of each, largest first.

    Args:
        groups: Those that are drawn; what has no name in common gets none.
        points: See `item_labels`.
        axes: See `Label`.
    """
    named = [(at, group) for at, group in enumerate(groups) if group.is_named]
    if len(named) < 2:
        return []
    return [
        Label(_text(group.name), *_place(middle_of(points[group.rows])), "group", axes, at)
        for at, group in named
    ]


def middle_of(points: np.ndarray) -> np.ndarray:
    """Return the point that is nearest to the median of all: a group may be in several places."""
    away = points - np.median(points, axis=0)
    return np.asarray(points[int(np.argmin((away**2).sum(axis=1)))])


def _place(point: np.ndarray) -> tuple[float, float]:
    x, y = (float(value) for value in point)
    return x, y


def _text(name: str) -> str:
    return shortened(name, MAX_LETTERS)
