"""What a curve's chart is made of beside its lines: marks, hovering, zoom; as Vega-Lite."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bert4rec.view.vega import GREY, legend_of

# What happened to a run, with the shape of its mark.
MARKS = {
    "checkpoint": ("Last checkpoint", "triangle-up"),
    "paused": ("Pause", "square"),
    # No step lies between a pause and its end, so that both have one place.
    "resumed": ("Pause and resume", "triangle-right"),
    "continued": ("Restart", "cross"),
}
# A run that pauses is saved at the same step: its checkpoint stands above what else happened.
FOOT_PX, ABOVE_PX = -7, -21
# How high a scale goes above a sign at the top of it: half of the sign on a chart of a phone.
ROOM_ABOVE = 1.06
# What the browser may tell of a chart, so that Streamlit keeps it when points come in.
ZOOM = "zoom"


def alone_layer() -> dict[str, Any]:
    """Draw the only point of a line, of which a line would show nothing."""
    return {
        "transform": [{"filter": "datum.is_alone"}],
        "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1, "clip": True},
    }


def best_layer() -> dict[str, Any]:
    """Mark each validation that was a new best, and the best of all with a larger sign.

    The scale goes on above them, unseen, as the best is often the highest of all: a sign that
    stood at its end would be cut in half.
    """
    size = {"condition": {"test": "datum.is_best", "value": 160}, "value": 45}
    above = f"{ROOM_ABOVE} * datum.value"
    return {
        "transform": [{"filter": "datum.is_best || datum.mark == 'new best'"}],
        "layer": [
            {
                "mark": {"type": "point", "shape": "diamond", "strokeWidth": 2},
                "encoding": {"size": size},
            },
            {
                "transform": [{"calculate": above, "as": "above"}],
                "mark": {"type": "point", "opacity": 0, "aria": False},
                "encoding": {"y": {"field": "above"}},
            },
        ],
    }


def raw_layer() -> dict[str, Any]:
    """Draw a figure as it was measured, faintly behind its average."""
    return {
        "transform": [{"filter": "datum.mark == 'raw'"}],
        "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.35, "clip": True},
    }


def event_layer(found: Collection[str]) -> dict[str, Any]:
    """Mark what happened to the run, at the foot of the chart, each kind with its shape.

    Args:
        found: Names of the kinds that happened.
    """
    shapes = {name: shape for name, shape in MARKS.values() if name in found}
    scale = {"domain": list(shapes), "range": list(shapes.values())}
    saved = MARKS["checkpoint"][0]
    places = {"==": ABOVE_PX} if saved in found else {}
    places |= {"!=": FOOT_PX} if set(found) - {saved} else {}
    mark = {"type": "point", "filled": True, "size": 70, "clip": True}
    legend = legend_of(list(shapes), orient="bottom") | {"symbolFillColor": GREY}
    return {
        "transform": [{"filter": "datum.mark == 'event'"}],
        "layer": [
            {
                "transform": [{"filter": f"datum.series {sign} '{saved}'"}],
                "mark": mark | {"yOffset": offset},
            }
            for sign, offset in places.items()
        ],
        "encoding": {
            "y": {"value": "height"},
            "color": {"value": GREY},
            "shape": {"field": "series", "type": "nominal", "scale": scale, "legend": legend},
            "tooltip": [
                {"field": "series", "title": "What"},
                {"field": "epoch", "title": "Epoch", "format": ".4~g"},
            ],
        },
    }


def zoom() -> dict[str, Any]:
    """Move along the epochs by dragging, zoom with Ctrl and the wheel, which alone scrolls."""
    select = {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey]"}
    return {"name": ZOOM, "select": select, "bind": "scales"}


def hover_layer(y_title: str) -> dict[str, Any]:
    """Tell the figures of the point that is nearest to the pointer."""
    select = {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"}
    is_near = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    tooltip = [
        {"field": "series", "title": "Line"},
        {"field": "epoch", "title": "Epoch", "format": ".4~g"},
        {"field": "value", "title": y_title, "format": ".4~g"},
    ]
    return {
        "transform": [{"filter": "datum.is_told"}],
        "mark": {"type": "point", "filled": True, "size": 60, "clip": True},
        "params": [{"name": "near", "select": select}],
        "encoding": {"opacity": is_near, "tooltip": tooltip},
    }
