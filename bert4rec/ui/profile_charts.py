"""Charts of a dataset: lengths of histories, popularity of items; each with finding and table."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from bert4rec.data.profile import Profile
from bert4rec.ui.folded import folded
from bert4rec.ui.words import number, percent

HEIGHT = 280
DAY_S = 86_400
N_CURVE_POINTS = 200
CONFIG = {"displayModeBar": False}


def draw_lengths(found: Profile) -> None:
    """Draw how long the histories are."""
    edges, counts = found.length_histogram
    quantiles = found.length_quantiles
    finding = (
        f"Half of the histories are at most {number(quantiles['median'])} long, the longest has"
        f" {number(quantiles['max'])} items."
    )
    st.markdown("**History lengths**")
    st.caption(finding)
    st.plotly_chart(length_figure(edges, counts), alt=finding, config=CONFIG, key="lengths")
    with folded("As a table", key="lengths_table") as is_open:
        if is_open:
            st.dataframe(
                pd.DataFrame({"From": edges[:-1], "To": edges[1:] - 1, "Histories": counts}),
                hide_index=True,
                alt=finding,
            )


def length_figure(edges: np.ndarray, counts: np.ndarray) -> go.Figure:
    """Return the histogram of history lengths."""
    # An edge belongs to the bin above it: a bin of one length stands over that length.
    centres = (edges[:-1] + edges[1:] - 1) / 2
    ranges = [
        f"{low} to {high - 1}" if high - low > 1 else f"{low}" for low, high in pairwise(edges)
    ]
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=counts,
            width=np.diff(edges),
            customdata=ranges,
            hovertemplate="%{customdata} items: %{y:,} histories<extra></extra>",
        )
    )
    _laid_out(figure, "Items in the history", "Histories")
    figure.update_xaxes(tickformat=",d")
    figure.update_yaxes(tickformat=",d")
    return figure


def draw_popularity(found: Profile) -> None:
    """Draw how unevenly interactions are spread over the items."""
    items, share = found.popularity_curve
    top = float(np.interp(0.1, items, share))
    finding = f"The most popular tenth of the items has {percent(top)} of all interactions."
    st.markdown("**Popularity of items**")
    st.caption(finding)
    st.plotly_chart(popularity_figure(items, share), alt=finding, config=CONFIG, key="popularity")
    with folded("As a table", key="popularity_table") as is_open:
        if is_open:
            marks = np.array([0.01, 0.05, 0.1, 0.2, 0.5, 1.0])
            st.dataframe(
                pd.DataFrame(
                    {
                        "Most popular items": [percent(mark) for mark in marks],
                        "Share of interactions": [
                            percent(value) for value in np.interp(marks, items, share)
                        ],
                    }
                ),
                hide_index=True,
                alt=finding,
            )


def popularity_figure(items: np.ndarray, share: np.ndarray) -> go.Figure:
    """Return the cumulative share of interactions over items from most to least popular."""
    thin = np.unique(np.linspace(0, len(items) - 1, N_CURVE_POINTS).astype(int))
    figure = go.Figure(
        go.Scatter(
            x=np.asarray(items)[thin],
            y=np.asarray(share)[thin],
            mode="lines",
            line={"width": 3},
            hovertemplate="%{x:.0%} of the items: %{y:.0%} of the interactions<extra></extra>",
        )
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"dash": "dot", "width": 1, "color": "gray"},
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=0.98,
        y=0.5,
        text="if all were equal",
        showarrow=False,
        font={"size": 12},
        xanchor="right",
    )
    _laid_out(figure, "Items, most popular first", "Share of interactions")
    # Half of the last label stands beyond the end of the axis.
    figure.update_layout(margin_r=24)
    figure.update_xaxes(tickformat=".0%", range=[0, 1], dtick=0.25)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return figure


def draw_over_time(edges_s: np.ndarray, counts: np.ndarray) -> None:
    """Draw how the interactions are spread over time."""
    days = pd.to_datetime(edges_s, unit="s", utc=True).strftime(_moment_form(edges_s))
    densest = int(np.argmax(counts))
    share = percent(counts[densest] / max(int(counts.sum()), 1))
    finding = (
        f"The busiest of {len(counts)} equal stretches, from {days[densest]} to"
        f" {days[densest + 1]}, has {share} of all interactions."
    )
    st.markdown("**Interactions over time**")
    st.caption(finding)
    st.plotly_chart(over_time_figure(edges_s, counts), alt=finding, config=CONFIG, key="over_time")
    with folded("As a table", key="over_time_table") as is_open:
        if is_open:
            st.dataframe(
                pd.DataFrame({"From": days[:-1], "To": days[1:], "Interactions": counts}),
                hide_index=True,
                alt=finding,
            )


def over_time_figure(edges_s: np.ndarray, counts: np.ndarray) -> go.Figure:
    """Return the histogram of the interactions' times, in UTC."""
    moments = pd.to_datetime(edges_s, unit="s")
    names = moments.strftime(_moment_form(edges_s))
    centres = pd.to_datetime((edges_s[:-1] + edges_s[1:]) / 2, unit="s")
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=counts,
            width=np.diff(edges_s) * 1000,
            customdata=[f"{low} to {high}" for low, high in pairwise(names)],
            hovertemplate="%{customdata}: %{y:,} interactions<extra></extra>",
        )
    )
    _laid_out(figure, "Time (UTC)", "Interactions")
    figure.update_yaxes(tickformat=",d")
    return figure


def _moment_form(edges_s: np.ndarray) -> str:
    """Return how moments are written so that neighbours differ: with a clock below a day."""
    if edges_s[1] - edges_s[0] >= DAY_S:
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M" if edges_s[1] - edges_s[0] >= 60 else "%Y-%m-%d %H:%M:%S"


def _laid_out(figure: go.Figure, x_title: str, y_title: str) -> go.Figure:
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        showlegend=False,
        bargap=0.05,
        xaxis_title=x_title,
        yaxis_title=y_title,
    )
    return figure
