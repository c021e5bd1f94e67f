"""Names on maps: of groups in their middle, of the item in focus and the nearest to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bert4rec.plain_text import shortened
from bert4rec.view.map_charts import Rings
from bert4rec.view.map_colours import Group

# Of the neighbours of an item so many are named: more names would hide what they are names of.
N_NAMED = 5
MAX_LETTERS = 28
# A trace of a chart and the place of a point in it.
Point = tuple[int, int]


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
        point: What it follows on a chart whose points move; None where they do not.
    """

    text: str
    x: float
    y: float
    kind: Literal["focus", "near", "group"]
    axes: str = ""
    trace: int | None = None
    point: Point | None = None


def item_labels(
    rings: Rings,
    points: np.ndarray,
    titles: Sequence[str],
    *,
    axes: str = "",
    moving: Mapping[int, Point] | None = None,
) -> list[Label]:
    """Return the names of the item in focus and of the nearest to it, in this order.

    Args:
        rings: The items.
        points: Places of all rows on the chart, (n, 2).
        titles: One a row.
        axes: See `Label`.
        moving: The points of the rows, where they move; see `moving_points`.
    """
    rows, points_of = [rings.row, *rings.near[:N_NAMED]], moving or {}
    return [
        Label(
            _text(titles[row]),
            *_place(points[row]),
            "near" if at else "focus",
            axes,
            point=points_of.get(row),
        )
        for at, row in enumerate(rows)
    ]


def moving_points(groups: Sequence[Group]) -> dict[int, Point]:
    """Return the point that stands for each row on a chart with a trace for each group."""
    return {
        int(row): (trace, place)
        for trace, group in enumerate(groups)
        for place, row in enumerate(group.rows)
    }


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
