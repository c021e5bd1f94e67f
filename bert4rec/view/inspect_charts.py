"""Charts of Inspect: attention, what contexts find, what the future adds, reliability.

All tables are as their functions in `ui/inspect/` return them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bert4rec.view.vega import AXIS, TEXT, Chart

GAIN_TITLE = "Gain in NDCG@10, both sides over the past"
# Two lines: beside a table the chart is narrower than both of them in one.
GAIN_LINES = ["Gain in NDCG@10,", "both sides over the past"]
# Few labels: of many every other one would be left out, and with it the 0 of the dashed line.
GAIN_AXIS: dict[str, Any] = {
    "tickCount": 3,
    "format": "+.3~f",
    "labelExpr": "datum.value ? datum.label : 0",
}
ROW_PX, CONTEXT_PX, GROUP_PX, BINS_PX = 22, 36, 28, 340
LEGEND_PX = 160
DASHED = {"strokeDash": [4, 4], "color": "gray"}
POINT: dict[str, Any] = {"type": "point", "filled": True, "opacity": 1}


def attention_chart(table: pd.DataFrame) -> Chart:
    """Return attention as a field for each item and head.

    Args:
        table: `item`, `head` and `share`, in the order in which they are drawn.
    """
    heads = [*dict.fromkeys(table["head"])]
    # Below, where it fits however few the rows are; above stand the heads.
    legend = TEXT | {"format": ".0%", "orient": "bottom", "gradientLength": LEGEND_PX}
    scale = {"scheme": "cividis", "domainMin": 0}
    spec = {
        "height": {"step": ROW_PX},
        "mark": "rect",
        "encoding": {
            "x": _named("head", "Layer.head", labelAngle=0, orient="top") | {"sort": heads},
            "y": _named("item", None, labelLimit=280),
            "color": _measured("share", "Attention") | {"scale": scale, "legend": legend},
            "tooltip": [
                {"field": "item", "title": "Item"},
                {"field": "head", "title": "Layer.head"},
                {"field": "share", "title": "Attention", "format": ".1%"},
            ],
        },
    }
    return Chart(table, spec)


def contexts_chart(table: pd.DataFrame) -> Chart:
    """Return what each context finds as a bar with its interval.

    Args:
        table: `context`, and `ndcg` with `low` and `high`.
    """
    title = "NDCG@10 of the hidden item"
    bar = _measured("ndcg", title) | {"axis": AXIS | {"tickCount": 5}}
    spec = {
        "height": {"step": CONTEXT_PX},
        "encoding": {"y": _named("context", None, labelLimit=120)},
        "layer": [
            {
                "mark": "bar",
                "encoding": {
                    "x": bar,
                    "tooltip": [
                        {"field": "context", "title": "Context"},
                        {"field": "ndcg", "title": "NDCG@10", "format": ".3f"},
                        *_interval_told(".3f"),
                    ],
                },
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": "currentColor"},
                "encoding": {"x": _measured("low", title), "x2": {"field": "high"}},
            },
        ],
    }
    return Chart(table, spec)


def gains_chart(table: pd.DataFrame) -> Chart:
    """Return what the future adds in each group, with intervals beside a line at nothing.

    Args:
        table: `group`, `places`, and `gain` with `low` and `high`.
    """
    group = _named("group", None, labelLimit=180)
    ends = _measured("low", GAIN_LINES) | {"axis": AXIS | GAIN_AXIS}
    spec = {
        "height": {"step": GROUP_PX},
        "layer": [
            # Not by `datum`, which would take the grid from the others' axis.
            {
                "data": {"values": [{"at": 0}]},
                "mark": {"type": "rule"} | DASHED,
                "encoding": {"x": {"field": "at", "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": "gray"},
                "encoding": {"x": ends, "x2": {"field": "high"}, "y": group},
            },
            {
                "mark": POINT | {"size": 80},
                "encoding": {
                    "x": _measured("gain", GAIN_LINES),
                    "y": group,
                    "tooltip": [
                        {"field": "group", "title": "Group"},
                        {"field": "places", "title": "Places", "format": ","},
                        {"field": "gain", "title": "Gain", "format": "+.3f"},
                        *_interval_told("+.3f"),
                    ],
                },
            },
        ],
    }
    return Chart(table, spec)


def bins_chart(table: pd.DataFrame) -> Chart:
    """Return listed items by their probability, and the share that is right, beside the diagonal.

    Args:
        table: `context`, `probability`, and `share` with `low` and `high`, all in percent; `n`.
    """
    end = float(max(table["probability"].max(), table["high"].max(), 1.0))
    scale = {"scale": {"domain": [0, end]}}
    x_title, y_title = "Probability that is shown, %", "Share that is the hidden item, %"
    x = _measured("probability", x_title) | scale | {"axis": AXIS}
    # Colour and shape have the same legend, as they say the same.
    context = _plain_name("context", None) | {"sort": None, "legend": TEXT | {"orient": "top"}}
    spec = {
        "height": BINS_PX,
        "layer": [
            _diagonal(end, scale),
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "x": x,
                    "y": _measured("low", y_title) | scale | {"axis": AXIS},
                    "y2": {"field": "high"},
                    "color": context,
                },
            },
            {
                "mark": POINT | {"size": 70},
                "encoding": {
                    "x": x,
                    "y": _measured("share", y_title) | scale | {"axis": AXIS},
                    "color": context,
                    "shape": context,
                    "tooltip": [
                        {"field": "context", "title": "Context"},
                        {"field": "probability", "title": "Probability shown, %", "format": ".2f"},
                        {"field": "share", "title": "Share that is the item, %", "format": ".2f"},
                        *_interval_told(".2f"),
                        {"field": "n", "title": "Listed items", "format": ","},
                    ],
                },
            },
        ],
    }
    return Chart(table, spec)


def _diagonal(end: float, scale: dict[str, Any]) -> dict[str, Any]:
    """Return the line on which a probability is what it says."""
    return {
        "data": {"values": [{"at": 0}, {"at": end}]},
        "mark": {"type": "line"} | DASHED,
        "encoding": {axis: {"field": "at", "type": "quantitative"} | scale for axis in "xy"},
    }


def _measured(field: str, title: str | list[str]) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title}


def _plain_name(field: str, title: str | None) -> dict[str, Any]:
    return {"field": field, "type": "nominal", "title": title}


def _named(field: str, title: str | None, **axis: object) -> dict[str, Any]:
    """Return an axis of names in the order of the table."""
    return _plain_name(field, title) | {"sort": None, "axis": AXIS | axis}


def _interval_told(form: str) -> Sequence[dict[str, Any]]:
    return [
        {"field": "low", "title": "95% from", "format": form},
        {"field": "high", "title": "to", "format": form},
    ]
