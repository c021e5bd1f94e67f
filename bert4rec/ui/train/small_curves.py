"""The small charts of a run, as SVG: four stand beside each other and are drawn anew all the time.

A browser draws all four in five milliseconds, where one of Vega takes forty (decision 0029).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import NamedTuple

from markupsafe import Markup

from bert4rec.runs.curves import Curves
from bert4rec.runs.lines import Line, Point
from bert4rec.view.svg import Scale, element, path_of, tick_text, ticks, wide_range
from bert4rec.words import size

MAX_POINTS = 300
# Of the image in pixels, as the style of the page has it.
HEIGHT = 150
# In shares of its width, whatever that is: where the lines begin, and how wide they are.
LEFT, ACROSS = 0.24, 0.74
TOP, BOTTOM, GAP = 8, 26, 6
# Units of a line's width. They are stretched, but for strokes; words keep their size.
UNITS = 1000
# Above the lines, for their names where there are several.
LEGEND_HEIGHT, NAME_WIDTH = 16, 80
DASHES = (None, "5 4")
# Beside the lines there is room for seven signs: what is longer is told by its power of ten.
LONG = 1_000_000
# An image has no part in the theme of the page in every browser: quiet text, grid.
LIGHT, DARK = ("#59636E", "#E3E7EB"), ("#A7B0BA", "#2B333B")
# Holds on a light and a dark page.
LINE = "#2E86C6"
STYLE = (
    "path{{fill:none;vector-effect:non-scaling-stroke}} .grid{{stroke:{grid}}} "
    ".line{{stroke:{line};stroke-width:2;stroke-linejoin:round}} "
    # A line of one point is a dot: its two ends, which are round.
    ".dot{{stroke:{line};stroke-width:6;stroke-linecap:round}} "
    ".measured{{stroke:{line};stroke-opacity:.4}} text{{fill:{text};font:12px sans-serif}} "
    ".end{{text-anchor:end}} .middle{{text-anchor:middle}}"
)


def _short_text(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= LONG else tick_text(value)


class Small(NamedTuple):
    """What a small chart shows.

    Args:
        title: Its name.
        figures: Labels of what it draws, by name in the journal.
        is_noisy: Whether smoothing helps to read it.
        words: How a value is written at the axis.
    """

    title: str
    figures: Mapping[str, str]
    is_noisy: bool = False
    words: Callable[[float], str] = _short_text


SMALL = {
    "learning_rate": Small("Learning rate", {"learning_rate": "Learning rate"}),
    "grad_norm": Small("Gradient norm", {"grad_norm": "Gradient norm"}, is_noisy=True),
    "speed": Small("Sequences/s", {"sequences_per_s": "Sequences/s"}, is_noisy=True),
    "memory": Small(
        "Memory", {"memory_bytes": "Process", "device_memory_bytes": "Device"}, words=size
    ),
}


def small_curves(
    curves: Curves, smoothing: float = 0.0, *, is_dark: bool = False
) -> dict[str, Markup]:
    """Draw what else a line of training tells, by name in `SMALL`; what it does not is left out.

    Args:
        curves: The run's curves.
        smoothing: Weight of what came before in an exponential average, 0 to below 1, for what is
            noisy; above 0 it stands faintly behind as it was measured.
        is_dark: Whether the page is dark.
    """
    drawn = {}
    for name, small in SMALL.items():
        lines = {label: curves.line(figure) for figure, label in small.figures.items()}
        # A CPU has no memory of its own.
        told = {label: line for label, line in lines.items() if line.highest()}
        if told:
            weight = smoothing if small.is_noisy else 0.0
            drawn[name] = _picture(small, told, weight, DARK if is_dark else LIGHT)
    return drawn


def small_cards(drawings: Mapping[str, Markup], findings: Mapping[str, str]) -> Markup:
    """Return small charts as one piece of HTML, each a card with its title and its finding.

    Args:
        drawings: The charts by name in `SMALL`.
        findings: What each of them shows, in words.
    """
    cards = (_card(SMALL[name].title, each, findings[name]) for name, each in drawings.items())
    return element("div", *cards, class_="small-curves")


def _card(title: str, drawing: Markup, finding: str) -> Markup:
    # An image, as Streamlit takes drawings out of HTML.
    source = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    return element(
        "figure",
        element("strong", title),
        Markup('<img src="{}" alt="{}">').format(source, title),
        element("figcaption", finding),
    )


def _picture(
    small: Small, lines: Mapping[str, Line], smoothing: float, colours: tuple[str, str]
) -> Markup:
    measured = {label: line.points(MAX_POINTS) for label, line in lines.items()}
    points = [point for line in measured.values() for point in line]
    top = TOP + LEGEND_HEIGHT * (len(lines) > 1)
    last = max(max(point.epoch for point in points), 1e-6)
    across = Scale(0, last, 0, UNITS)
    ends = wide_range([point.value for point in points], from_zero=True)
    up = Scale(*ends, HEIGHT - BOTTOM, top)

    def path(line: list[Point]) -> str:
        return path_of((across(point.epoch), up(point.value)) for point in line)

    parts: list[Markup] = []
    names: list[Markup] = []
    for at, (label, line) in enumerate(lines.items()):
        dash = DASHES[at % len(DASHES)]
        main = line.smoothed(smoothing, MAX_POINTS) if smoothing else measured[label]
        if len(main) == 1:
            parts.append(element("path", class_="dot", d=path(2 * main)))
            continue
        if smoothing:
            parts.append(element("path", class_="measured", d=path(measured[label])))
        parts.append(element("path", class_="line", d=path(main), stroke_dasharray=dash))
        if len(lines) > 1:
            names += _name(label, NAME_WIDTH * at, dash)
    text, grid = colours
    style = STYLE.format(text=text, grid=grid, line=LINE)
    return element(
        "svg",
        element("style", style),
        *_axis_words(across, up, small.words),
        element("svg", *names, x=f"{LEFT:.0%}", overflow="visible"),
        element(
            "svg",
            *_grid(up),
            *parts,
            x=f"{LEFT:.0%}",
            width=f"{ACROSS:.0%}",
            height=HEIGHT,
            viewBox=f"0 0 {UNITS} {HEIGHT}",
            preserveAspectRatio="none",
            # What stands at an end is as thick as elsewhere.
            overflow="visible",
        ),
        xmlns="http://www.w3.org/2000/svg",
    )


def _grid(up: Scale) -> list[Markup]:
    lines = ([(0, up(value)), (UNITS, up(value))] for value in ticks(up.low, up.high, 3))
    return [element("path", class_="grid", d=path_of(line)) for line in lines]


def _axis_words(across: Scale, up: Scale, words: Callable[[float], str]) -> list[Markup]:
    left = f"{LEFT:.0%}"
    parts = [
        element("text", words(value), class_="end", x=left, dx=-GAP, y=up(value) + 4)
        for value in ticks(up.low, up.high, 3)
    ]
    for value in ticks(across.low, across.high, 4):
        # The last one would stand beyond the end.
        at = "end" if value == across.high else "middle"
        x = f"{LEFT + ACROSS * across(value) / UNITS:.2%}"
        parts.append(element("text", tick_text(value), class_=at, x=x, y=HEIGHT - 5))
    return [*parts, element("text", "Epoch", x=0, y=HEIGHT - 5)]


def _name(label: str, x: float, dash: str | None) -> list[Markup]:
    sign = path_of([(x, TOP), (x + 18, TOP)])
    return [
        element("path", class_="line", d=sign, stroke_dasharray=dash),
        element("text", label, x=x + 23, y=TOP + 4),
    ]
