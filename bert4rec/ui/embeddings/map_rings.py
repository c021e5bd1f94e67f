"""Rings and names over a flat map. The map below them is not drawn anew for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from bert4rec.ui.scripts import script
from bert4rec.view.map_charts import Rings
from bert4rec.view.map_labels import Label

_mount = script(__file__)


@dataclass(frozen=True)
class Circle:
    """A circle on a chart.

    Args:
        x: Its middle, in units of the axis.
        y: See `x`.
        size: Its diameter in pixels.
        width: Of its line, in pixels.
        axes: Which axes of the chart: nothing for the first, `2` for the second.
    """

    x: float
    y: float
    size: float
    width: float
    axes: str = ""


def circles_of(rings: Rings, points: np.ndarray, *, axes: str = "") -> Iterator[Circle]:
    """Yield the circles that mark an item and its neighbours.

    Args:
        rings: The items.
        points: Places of all rows on the chart, (n, 2).
        axes: See `Circle`.
    """
    for rows, size, width in rings.looks():
        for row in rows:
            x, y = (float(value) for value in points[row])
            yield Circle(x, y, size, width, axes)


def draw_rings(chart_key: str, circles: Iterable[Circle], labels: Iterable[Label]) -> None:
    """Lay circles and names over a chart of the same block of the page.

    Args:
        chart_key: The key of the chart.
        circles: All of them; without one the chart is bare.
        labels: Names, the most important first: one that would lie over another is left out.
    """
    _mount(
        key=f"{chart_key}_rings",
        data={
            "chart": chart_key,
            "circles": [asdict(circle) for circle in circles],
            "labels": [asdict(label) for label in labels],
        },
    )
