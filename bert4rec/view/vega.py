"""What all charts of Vega-Lite have in common: a table, a description, margins, axes, legends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

# The theme's own margins leave the lines half of the height.
PADDING_PX = {"left": 4, "right": 8, "top": 4, "bottom": 4}
# The text of the page, a little quieter: Streamlit's own grey is too pale on a light one.
TEXT: dict[str, Any] = {
    "labelColor": "currentColor",
    "labelOpacity": 0.75,
    "titleColor": "currentColor",
    "titleOpacity": 0.75,
}
# Streamlit would move the first and the last label inwards, off what they name.
AXIS: dict[str, Any] = {"labelPadding": 6, "titlePadding": 8, "labelFlush": False} | TEXT
# A word in a chart, as dark as those of its axes.
QUIET_TEXT: dict[str, Any] = {"type": "text", "color": "currentColor", "opacity": 0.75}
# A name in a legend tells the whole of it where `told_names` lets the pointer find it. It is no
# button, as Vega-Lite takes it to be.
_PLAIN_CURSOR = {"cursor": {"value": "default"}}
NAME_PARTS: dict[str, Any] = {
    "entries": _PLAIN_CURSOR,
    "symbols": _PLAIN_CURSOR,
    "labels": _PLAIN_CURSOR | {"tooltip": {"value": {"signal": "datum.value"}}},
}
# What a name in a legend takes: its letters, its sign and the space after it.
LETTER_PX, SIGN_PX = 7.5, 48
# What a letter takes on average; a name of wide ones is cut at its end as well.
USUAL_LETTER_PX = 6.5
# What an axis of figures with its title takes.
AXIS_PX = 72
# For what belongs to no line; holds on a light and a dark page.
GREY = "#8A929B"


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart to hand to `draw_vega`.

    Args:
        points: Its table.
        spec: The Vega-Lite description. While a run goes on it stays the same, but for layers that
            have no point yet.
    """

    points: pd.DataFrame
    spec: dict[str, Any]


def legend_of(
    names: Sequence[str], *, orient: str = "top", beside: str = f"{AXIS_PX}"
) -> dict[str, Any]:
    """Return a legend in as many columns as the chart has room for, down to one.

    Args:
        names: What it tells of.
        orient: Where it stands.
        beside: What the axis beside the lines takes at most, in pixels or as an expression.
    """
    # Vega makes room for a legend while it takes the lines to be as wide as the whole chart, so
    # that rows which come to be only once they are not would be cut off.
    width = f"min(width, containerSize()[0] - {beside})"
    widths = [LETTER_PX * len(name) + SIGN_PX for name in names]
    widest = max(widths, default=SIGN_PX)
    n_columns = f"{width} >= {sum(widths)} ? {len(names)} : max(1, floor({width} / {widest}))"
    legend = {
        "title": None,
        # Where colour and dashes share it Vega-Lite leaves an empty title, and the room for it.
        "titleFontSize": 0,
        "titlePadding": 0,
        "orient": orient,
        "columns": {"expr": n_columns},
        "padding": 0,
        "offset": 4,
        "encoding": dict(NAME_PARTS),
    }
    return TEXT | names_within(f"width - {SIGN_PX}") | legend


def joining(legend: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a legend as a further channel or layer tells it, which joins the first one.

    Only the first says how its names are drawn: Vega-Lite makes more of that for each kind of mark
    and warns where what two say is then not the same.
    """
    return None if legend is None else {k: v for k, v in legend.items() if k != "encoding"}


def told_names(field: str) -> dict[str, Any]:
    """Return what has a legend tell the whole name of what one points at, as a part of a layer.

    Vega-Lite lets the pointer find names that choose something; no event chooses any here.

    Args:
        field: What the legend tells of.
    """
    select = {"type": "point", "fields": [field], "toggle": False}
    return {"name": "named", "select": select, "bind": {"legend": "dblclick[false]"}}


def names_within(room: str) -> dict[str, Any]:
    """Return how names of a legend or an axis fit into a room: in two lines where need be.

    Of one that is longer still the middle is left out.

    Args:
        room: In pixels, as an expression.
    """
    n = f"max(8, floor(({room}) / {USUAL_LETTER_PX}))"
    # The first line may end before it is full, with a word.
    most = f"floor(1.75 * {n})"
    begin = f"slice(datum.label, 0, ceil({most} / 2) - 1)"
    cut = f"{begin} + '…' + slice(datum.label, -floor({most} / 2))"
    whole = f"(length(datum.label) <= {most} ? datum.label : {cut})"
    line = f"regexp('(.{{1,' + {n} + '}})( +|$)', 'g')"
    return {
        "labelExpr": f"split(trim(replace({whole}, {line}, '$1\\n')), '\\n')",
        "labelLimit": {"expr": room},
    }
