"""The charts of a report: SVG that takes its colours from the page's style.

A chart is drawn 460 units wide, the width of a column, so that its text keeps its size on paper,
in two columns and on a telephone. What a line is shows in its dashes too, and every chart says in
words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from bert4rec.view.svg import Scale, element, path_of, tick_text, ticks, wide_range

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 56, 22, 12, 46
# Of an upright axis: its title with some air, a letter of a label, and what lies between that and
# the chart.
TITLE_PX, LETTER_PX, TICK_GAP = 22, 8, 8
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
        picture(f"{title}. {finding}", *_frame(across, up, titles), *drawn),
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
    is_log: bool = False,
) -> Chart:
    """Draw counts in bins as bars.

    Args:
        title: Of the chart.
        edges: Ends of the bins, one more than there are counts.
        counts: One a bin.
        finding: What they show.
        titles: Of the axes.
        is_log: Whether equal ratios are equally wide.
    """
    up = Scale(0, max(*counts, 1) * 1.05, HEIGHT - BOTTOM, TOP)
    across = Scale(edges[0], edges[-1], _left(up), WIDTH - RIGHT, is_log=is_log)
    bars = []
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        width = max(across(high) - across(low) - 1, 0.8)
        y = up(count)
        bars.append(
            element(
                "rect", class_="bar", x=across(low), y=y, width=width, height=HEIGHT - BOTTOM - y
            )
        )
    return Chart(title, picture(f"{title}. {finding}", *_frame(across, up, titles), *bars), finding)


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
    return Chart(title, picture(f"{title}. {finding}", *frame, *drawn), finding)


def _left(up: Scale) -> float:
    """Return where a chart begins: right of the title of its upright axis and of all its labels."""
    longest = max(len(tick_text(value)) for value in ticks(up.low, up.high))
    return max(LEFT, TITLE_PX + longest * LETTER_PX + TICK_GAP)


def _frame(across: Scale, up: Scale, titles: tuple[str, str], unit: str = "") -> list[Markup]:
    left, floor, wall = across.start, HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in up.marks():
        y = up(value)
        parts.append(element("path", class_="grid", d=path_of([(left, y), (wall, y)])))
        text = tick_text(value) + unit
        parts.append(element("text", text, class_="tick end", x=left - TICK_GAP, y=y + 4))
    for value in across.marks():
        x = across(value)
        text = tick_text(value) + unit
        parts.append(element("text", text, class_="tick middle", x=x, y=floor + 18))
    parts.append(element("path", class_="axis", d=path_of([(left, floor), (wall, floor)])))
    middle = (left + wall) / 2
    parts.append(element("text", titles[0], class_="axis-title middle", x=middle, y=HEIGHT - 8))
    turned = f"translate(13 {(TOP + floor) / 2:.0f}) rotate(-90)"
    parts.append(element("text", titles[1], class_="axis-title middle", transform=turned))
    return parts


def picture(alt: str, *parts: Markup, width: float = WIDTH, height: float = HEIGHT) -> Markup:
    """Return a drawing of parts, with what it shows in words."""
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
