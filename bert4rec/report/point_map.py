"""A map of points as a drawing of a report, each told by its title and some named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from bert4rec.report.charts import Chart, Key, picture
from bert4rec.view.svg import element, path_of

MAP_WIDTH = 620


@dataclass(frozen=True, eq=False)
class PointGroup:
    """Points of one colour.

    Args:
        key: What they have in common.
        points: Float (n, 2).
        titles: One a point, shown while it is pointed at.
        named: Place and short title of the points that are named on the map.
    """

    key: Key
    points: np.ndarray
    titles: Sequence[str]
    named: Sequence[tuple[int, str]] = ()


def point_map(title: str, groups: Sequence[PointGroup], finding: str) -> Chart:
    """Draw groups of points without axes, both directions on one scale."""
    everything = np.concatenate([group.points for group in groups])
    low, high = everything.min(axis=0), everything.max(axis=0)
    span = float(max(high - low)) or 1.0
    room, inner = 14, MAP_WIDTH - 28
    height = 2 * room + max(inner * float(high[1] - low[1]) / span, 40)
    places = [
        (group.points - low) / span * inner + np.array([room, room], dtype=float)
        for group in groups
    ]
    radius = float(np.clip(60 / np.sqrt(len(everything)), 1.8, 4.5))
    parts = []
    for group, at in zip(groups, places, strict=True):
        dots = [
            _dot(group.key.dash, name, float(x), height - float(y), radius)
            for (x, y), name in zip(at, group.titles, strict=True)
        ]
        parts.append(element("g", *dots, class_=f"points {group.key.colour}"))
    parts += _names(groups, places, height)
    drawing = picture(f"{title}. {finding}", *parts, width=MAP_WIDTH, height=height)
    return Chart(title, drawing, finding, tuple(group.key for group in groups))


def _dot(dash: str, name: str, x: float, y: float, radius: float) -> Markup:
    if dash != "diamond":
        return element("circle", element("title", name), cx=x, cy=y, r=radius)
    # As large as a circle to the eye.
    r = 1.25 * radius
    corners = path_of([(x, y - r), (x + r, y), (x, y + r), (x - r, y)])
    return element("path", element("title", name), d=corners + "Z")


def _names(
    groups: Sequence[PointGroup], places: Sequence[np.ndarray], height: float
) -> list[Markup]:
    """Return the names beside points, each only where no other one stands."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for group, at in zip(groups, places, strict=True):
        for row, name in group.named:
            x, y, width = float(at[row, 0]), height - float(at[row, 1]), 8.3 * len(name)
            is_right = x + width + 10 < MAP_WIDTH
            left = x + 7 if is_right else x - 7 - width
            crosses = any(
                abs(y - other) < 17 and left < end and start < left + width
                for start, end, other in taken
            )
            if crosses or left < 0:
                continue
            taken.append((left, left + width, y))
            side = "start" if is_right else "end"
            beside = x + (7 if is_right else -7)
            parts.append(element("text", name, class_=f"name {side}", x=beside, y=y + 4))
    return parts
