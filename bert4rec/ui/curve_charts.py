"""A run's curves as charts, each with its finding in one sentence; no Streamlit.

A chart is a table and a Vega-Lite description that stays the same while a run goes on, so that the
browser swaps in new points and keeps the zoom; a plotly figure would be built anew each second.
A layer without points stays out of it, as Vega complains of its empty extent each time.
Colours come from the theme. What a line is can also be told from its dashes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bert4rec.runs.curves import Curves, thinned
from bert4rec.ui.words import metric_name, number, percent

# Both charts together draw fewer than 2,000 points, however long the run.
MAX_LOSS_POINTS = 1200
MAX_METRIC_POINTS = 700
MAX_TABLE_ROWS = 200
BASELINES = {"popularity": "Popularity", "transitions": "Transitions"}
DASHES = ([1, 0], [8, 5], [2, 4], [10, 4, 2, 4], [16, 4])
# Letters that one line of a legend has room for, of which each sign takes some.
LEGEND_LETTERS, SIGN_LETTERS, LEGEND_LABEL_PX = 50, 6, 130
# The theme's own margins leave the lines half of the height.
PADDING_PX = {"left": 4, "right": 8, "top": 4, "bottom": 4}
AXIS = {"labelPadding": 6, "titlePadding": 8}
COLUMNS = ["epoch", "value", "series", "is_best"]


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart to hand to `st.vega_lite_chart`.

    Args:
        points: One row a point: `epoch`, `value`, `series`, `is_best`.
        spec: The Vega-Lite description, the same for every state of a run but that the best
            validation is marked once there is one.
    """

    points: pd.DataFrame
    spec: dict[str, Any]


def metric_chart(curves: Curves, metric: str) -> Chart:
    """Draw a validation metric over the epochs, with the baselines as dashed lines."""
    best = best_row(curves)
    rows = [
        (row["epoch"], row["metrics"][metric], "BERT4Rec", row is best)
        for row in _thinned_with(curves.valid, MAX_METRIC_POINTS, best)
    ]
    for name, label in BASELINES.items():
        if metric in curves.baselines.get(name, {}):
            rows += _level(curves, curves.baselines[name][metric], label)
    series = ["BERT4Rec", *BASELINES.values()]
    return _chart(rows, metric_name(metric), series, from_zero=True)


def loss_chart(curves: Curves) -> Chart:
    """Draw the training loss over the epochs; for CE with the loss of guessing."""
    rows = [
        (row["epoch"], row["loss"], "Loss", False) for row in thinned(curves.train, MAX_LOSS_POINTS)
    ]
    series = ["Loss"]
    guess = guessing_loss(curves)
    if guess is not None:
        series.append("Guessing")
        rows += _level(curves, guess, "Guessing")
    return _chart(rows, "Training loss", series, from_zero=False)


def metric_overlay(curves: Mapping[str, Curves], metric: str) -> Chart:
    """Draw a validation metric of several runs in one chart, at most as many as there are dashes.

    Args:
        curves: The runs' curves by label.
        metric: Name of the metric; a run that was not judged by it has no line.
    """
    rows: list[tuple[float, float, str, bool]] = []
    for label, found in curves.items():
        best = best_row(found)
        few = _thinned_with(found.valid, MAX_METRIC_POINTS // len(curves), best)
        judged = (row for row in few if metric in row["metrics"])
        rows += [(row["epoch"], row["metrics"][metric], label, row is best) for row in judged]
    return _chart(rows, metric_name(metric), list(curves), from_zero=True)


def loss_overlay(curves: Mapping[str, Curves]) -> Chart:
    """Draw the training loss of several runs in one chart."""
    rows = [
        (row["epoch"], row["loss"], label, False)
        for label, found in curves.items()
        for row in thinned(found.train, MAX_LOSS_POINTS // len(curves))
    ]
    return _chart(rows, "Training loss", list(curves), from_zero=False)


def _thinned_with(
    rows: list[dict[str, Any]], limit: int, kept: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Thin the rows without losing one of them."""
    few = thinned(rows, limit)
    if kept is None or any(row is kept for row in few):
        return few
    return sorted([*few, kept], key=lambda row: float(row["epoch"]))


def _level(curves: Curves, value: float, label: str) -> list[tuple[float, float, str, bool]]:
    """Return a flat line as long as what was drawn, at least one epoch."""
    last = [float(rows[-1]["epoch"]) for rows in (curves.train, curves.valid) if rows]
    return [(epoch, value, label, False) for epoch in (0.0, max([1.0, *last]))]


def _chart(
    rows: Sequence[tuple[float, float, str, bool]],
    y_title: str,
    series: Sequence[str],
    *,
    from_zero: bool,
) -> Chart:
    spec = _spec(y_title, series, from_zero=from_zero)
    if any(is_best for *_, is_best in rows):
        spec["layer"].insert(1, _best_layer())
    return Chart(pd.DataFrame(rows, columns=COLUMNS), spec)


def _spec(y_title: str, series: Sequence[str], *, from_zero: bool) -> dict[str, Any]:
    names = {"domain": list(series)}
    is_long = sum(map(len, series)) + SIGN_LETTERS * len(series) > LEGEND_LETTERS
    legend = {
        # More than fits one line of the narrowest card is set in two columns, cut where it is long.
        "columns": 2 if is_long else len(series),
        "labelLimit": LEGEND_LABEL_PX if is_long else 0,
        "title": None,
        "orient": "top",
        "symbolType": "stroke",
        "symbolSize": 300,
        "symbolStrokeWidth": 2,
        "symbolOpacity": 1,
        "padding": 0,
        "offset": 4,
    }
    x = {
        "field": "epoch",
        "type": "quantitative",
        "title": "Epoch",
        # Room for the mark of the best epoch, which is often the last one.
        "scale": {"nice": False, "padding": 10},
        "axis": AXIS | {"tickMinStep": 1, "grid": False},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": y_title,
        "scale": {"zero": from_zero, "nice": True},
        "axis": AXIS | {"tickCount": 5},
    }
    color = {"field": "series", "type": "nominal", "scale": names, "legend": legend}
    dashes = names | {"range": list(DASHES[: len(series)])}
    dash = {"field": "series", "type": "nominal", "scale": dashes, "legend": legend}
    return {
        # A copy of a dict: Streamlit's page writes into it and fails at a number.
        "padding": dict(PADDING_PX),
        "encoding": {"x": x, "y": y, "color": color},
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 2, "clip": True},
                "encoding": {"strokeDash": dash},
                "params": [_zoom()],
            },
            _hover_layer(y_title),
        ],
    }


def _best_layer() -> dict[str, Any]:
    return {
        "transform": [{"filter": "datum.is_best"}],
        "mark": {"type": "point", "shape": "diamond", "size": 160, "strokeWidth": 2},
    }


def _zoom() -> dict[str, Any]:
    """Zoom along the epochs with Ctrl and the wheel, which alone keeps scrolling the page."""
    select = {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey]"}
    return {"name": "zoom", "select": select, "bind": "scales"}


def _hover_layer(y_title: str) -> dict[str, Any]:
    select = {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"}
    is_near = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    tooltip = [
        {"field": "series", "title": "Line"},
        {"field": "epoch", "title": "Epoch", "format": ".4~g"},
        {"field": "value", "title": y_title, "format": ".4f"},
    ]
    return {
        "mark": {"type": "point", "filled": True, "size": 60, "clip": True},
        "params": [{"name": "near", "select": select}],
        "encoding": {"opacity": is_near, "tooltip": tooltip},
    }


def guessing_loss(curves: Curves) -> float | None:
    """Return the cross-entropy of a network that knows nothing, ln(N); None for other losses."""
    n_items = int(curves.started.get("n_items", 0))
    is_comparable = curves.started.get("loss_type") == "CE" and n_items > 1
    return math.log(n_items) if is_comparable else None


def best_row(curves: Curves) -> dict[str, Any] | None:
    """Return the line of the best validation so far."""
    return next((row for row in reversed(curves.valid) if row["is_best"]), None)


def metric_finding(curves: Curves, metric: str) -> str:
    """Return what the metric's curve shows, in one sentence."""
    best = best_row(curves)
    if best is None:
        return "No validation yet: the curve begins after the first one."
    value, name = best["metrics"][metric], metric_name(metric)
    text = f"Best {name} {number(value, 3)} at epoch {best['epoch']}"
    rivals = {
        BASELINES[key].lower(): found[metric]
        for key, found in curves.baselines.items()
        if key in BASELINES and metric in found
    }
    if not rivals:
        return text + "."
    rival = max(rivals, key=lambda key: rivals[key])
    return f"{text}, {_compared(value, rivals[rival])} {rival} ({number(rivals[rival], 3)})."


def _compared(value: float, other: float) -> str:
    if other <= 0:
        return "above" if value > 0 else "level with"
    gain = value / other - 1
    if abs(gain) < 0.005:
        return "level with"
    return f"{percent(abs(gain))} {'above' if gain > 0 else 'below'}"


def loss_finding(curves: Curves) -> str:
    """Return what the loss curve shows, in one sentence."""
    if not curves.train:
        return "No training step yet."
    first, last = curves.train[0]["loss"], curves.train[-1]["loss"]
    text = f"Training loss went from {number(first, 3)} to {number(last, 3)}"
    guess = guessing_loss(curves)
    return text + ("." if guess is None else f"; guessing costs {number(guess, 3)}.")


def valid_table(curves: Curves) -> pd.DataFrame:
    """Return the validations as a table, newest first."""
    rows = thinned(curves.valid, MAX_TABLE_ROWS)[::-1]
    table = [
        {"Epoch": row["epoch"], "Best": row["is_best"]}
        | {metric_name(key): value for key, value in row["metrics"].items()}
        for row in rows
    ]
    return pd.DataFrame(table)


def train_table(curves: Curves) -> pd.DataFrame:
    """Return the training lines as a table, newest first."""
    rows = thinned(curves.train, MAX_TABLE_ROWS)[::-1]
    names = {
        "epoch": "Epoch",
        "step": "Step",
        "loss": "Loss",
        "learning_rate": "Learning rate",
        "sequences_per_s": "Sequences/s",
    }
    return pd.DataFrame([{label: row.get(key) for key, label in names.items()} for row in rows])
