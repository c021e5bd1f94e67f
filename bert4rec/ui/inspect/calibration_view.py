"""How sure is it? The reliability of a run's probabilities as a chart with a sentence."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from bert4rec.held_out.calibration import Calibration
from bert4rec.held_out.calibration_words import (
    calibration_finding,
    items_words,
    temperature_finding,
)
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.sequences.prediction_cards import CONTEXT_WORDS
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.inspect_charts import bins_chart
from bert4rec.view.markdown import escape
from bert4rec.words import number

# The table of errors needs so much, or it has to be moved sideways.
MIN_FIGURES_PX = 500
NARROW_PX = 340


def draw_calibration(found: Calibration) -> None:
    """Draw whether the probabilities that are shown are what they say."""
    st.markdown(f"**{escape(calibration_finding(found))}**")
    cells = st.grid(2, min_column_width=MIN_FIGURES_PX)
    with cells.container():
        _draw_bins(found)
    with cells.container(vertical_alignment="center", height="stretch"):
        _draw_errors(found)
        st.caption(escape(temperature_finding(found)))
        st.caption(
            "Of all items listed with a probability of 20%, a fifth should be the hidden one: then "
            "the points lie on the dashed line. Ten bins with as many listed items each; 95% "
            "intervals."
        )
    if found.groups:
        with folded("By how much is shown", key="inspect_calibration_groups") as is_open:
            if is_open:
                _draw_groups(found)
    with folded("As a table", key="inspect_calibration_table") as is_open:
        if is_open:
            _draw_bin_table(bin_table(found), calibration_finding(found))


def _draw_errors(found: Calibration) -> None:
    columns = [
        Column("context", "Context"),
        _figure("plain", "Off by", "Percentage points, by the network's own probabilities"),
    ]
    if found.temperatures:
        columns.append(_figure("used", "As shown", "Percentage points, with the temperatures used"))
    draw_table(
        context_table(found), columns, alt="Calibration error by context", width_px=NARROW_PX
    )


def _draw_groups(found: Calibration) -> None:
    draw_table(
        group_table(found),
        [
            Column("context", "Context"),
            Column("items", "Shown"),
            Column(
                "n_places", "Places", "Judged, of users of whom none was fitted on", is_number=True
            ),
            _figure("plain", "Off by", "Percentage points, by the network's own probabilities"),
            _figure(
                "temperature",
                "Temperature",
                "What the scores are divided by where that pays: where it surely saves bits and "
                "the probabilities are no farther off",
            ),
            _figure("scaled", "With it", "Percentage points, with scores divided by it"),
            Column(
                "gain", "Bits saved", "Of those it takes to tell an item; 95% interval", str, True
            ),
        ],
        alt="Calibration error by what is shown, without and with a temperature",
        is_tinted=[one.pays for one in found.groups],
    )
    st.caption(
        ("Rows that stand out are in use. " if found.temperatures else "")
        + "Places are also shown fewer items than there are, those nearest to them, as in a list "
        "that somebody types. Where more is shown than here, nothing is divided."
    )


def _figure(name: str, title: str, about: str) -> Column:
    return Column(name, title, about, words=partial(number, digits=2), is_number=True)


def context_table(found: Calibration) -> pd.DataFrame:
    """Return by how many percentage points each context is off, of all places."""
    return pd.DataFrame(
        [
            {
                "context": CONTEXT_WORDS[name],
                "plain": 100 * one.error,
                "used": 100 * found.contexts[name].error,
            }
            for name, one in found.plain.items()
        ]
    )


def group_table(found: Calibration) -> pd.DataFrame:
    """Return a row for each group: points off, its temperature, and what that is worth."""
    return pd.DataFrame(
        [
            {
                "context": CONTEXT_WORDS[one.context],
                "items": items_words(one.shown, found.most_shown),
                "n_places": one.n_places,
                "plain": 100 * one.plain.error,
                "temperature": one.temperature,
                "scaled": 100 * one.scaled.error,
                "gain": one.gain.told(),
            }
            for one in found.groups
        ]
    )


def bin_table(found: Calibration) -> pd.DataFrame:
    """Return a row for each bin and context of what is shown, shares in percent."""
    return pd.DataFrame(
        [
            {
                "context": CONTEXT_WORDS[name],
                "probability": 100 * one.probability,
                "share": 100 * one.share.mean,
                "low": 100 * one.share.low,
                "high": 100 * one.share.high,
                "n": one.n,
            }
            for name, context in found.contexts.items()
            for one in context.bins
        ]
    )


def _draw_bin_table(table: pd.DataFrame, finding: str) -> None:
    shares = {"probability": "Probability shown", "share": "Share that is the item"}
    ends = {"low": "95% from", "high": "to"}
    draw_frame(
        table,
        hide_index=True,
        column_config={
            "context": "Context",
            "n": st.column_config.NumberColumn("Listed items", format="localized"),
            **{
                name: st.column_config.NumberColumn(head, format="%.2f%%")
                for name, head in (shares | ends).items()
            },
        },
        alt=finding,
    )


def _draw_bins(found: Calibration) -> None:
    chart = bins_chart(bin_table(found))
    draw_vega(chart, alt=calibration_finding(found))
