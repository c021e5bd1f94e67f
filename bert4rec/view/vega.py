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
# What a name in a legend takes: its letters, its sign and the space after it.
LETTER_PX, SIGN_PX = 7.5, 48
# What an axis of figures with its title takes.
AXIS_PX = 72
# For what belongs to no line; holds on a light and a dark page.
GREY = "#8A929B"


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart to hand to `st.vega_lite_chart`.

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
    return TEXT | {
        "title": None,
        "orient": orient,
        "columns": {"expr": n_columns},
        "labelLimit": {"expr": f"width - {SIGN_PX}"},
        "padding": 0,
        "offset": 4,
    }
