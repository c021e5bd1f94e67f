"""A run's curves as charts, each with its finding in one sentence; no Streamlit.

A chart is a table and a Vega-Lite description that stays the same while a run goes on, so that the
browser swaps in new points and keeps the zoom; a plotly figure would be built anew each second.
A layer without points stays out of it, as Vega complains of its empty extent each time.
Colours come from the theme. What a line is can also be told from its dashes, and what a mark is
from its shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from bert4rec.baselines.titles import YARDSTICKS
from bert4rec.hyperparameters import USUAL_MODEL
from bert4rec.runs.curves import Curves
from bert4rec.runs.lines import Line
from bert4rec.view.curve_layers import (
    MARKS,
    alone_layer,
    best_layer,
    event_layer,
    hover_layer,
    raw_layer,
    zoom,
)
from bert4rec.view.vega import AXIS, PADDING_PX, Chart, joining, legend_of, told_names
from bert4rec.words import metric_name

# However long the run.
MAX_LOSS_POINTS = 800
MAX_METRIC_POINTS = 700
# Several lines as they were measured would hide each other.
OVERLAY_SMOOTHING = 0.8
# Points of a line that the pointer finds: each is two marks for the browser, seen or not.
MAX_TOLD = 100
# More marks of a kind than this would hide the line; the newest are shown.
MAX_MARKS = 30
DASHES = ([1, 0], [8, 5], [2, 4], [10, 4, 2, 4], [16, 4])


class Dot(NamedTuple):
    """A row of a chart's table.

    Args:
        epoch: Where it stands.
        value: How high, or None for what happened to the run.
        series: Its line, or the kind of what happened.
        is_best: Whether it is the best validation.
        mark: `raw` for the faint line, `new best`, `event`, or empty.
    """

    epoch: float
    value: float | None
    series: str
    is_best: bool = False
    mark: str = ""


def metric_chart(curves: Curves, metric: str, model: str = USUAL_MODEL) -> Chart:
    """Draw a validation metric of a model over the epochs, with the baselines as dashed lines."""
    rows = _score_dots(curves, metric, model, MAX_METRIC_POINTS)
    for name, label in YARDSTICKS.items():
        if metric in curves.baselines.get(name, {}):
            rows += _level(curves, curves.baselines[name][metric], label)
    rows += [
        Dot(row["epoch"], row["metrics"][metric], model, mark="new best")
        for row in curves.bests[-MAX_MARKS:-1]
        if metric in row["metrics"]
    ]
    series = [model, *YARDSTICKS.values()]
    return _chart(rows, metric_name(metric), series, from_zero=True)


def loss_chart(curves: Curves, smoothing: float = 0.0, *, is_log: bool = False) -> Chart:
    """Draw the training loss over the epochs; for CE with the loss of guessing.

    Args:
        curves: The run's curves.
        smoothing: Weight of what came before in an exponential average, 0 to below 1; above 0 the
            loss as it was measured is drawn faintly behind it.
        is_log: Whether equal ratios are equally high.
    """
    rows = _figure_dots(curves.line("loss"), "Loss", MAX_LOSS_POINTS, smoothing)
    series = ["Loss"]
    guess = guessing_loss(curves)
    if guess is not None:
        series.append("Guessing")
        rows += _level(curves, guess, "Guessing")
    rows += _event_dots(curves)
    return _chart(rows, "Training loss", series, from_zero=False, is_log=is_log)


def metric_overlay(curves: Mapping[str, Curves], metric: str) -> Chart:
    """Draw a validation metric of several runs in one chart, at most as many as there are dashes.

    Args:
        curves: The runs' curves by label.
        metric: Name of the metric; a run that was not judged by it has no line.
    """
    limit = MAX_METRIC_POINTS // max(len(curves), 1)
    rows = [
        dot for label, each in curves.items() for dot in _score_dots(each, metric, label, limit)
    ]
    return _chart(rows, metric_name(metric), list(curves), from_zero=True)


def loss_overlay(curves: Mapping[str, Curves]) -> Chart:
    """Draw the training loss of several runs in one chart, each as its average alone."""
    limit = MAX_LOSS_POINTS // max(len(curves), 1)
    rows = [
        dot
        for label, each in curves.items()
        for dot in _figure_dots(each.line("loss"), label, limit, OVERLAY_SMOOTHING)
        if not dot.mark
    ]
    return _chart(rows, "Training loss", list(curves), from_zero=False)


def _score_dots(curves: Curves, metric: str, series: str, limit: int) -> list[Dot]:
    """Return a validation metric with the best one marked, which is never thinned out."""
    best = best_row(curves)
    at = None if best is None or metric not in best["metrics"] else float(best["epoch"])
    dots = [
        Dot(point.epoch, point.value, series, point.epoch == at)
        for point in curves.scores(metric).points(limit - 1)
    ]
    if best is not None and at is not None and not any(dot.is_best for dot in dots):
        dots.append(Dot(at, best["metrics"][metric], series, is_best=True))
        dots.sort()
    return dots


def _figure_dots(line: Line, series: str, limit: int, smoothing: float = 0.0) -> list[Dot]:
    """Return a figure as measured; with smoothing that faintly, and the average as its line."""
    mark = "raw" if smoothing else ""
    dots = [Dot(point.epoch, point.value, series, mark=mark) for point in line.points(limit)]
    if smoothing:
        dots += [Dot(point.epoch, point.value, series) for point in line.smoothed(smoothing, limit)]
    return dots


def _event_dots(curves: Curves) -> list[Dot]:
    """Return what happened to the run, each at the foot of the chart."""
    n_steps = curves.started.get("n_steps_per_epoch")
    if not n_steps:
        return []
    notes = [note for note in curves.notes if note.get("event") in MARKS and "step" in note]
    ended = {note["step"] for note in notes if note["event"] == "resumed"}
    notes = [n for n in notes if n["event"] != "paused" or n["step"] not in ended][-MAX_MARKS:]
    notes += [curves.checkpoint] if curves.checkpoint else []
    return [
        Dot(note["step"] / n_steps, None, MARKS[note["event"]][0], mark="event") for note in notes
    ]


def _level(curves: Curves, value: float, label: str) -> list[Dot]:
    """Return a flat line as long as what was drawn, at least one epoch."""
    last = [float(rows[-1]["epoch"]) for rows in (curves.train, curves.valid) if rows]
    return [Dot(epoch, value, label) for epoch in (0.0, max([1.0, *last]))]


def _chart(
    rows: Sequence[Dot],
    y_title: str,
    series: Sequence[str],
    *,
    from_zero: bool,
    is_log: bool = False,
) -> Chart:
    if is_log:
        rows = [dot for dot in rows if dot.value is None or dot.value > 0]
    spec = _spec(y_title, series, from_zero=from_zero, is_log=is_log)
    found = {"best" if dot.is_best else dot.mark for dot in rows}
    points = pd.DataFrame(rows, columns=list(Dot._fields))
    points = points.assign(is_told=_told(points), is_alone=_alone(points))
    found |= {"alone"} if points["is_alone"].any() else set()
    layers = {
        "alone": alone_layer(),
        "best": best_layer(),
        "raw": raw_layer(),
        "event": event_layer({dot.series for dot in rows if dot.mark == "event"}),
    }
    spec["layer"][1:1] = [layer for mark, layer in layers.items() if mark in found]
    encoding = spec["encoding"]
    _give_room(encoding["x"], points["epoch"])
    _give_room(encoding["y"], points["value"], from_zero=from_zero, is_log=is_log)
    return Chart(points, spec)


def _give_room(
    axis: dict[str, Any], values: pd.Series, *, from_zero: bool = False, is_log: bool = False
) -> None:
    """Widen an axis of which all values are one: without length Vega tells six decimals of it."""
    told = {float(value) for value in values.dropna()} | ({0.0} if from_zero else set())
    if len(told) == 1:
        (value,) = told
        axis["scale"]["domain"] = [value / 2, 2 * value] if is_log else [0.0, value or 1.0]


def _alone(points: pd.DataFrame) -> pd.Series:
    """Return which points are all that their line has, and no best, which has its own mark."""
    on_line = points[points["mark"] == ""]
    alone = points["is_best"].astype(bool) & False
    alone[on_line.index] = on_line.groupby("series")["mark"].transform("size") == 1
    return alone & ~points["is_best"].astype(bool)


def _told(points: pd.DataFrame) -> pd.Series:
    """Return which points the pointer finds: the best, and of each line some and its extremes."""
    on_line = points[points["mark"] == ""].astype({"value": float})
    lines = on_line.groupby("series", sort=False)
    age = lines.cumcount(ascending=False)
    step = (lines["mark"].transform("size") - 1) // MAX_TOLD + 1
    extremes = on_line.dropna(subset="value").groupby("series")["value"].agg(["idxmin", "idxmax"])
    told = points["is_best"].astype(bool)
    told[age.index[age % step == 0]] = True
    told[extremes.to_numpy().ravel()] = True
    return told


def _spec(y_title: str, series: Sequence[str], *, from_zero: bool, is_log: bool) -> dict[str, Any]:
    names = {"domain": list(series)}
    legend = legend_of(series) | {
        "symbolType": "stroke",
        "symbolSize": 300,
        "symbolStrokeWidth": 2,
        "symbolOpacity": 1,
    }
    if len(series) == 1:
        # The title says what the only line is.
        legend = None  # type: ignore[assignment]
    params = [zoom(), *([told_names("series")] if len(series) > 1 else [])]
    x = {
        "field": "epoch",
        "type": "quantitative",
        # A small chart has its title above it and no room for others.
        "title": "Epoch" if y_title else None,
        # Room for the mark of the best epoch, which is often the last one.
        "scale": {"nice": False, "padding": 10},
        "axis": AXIS | {"tickMinStep": 1, "grid": False},
    }
    height = {"type": "log", "nice": False} if is_log else {"zero": from_zero, "nice": True}
    y = {
        "field": "value",
        "type": "quantitative",
        "title": y_title or None,
        "scale": height,
        "axis": AXIS | {"tickCount": 5},
    }
    color = {"field": "series", "type": "nominal", "scale": names, "legend": legend}
    dashes = names | {"range": list(DASHES[: len(series)])}
    dash = {"field": "series", "type": "nominal", "scale": dashes, "legend": joining(legend)}
    return {
        # A copy of a dict: Streamlit's page writes into it and fails at a number.
        "padding": dict(PADDING_PX),
        "encoding": {"x": x, "y": y, "color": color | {"legend": joining(legend)}},
        "layer": [
            {
                "transform": [{"filter": "datum.mark == ''"}],
                "mark": {"type": "line", "strokeWidth": 2, "clip": True},
                "encoding": {"color": color, "strokeDash": dash},
                "params": params,
            },
            hover_layer(y_title),
        ],
    }


def told_metrics(curves: Curves, metric: str) -> list[str]:
    """Return the metrics that can be drawn: that of the best epoch first, then the others."""
    told = curves.bests[-1]["metrics"] if curves.bests else curves.baselines.get("popularity", {})
    return [metric, *(name for name in told if name != metric)]


def guessing_loss(curves: Curves) -> float | None:
    """Return the cross-entropy of a network that knows nothing, ln(N); None for other losses."""
    n_items = int(curves.started.get("n_items", 0))
    is_comparable = curves.started.get("loss_type") == "CE" and n_items > 1
    return math.log(n_items) if is_comparable else None


def best_row(curves: Curves) -> dict[str, Any] | None:
    """Return the line of the best validation so far."""
    return curves.bests[-1] if curves.bests else None
