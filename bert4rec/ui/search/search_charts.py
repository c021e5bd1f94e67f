"""A search as charts, each with its finding in one sentence; no Streamlit.

What a trial came to is told by the shape of its point and the dashes of its line, not by colour
alone; colours come from the theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bert4rec.search.figures import best_so_far
from bert4rec.search.trials import Trial, best_trial
from bert4rec.ui.search.trial_table import settings_words, trial_name
from bert4rec.view.vega import AXIS, PADDING_PX, Chart, joining, legend_of
from bert4rec.words import counted, metric_name, number, percent

BEST, FINISHED, PRUNED, RUNNING = "Best", "Finished", "Pruned", "Under way"
SERIES = {"finished": FINISHED, "pruned": PRUNED, "running": RUNNING}
NAMES = (BEST, FINISHED, PRUNED, RUNNING)
# In the order of the theme's colours: what has finished has none that warns.
COLOURED = (BEST, RUNNING, PRUNED, FINISHED)
# In that order too: of two orders for one legend Vega-Lite warns, even where there is no legend.
SHAPES = ("stroke", "square", "triangle-down", "circle")
DASHES = ([1, 0], [10, 4], [3, 4], [1, 0])
CURVE_COLUMNS = ["trial", "epoch", "value", "series", "is_end", "is_alone"]
MAX_CURVES = 60
MAX_POINTS = 2000
POINT_SIZE, ALONE_SIZE = 70, 50
POINT = {"type": "point", "filled": True, "size": POINT_SIZE, "opacity": 0.9}
# Signs of a legend for lines, and for points as they are drawn.
LINE_SIGN = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}
POINT_SIGN = {"symbolSize": POINT_SIZE, "symbolStrokeWidth": 0}


def best_chart(trials: Sequence[Trial], metric: str) -> Chart:
    """Draw the score of each trial, and the best finished one so far as a line.

    The title tells what the line is, the legend what the points came to.
    """
    rows = [(n + 1, score, BEST, "") for n, score in best_so_far(trials)]
    shown = [
        (trial.number + 1, trial.score, SERIES[trial.state], settings_words(trial.values))
        for trial in trials
        if trial.state in SERIES and trial.score is not None
    ][-MAX_POINTS:]
    rows += shown
    points = pd.DataFrame(rows, columns=["trial", "value", "series", "settings"])
    x = {
        "field": "trial",
        "type": "quantitative",
        "title": "Trial",
        "scale": {"zero": False, "nice": False, "padding": 12},
        "axis": AXIS | {"tickMinStep": 1, "grid": False, "format": "d"},
    }
    names = [name for name in names_in(points) if name != BEST]
    layers = []
    if any(row[2] == BEST for row in rows):
        layers.append(
            {
                "transform": [{"filter": f"datum.series === '{BEST}'"}],
                "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
            }
        )
    if shown:
        layers.append(
            {
                "transform": [{"filter": f"datum.series !== '{BEST}'"}],
                "mark": dict(POINT),
                "encoding": {"shape": shape(names), "tooltip": tooltip(metric)},
            }
        )
    return Chart(points, _spec(x, _height(points, metric), layers, color(names)))


def _height(points: pd.DataFrame, metric: str) -> dict[str, Any]:
    return y_axis(metric, from_zero=points["value"].nunique() < 2)


def _spec(
    x: dict[str, Any], y: dict[str, Any], layers: list[dict[str, Any]], colour: dict[str, Any]
) -> dict[str, Any]:
    if layers:
        layers[0].setdefault("encoding", {})["color"] = colour
    return {
        "padding": dict(PADDING_PX),
        "encoding": {"x": x, "y": y, "color": colour | {"legend": joining(colour["legend"])}},
        "layer": layers,
    }


def y_axis(metric: str, *, from_zero: bool = False) -> dict[str, Any]:
    """Return the axis of the scores.

    Args:
        metric: Their name.
        from_zero: For a single score, which would stand on an axis of one tick.
    """
    return {
        "field": "value",
        "type": "quantitative",
        "title": metric_name(metric),
        # No score is below zero, and neither is the axis.
        "scale": {"zero": from_zero, "nice": True, "padding": 0 if from_zero else 6},
        "axis": AXIS | {"tickCount": 5},
    }


def names_in(points: pd.DataFrame) -> list[str]:
    """Return what the trials of some points came to, in the order of every legend."""
    present = set(points["series"])
    return [name for name in NAMES if name in present]


def _legend(names: Sequence[str]) -> dict[str, Any] | None:
    if len(names) < 2:
        return None
    return legend_of(names) | {"symbolOpacity": 1, "values": list(names)} | POINT_SIGN


def color(names: Sequence[str]) -> dict[str, Any]:
    """Return the colour of what trials came to, which is the same in every chart.

    Args:
        names: Those that the legend tells of; it tells nothing where there is but one.
    """
    scale = {"domain": list(COLOURED)}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": _legend(names)}


def shape(names: Sequence[str]) -> dict[str, Any]:
    """Return the shape of what trials came to, which is the same in every chart."""
    scale = {"domain": list(COLOURED), "range": list(SHAPES)}
    legend = joining(_legend(names))
    return {"field": "series", "type": "nominal", "scale": scale, "legend": legend}


def tooltip(metric: str) -> list[dict[str, Any]]:
    """Return what is told of a point."""
    return [
        {"field": "trial", "title": "Trial"},
        {"field": "series", "title": "State"},
        {"field": "value", "title": metric_name(metric), "format": ".4f"},
        {"field": "settings", "title": "Settings"},
    ]


def drawn_curves(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials whose curves are drawn: the newest ones, and the best in any case."""
    judged = [trial for trial in trials if trial.curve and trial.state in SERIES]
    newest = judged[-MAX_CURVES:]
    best = best_trial(judged)
    return newest if best is None or best in newest else [best, *newest[1:]]


def curves_chart(trials: Sequence[Trial], metric: str) -> Chart:
    """Draw the validations of trials over the epochs; a pruned one is dashed and ends in a mark."""
    drawn, best = drawn_curves(trials), best_trial(list(trials))
    rows = [
        (
            trial.number + 1,
            epoch,
            value,
            _series(trial, best),
            (epoch, value) == trial.curve[-1],
            len(trial.curve) == 1,
        )
        for trial in drawn
        for epoch, value in _thinned(trial.curve, MAX_POINTS // len(drawn))
    ]
    points = pd.DataFrame(rows, columns=CURVE_COLUMNS)
    x = {
        "field": "epoch",
        "type": "quantitative",
        "title": "Epoch",
        "scale": {"nice": False, "padding": 10},
        "axis": AXIS | {"tickMinStep": 1, "grid": False, "format": ",d"},
    }
    names = names_in(points)
    legend = _legend(names)
    if legend is not None and not points["is_alone"].all():
        legend |= LINE_SIGN
    scale = {"domain": list(COLOURED), "range": list(DASHES)}
    dash = {"field": "series", "type": "nominal", "scale": scale, "legend": joining(legend)}
    width = {"condition": {"test": f"datum.series === '{BEST}'", "value": 3}, "value": 1.2}
    told = [*tooltip(metric)[:3], {"field": "epoch", "title": "Epoch"}]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "line", "opacity": 0.85},
            "encoding": {
                "strokeDash": dash,
                "strokeWidth": width,
                "detail": {"field": "trial"},
                "tooltip": told,
            },
        }
    ]
    if any(trial.state == "pruned" for trial in drawn):
        layers.append(
            {
                "transform": [{"filter": f"datum.is_end && datum.series === '{PRUNED}'"}],
                "mark": POINT | {"shape": "triangle-down"},
                "encoding": {"tooltip": told},
            }
        )
    if any(len(trial.curve) == 1 and trial.state != "pruned" for trial in drawn):
        # A line of one point draws nothing; a pruned one ends in a mark.
        layers.append(
            {
                "transform": [{"filter": f"datum.is_alone && datum.series !== '{PRUNED}'"}],
                "mark": POINT | {"size": ALONE_SIZE},
                "encoding": {"tooltip": told},
            }
        )
    colour = color(names) | {"legend": legend}
    return Chart(points, _spec(x, _height(points, metric), layers, colour))


def _series(trial: Trial, best: Trial | None) -> str:
    return BEST if best is not None and trial.number == best.number else SERIES[trial.state]


def _thinned(curve: Sequence[tuple[int, float]], limit: int) -> list[tuple[int, float]]:
    """Return a curve with fewer points, its last one among them."""
    step = max(1, -(-len(curve) // max(1, limit)))
    few = list(curve[::step])
    return few if few[-1] == curve[-1] else [*few, curve[-1]]


def best_finding(trials: Sequence[Trial], metric: str) -> str:
    """Return how far the search has come, in one sentence."""
    found = best_so_far(trials)
    best = best_trial(list(trials))
    if best is None:
        return "No trial has finished yet."
    name = metric_name(metric)
    text = f"Best {name} {number(best.score, 4)} by {trial_name(best).lower()}"
    first = trials[0]
    if first.state == "finished" and first.score and best.number != 0:
        text += f", {percent((best.score or 0) / first.score - 1)} above the first one"
    since = sum(n > best.number for n, _ in found)
    return text + (f"; {counted(since, 'trial')} finished since, none better." if since else ".")


def curves_finding(trials: Sequence[Trial]) -> str:
    """Return what the curves hold, in one sentence."""
    judged = [trial for trial in trials if trial.curve and trial.state in SERIES]
    if not judged:
        return "The curves begin with the first validation."
    n_pruned = sum(trial.state == "pruned" for trial in judged)
    pruned = f"{n_pruned:,} of them pruned (▼, dotted)" if n_pruned else "none pruned"
    text = f"{counted(len(judged), 'trial')}, {pruned}"
    few = len(drawn_curves(trials))
    return text + (f"; the newest {few:,} and the best are drawn." if few < len(judged) else ".")
