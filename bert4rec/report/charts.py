"""The charts of a report: SVG that takes its colours from the page's style.

A chart is drawn 460 units wide, the width of a column, so that its text keeps its size on paper,
in two columns and on a telephone. What a line is shows in its dashes too, and every chart says in
words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from bert4rec.view.svg import Scale, element, path_of, tick_text, ticks, wide_range

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 56, 22, 12, 46
# Of an upright axis: its title with some air, a letter of a label, and what lies between that and
# the chart.
TITLE_PX, LETTER_PX, TICK_GAP = 22, 8, 8
MAP_WIDTH = 620
DASHES = {"solid": None, "dashed": "8 5", "dotted": "2 5"}


class Key(NamedTuple):
    """What a colour and its dashes stand for.

    Args:
        name: Of a run, a yardstick or a group of items.
        colour: Class of the page's style: `run0` to `run4`, `rule0` to `rule2`, `group0` onwards.
        dash: One of `DASHES`; of points `dot` or `diamond`.
    """

    name: str
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Curve:
    """A line of a chart.

    Args:
        key: What it is.
        points: Pairs of x and y.
        marked: Pairs to mark with a ring.
    """

    key: Key
    points: Sequence[tuple[float, float]]
    marked: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Chart:
    """A chart with what it says.

    Args:
        title: Above it.
        drawing: The SVG.
        finding: What it shows, in a sentence or two.
        keys: Its legend; empty where it needs none.
    """

    title: str
    drawing: Markup
    finding: str
    keys: tuple[Key, ...] = ()


def line_chart(
    title: str,
    curves: Sequence[Curve],
    finding: str,
    *,
    titles: tuple[str, str],
    from_zero: bool = False,
) -> Chart:
    """Draw lines over an axis that begins at zero.

    Args:
        title: Of the chart.
        curves: With a point or more together.
        finding: What they show.
        titles: Of the axes.
        from_zero: Whether the upright axis begins at zero.
    """
    points = [point for curve in curves for point in curve.points]
    ends = wide_range([y for _, y in points], from_zero=from_zero)
    up = Scale(*ends, HEIGHT - BOTTOM, TOP)
    across = Scale(0, max(max(x for x, _ in points), 1e-6), _left(up), WIDTH - RIGHT)
    drawn = [part for curve in curves for part in _curve(curve, across, up)]
    return Chart(
        title,
        _picture(f"{title}. {finding}", *_frame(across, up, titles), *drawn),
        finding,
        tuple(curve.key for curve in curves),
    )


def _curve(curve: Curve, across: Scale, up: Scale) -> list[Markup]:
    places = [(across(x), up(y)) for x, y in curve.points]
    colour = curve.key.colour
    parts = []
    if len(places) > 1:
        dash = DASHES[curve.key.dash]
        parts.append(
            element("path", class_=f"line {colour}", d=path_of(places), stroke_dasharray=dash)
        )
    elif places:
        (x, y), *_ = places
        parts.append(element("circle", class_=f"dot {colour}", cx=x, cy=y, r=4))
    for x, y in curve.marked:
        parts.append(element("circle", class_=f"ring {colour}", cx=across(x), cy=up(y), r=5))
    return parts


def histogram(
    title: str,
    edges: Sequence[float],
    counts: Sequence[float],
    finding: str,
    *,
    titles: tuple[str, str],
) -> Chart:
    """Draw counts in bins as bars.

    Args:
        title: Of the chart.
        edges: Ends of the bins, one more than there are counts.
        counts: One a bin.
        finding: What they show.
        titles: Of the axes.
    """
    up = Scale(0, max(*counts, 1) * 1.05, HEIGHT - BOTTOM, TOP)
    across = Scale(edges[0], edges[-1], _left(up), WIDTH - RIGHT)
    bars = []
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        width = max(across(high) - across(low) - 1, 0.8)
        y = up(count)
        bars.append(
            element(
                "rect", class_="bar", x=across(low), y=y, width=width, height=HEIGHT - BOTTOM - y
            )
        )
    return Chart(
        title, _picture(f"{title}. {finding}", *_frame(across, up, titles), *bars), finding
    )


def share_curve(
    title: str,
    points: Sequence[tuple[float, float]],
    marked: tuple[float, float],
    finding: str,
    *,
    titles: tuple[str, str],
) -> Chart:
    """Draw a share of one thing against a share of another, both in per cent, filled below.

    Args:
        title: Of the chart.
        points: Pairs from 0 to 100.
        marked: The pair that the finding speaks of.
        finding: What the curve shows.
        titles: Of the axes.
    """
    across, up = Scale(0, 100, LEFT, WIDTH - RIGHT), Scale(0, 100, HEIGHT - BOTTOM, TOP)
    places = [(across(x), up(y)) for x, y in points]
    below = path_of([(across(0), up(0)), *places, (across(100), up(0))]) + "Z"
    x, y = across(marked[0]), up(marked[1])
    drawn = (
        element("path", class_="area", d=below),
        element("path", class_="line run0", d=path_of(places)),
        element("path", class_="guide", d=path_of([(x, up(0)), (x, y), (across(0), y)])),
        element("circle", class_="dot run0", cx=x, cy=y, r=4),
    )
    frame = _frame(across, up, titles, unit="%")
    return Chart(title, _picture(f"{title}. {finding}", *frame, *drawn), finding)


def _left(up: Scale) -> float:
    """Return where a chart begins: right of the title of its upright axis and of all its labels."""
    longest = max(len(tick_text(value)) for value in ticks(up.low, up.high))
    return max(LEFT, TITLE_PX + longest * LETTER_PX + TICK_GAP)


def _frame(across: Scale, up: Scale, titles: tuple[str, str], unit: str = "") -> list[Markup]:
    left, floor, wall = across.start, HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in ticks(up.low, up.high):
        y = up(value)
        parts.append(element("path", class_="grid", d=path_of([(left, y), (wall, y)])))
        text = tick_text(value) + unit
        parts.append(element("text", text, class_="tick end", x=left - TICK_GAP, y=y + 4))
    for value in ticks(across.low, across.high):
        x = across(value)
        text = tick_text(value) + unit
        parts.append(element("text", text, class_="tick middle", x=x, y=floor + 18))
    parts.append(element("path", class_="axis", d=path_of([(left, floor), (wall, floor)])))
    middle = (left + wall) / 2
    parts.append(element("text", titles[0], class_="axis-title middle", x=middle, y=HEIGHT - 8))
    turned = f"translate(13 {(TOP + floor) / 2:.0f}) rotate(-90)"
    parts.append(element("text", titles[1], class_="axis-title middle", transform=turned))
    return parts


def _picture(alt: str, *parts: Markup, width: float = WIDTH, height: float = HEIGHT) -> Markup:
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width} {height:.0f}",
        role="img",
        aria_label=alt,
        class_="chart",
    )


class Interval(NamedTuple):
    """A figure with what chance leaves open.

    Args:
        key: Whose it is.
        value: The figure.
        low: Lower end of its interval; None where it has none.
        high: Upper end.
    """

    key: Key
    value: float
    low: float | None = None
    high: float | None = None


def interval_marks(intervals: Sequence[Interval], highest: float) -> Markup:
    """Draw figures on one line from zero, as wide as where it is put.

    Args:
        intervals: What to draw, the most important last, as it lies on top.
        highest: Value at the right end.
    """
    parts = []
    for one in intervals:
        colour = one.key.colour
        if one.low is not None and one.high is not None:
            ends = [
                f"{100 * max(0.0, min(1.0, end / highest)):.2f}%" for end in (one.low, one.high)
            ]
            parts.append(
                element("line", class_=f"span {colour}", x1=ends[0], x2=ends[1], y1="50%", y2="50%")
            )
        x = f"{100 * max(0.0, min(1.0, one.value / highest)):.2f}%"
        parts.append(_mark(one.key, x))
    return element("svg", *parts, class_="marks", aria_hidden="true")


def _mark(key: Key, x: str) -> Markup:
    """Return a figure's mark: a dot of a run, a ring or a small dot of a simple rule."""
    if key.dash == "solid":
        return element("circle", class_=f"dot {key.colour}", cx=x, cy="50%", r=5)
    r = 4 if key.dash == "dashed" else 3
    return element("circle", class_=f"{key.dash}-mark {key.colour}", cx=x, cy="50%", r=r)


def axis_marks(highest: float) -> list[tuple[float, str]]:
    """Return the places, in per cent, and the texts of an axis from zero."""
    found = ticks(0, highest, 4)
    return [(100 * value / highest, tick_text(value)) for value in found if value <= highest]


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
    drawing = _picture(f"{title}. {finding}", *parts, width=MAP_WIDTH, height=height)
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
