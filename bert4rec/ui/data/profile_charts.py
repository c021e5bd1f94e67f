"""Charts of a dataset: lengths of histories, popularity of items; each with finding and table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.data.profile import Profile, few_points
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.svg import ratio_marks
from bert4rec.view.vega import AXIS, GREY, PADDING_PX, QUIET_TEXT, Chart
from bert4rec.words import number, percent, when

HEIGHT = 280
DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
N_CURVE_POINTS = 100
SHARE_MARKS = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


def draw_lengths(found: Profile) -> None:
    """Draw how long the histories are."""
    edges, counts = found.ratio_histogram or found.length_histogram
    quantiles = found.length_quantiles
    finding = (
        f"At least half of the histories are no longer than {number(quantiles['median'])}, the"
        f" longest has {number(quantiles['max'])} items."
    )
    _draw(
        "History lengths",
        length_chart(edges, counts, is_log=found.ratio_histogram is not None),
        finding,
        pd.DataFrame({"From": edges[:-1], "To": edges[1:] - 1, "Histories": counts}),
    )


def length_chart(edges: np.ndarray, counts: np.ndarray, *, is_log: bool = False) -> Chart:
    """Return the histogram of history lengths.

    Args:
        edges: Lengths at which bins begin, and the one after the last; (B + 1,).
        counts: Histories in each bin, (B,).
        is_log: Whether equal ratios of lengths are equally wide.
    """
    points = pd.DataFrame(
        {
            # An edge belongs to the bin above it: a bin of one length stands over that length.
            "low": edges[:-1] - 0.5,
            "high": edges[1:] - 0.5,
            "count": counts,
            "bin": [
                f"{low:,} to {high - 1:,}" if high - low > 1 else f"{low:,}"
                for low, high in pairwise(edges)
            ],
        }
    )
    x: dict[str, Any] = {"type": "quantitative", "title": "Items in the history"}
    x |= {"axis": AXIS | {"format": ",d", "tickMinStep": 1, "tickCount": 8, "grid": False}}
    if is_log:
        x["title"] += ", logarithmic"
        x["scale"] = {"type": "log"}
        x["axis"] |= {"values": ratio_marks(int(edges[0]), int(edges[-1])), "labelOverlap": True}
    return Chart(points, _histogram(x, "Histories", "Items"))


def draw_popularity(found: Profile) -> None:
    """Draw how unevenly interactions are spread over the items."""
    items, share = found.popularity_curve
    top = float(np.interp(0.1, items, share))
    finding = f"The most popular tenth of the items has {percent(top)} of all interactions."
    marks = np.array(SHARE_MARKS)
    table = pd.DataFrame(
        {
            "Most popular items": [percent(mark) for mark in marks],
            "Share of interactions": [percent(value) for value in np.interp(marks, items, share)],
        }
    )
    right = st.column_config.TextColumn(alignment="right")
    _draw(
        "Popularity of items",
        popularity_chart(items, share),
        finding,
        table,
        dict.fromkeys(table.columns, right),
    )


def popularity_chart(items: np.ndarray, share: np.ndarray) -> Chart:
    """Return the cumulative share of interactions over items from most to least popular.

    Args:
        items: Shares of the items, rising from 0 to 1; (N,).
        share: Share of the interactions that so many items have, (N,).
    """
    thin = few_points(len(items), N_CURVE_POINTS)
    points = pd.DataFrame({"items": np.asarray(items)[thin], "share": np.asarray(share)[thin]})
    axis = AXIS | {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1]}
    x = {"field": "items", "type": "quantitative", "title": "Items, most popular first"}
    y = {"field": "share", "type": "quantitative", "title": "Share of interactions"}
    told = [
        {"field": "items", "title": "Items", "format": ".0%"},
        {"field": "share", "title": "Interactions", "format": ".0%"},
    ]
    equal = {"color": {"value": GREY}, "y": {"field": "items", "type": "quantitative"}}
    # One point, right below that line. A layer's place by `datum` would give way to the fields of
    # the whole chart.
    point = [
        {"aggregate": [{"op": "count", "as": "n"}]},
        {"calculate": "0.63", "as": "items"},
        {"calculate": "0.57", "as": "share"},
    ]
    word = QUIET_TEXT | {"align": "left", "text": "if all were equal"}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "line", "strokeWidth": 1, "strokeDash": [2, 3]}, "encoding": equal},
        {"transform": point, "mark": word},
        {"mark": {"type": "line", "strokeWidth": 3}},
        # Wide and unseen, so that one need not meet the line itself.
        {
            "mark": {"type": "point", "size": 300, "opacity": 0, "filled": True},
            "encoding": {"tooltip": told},
        },
    ]
    spec = {
        "padding": dict(PADDING_PX),
        "encoding": {
            "x": x | {"axis": axis | {"grid": False}, "scale": {"domain": [0, 1]}},
            "y": y | {"axis": axis, "scale": {"domain": [0, 1]}},
        },
        "layer": layers,
    }
    return Chart(points, spec)


def draw_over_time(edges_s: np.ndarray, counts: np.ndarray) -> None:
    """Draw how the interactions are spread over time."""
    days = _moments(edges_s)
    densest = int(np.argmax(counts))
    share = percent(counts[densest] / max(int(counts.sum()), 1))
    finding = (
        f"The busiest of {len(counts)} equal stretches, from {days[densest]} to"
        f" {days[densest + 1]}, has {share} of all interactions."
    )
    _draw(
        "Interactions over time",
        over_time_chart(edges_s, counts),
        finding,
        pd.DataFrame({"From": days[:-1], "To": days[1:], "Interactions": counts}),
        {"Interactions": st.column_config.NumberColumn(format="localized")},
    )


def over_time_chart(edges_s: np.ndarray, counts: np.ndarray) -> Chart:
    """Return the histogram of the interactions' times, in UTC.

    Args:
        edges_s: Unix seconds at which bins begin, and where the last ends; (B + 1,).
        counts: Interactions in each bin, (B,).
    """
    names = _moments(edges_s)
    points = pd.DataFrame(
        {
            "low": edges_s[:-1] * 1000,
            "high": edges_s[1:] * 1000,
            "count": counts,
            "bin": [f"{low} to {high}" for low, high in pairwise(names)],
        }
    )
    x: dict[str, Any] = {"type": "temporal", "title": "Time (UTC)", "scale": {"type": "utc"}}
    x["axis"] = time_axis(float(edges_s[-1] - edges_s[0]))
    return Chart(points, _histogram(x, "Interactions", "Time"))


def time_axis(span_s: float) -> dict[str, Any]:
    """Return an axis of moments whose labels say so much of each that none is in doubt.

    Args:
        span_s: Seconds from its one end to the other.
    """
    form = "%b %Y" if span_s > 90 * DAY_S else "%d %b %Y" if span_s > 2 * DAY_S else "%d %b, %H:%M"
    return AXIS | {"grid": False, "format": form, "tickCount": 7, "labelOverlap": True}


def _moments(edges_s: np.ndarray) -> list[str]:
    """Return moments in words in which neighbours differ: with a clock below a day."""
    step_s = edges_s[1] - edges_s[0]
    return [
        when(
            (EPOCH + timedelta(seconds=float(at_s))).isoformat(),
            with_time=step_s < DAY_S,
            with_seconds=step_s < 60,
        )
        for at_s in edges_s
    ]


def _histogram(x: dict[str, Any], y_title: str, what: str) -> dict[str, Any]:
    """Return the description of a histogram of a table with low, high, count and bin."""
    scale = {"nice": False} | x.get("scale", {"zero": False})
    y = {"field": "count", "type": "quantitative", "title": y_title, "scale": {"zero": True}}
    return {
        "padding": dict(PADDING_PX),
        # A hair between bars, which share their edges. Not as bins: of those Vega-Lite takes the
        # format of moments for one of numbers, and draws nothing.
        "mark": {"type": "rect", "x2Offset": -1},
        "encoding": {
            "x": x | {"field": "low", "scale": scale},
            "x2": {"field": "high"},
            "y": y | {"axis": AXIS | {"format": ",d", "tickMinStep": 1}},
            "y2": {"datum": 0},
            "tooltip": [
                {"field": "bin", "title": what},
                {"field": "count", "title": y_title, "format": ",d"},
            ],
        },
    }


def _draw(
    title: str,
    chart: Chart,
    finding: str,
    table: pd.DataFrame,
    columns: dict[str, Any] | None = None,
) -> None:
    """Draw a chart below what it says, and its figures folded away.

    Args:
        title: What is drawn.
        chart: It.
        finding: What it says.
        table: Its figures.
        columns: How columns of the table are shown, by name; others as Streamlit shows them.
    """
    st.markdown(f"**{title}**")
    st.caption(finding)
    draw_vega(chart, height=HEIGHT, alt=finding)
    with folded("As a table", key=f"table_of_{title}") as is_open:
        if is_open:
            draw_frame(table, hide_index=True, column_config=columns, alt=finding)
