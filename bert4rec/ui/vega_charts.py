"""Charts of Vega-Lite, drawn with their points from the first moment on."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bert4rec.view.vega import Chart

# What a description calls its table: always the same, so that new points are no new chart.
POINTS = "points"


def draw_vega(chart: Chart, *, alt: str, **options: Any) -> Any:
    """Draw a chart.

    Its table has a name: Streamlit draws a chart of one without any twice, at first without points,
    and Vega warns in the browser's console of each axis that then has no length.

    Args:
        chart: The chart.
        alt: What it says, for who does not see it.
        options: As `streamlit.vega_lite_chart` has them, and so is what is returned.
    """
    named = {"data": {"name": POINTS}, "datasets": {POINTS: chart.points}}
    return st.vega_lite_chart(spec=chart.spec | named, alt=alt, **options)
