"""What lies over a flat map: rings and names, which follow the chart below; no Streamlit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bert4rec.maps.projection import EmbeddingMap
from bert4rec.view.map_charts import Rings, to_grid
from bert4rec.view.map_colours import Group
from bert4rec.view.map_labels import Label, Point, group_labels, item_labels

# `layOver` in it lays a layer over a chart of plotly.
SCRIPT = Path(__file__).with_suffix(".js")


@dataclass(frozen=True)
class Circle:
    """A circle on a chart.

    Args:
        x: Its middle, in units of the axis.
        y: See `x`.
        size: Its diameter in pixels.
        width: Of its line, in pixels.
        axes: Which axes of the chart: nothing for the first, `2` for the second.
        point: What it follows on a chart whose points move; None where they do not.
    """

    x: float
    y: float
    size: float
    width: float
    axes: str = ""
    point: Point | None = None


@dataclass(frozen=True)
class Layer:
    """Circles and names over a chart.

    Args:
        circles: All of them.
        labels: Names, the most important first: one that would lie over another is left out.
    """

    circles: Sequence[Circle] = ()
    labels: Sequence[Label] = ()


def circles_of(
    rings: Rings,
    points: np.ndarray,
    *,
    axes: str = "",
    moving: Mapping[int, Point] | None = None,
) -> Iterator[Circle]:
    """Yield the circles that mark an item and its neighbours.

    Args:
        rings: The items.
        points: Places of all rows on the chart, (n, 2).
        axes: See `Circle`.
        moving: The points of the rows, where they move; see `moving_points`.
    """
    points_of = moving or {}
    for rows, size, width in rings.looks():
        for row in rows:
            x, y = (float(value) for value in points[row])
            yield Circle(x, y, size, width, axes, points_of.get(row))


def layer_over(
    found: EmbeddingMap, groups: Sequence[Group], titles: Sequence[str], rings: Rings | None = None
) -> Layer:
    """Return what lies over a map: on one in 3D nothing, for the chart itself has it.

    Args:
        found: The map as it is drawn.
        groups: Those of its points.
        titles: One a row.
        rings: What to mark and name.
    """
    if found.points.shape[1] != 2:
        return Layer()
    points = to_grid(found.points)
    labels = group_labels(groups, points)
    if rings is None:
        return Layer(labels=labels)
    return Layer(list(circles_of(rings, points)), [*item_labels(rings, points, titles), *labels])
