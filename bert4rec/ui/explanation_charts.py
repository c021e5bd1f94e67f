"""Figures of what carries a prediction, and of what each context gives over many users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.explain import CONTEXTS
from bert4rec.ui.prediction_cards import BITS_HELP, CONTEXT_WORDS
from bert4rec.ui.words import escape, number

N_OCCLUSION_BARS = 12
# Bars that are shorter than this share of the longest tell nothing.
SHORTEST_BAR = 0.01


def draw_occlusion(fall: np.ndarray, titles: Sequence[str], position: int) -> None:
    """Draw which items carry a prediction.

    Args:
        fall: Bits that the true item loses when an item is hidden too, (n,).
        titles: Titles of the sequence.
        position: The hidden place.
    """
    strongest = np.argsort(-np.abs(fall), kind="stable")[:N_OCCLUSION_BARS]
    strongest = strongest[np.abs(fall[strongest]) > SHORTEST_BAR * np.abs(fall).max(initial=0.0)]
    if not len(strongest):
        st.caption("No other item changes this prediction.")
        return
    st.caption(occlusion_finding(fall, titles))
    table = pd.DataFrame(
        {
            "item": [f"{at + 1} · {titles[at]}" for at in strongest],
            "bits": np.round(fall[strongest], 3),
            "side": ["before" if at < position else "after" for at in strongest],
        }
    )
    bars = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X(
                "bits:Q", title="Bits lost when this item is hidden too", axis=alt.Axis(tickCount=8)
            ),
            y=alt.Y("item:N", sort=None, title=None, axis=alt.Axis(labelLimit=280)),
            color=alt.Color("side:N", title="Side", scale=alt.Scale(domain=["before", "after"])),
            tooltip=[alt.Tooltip("item", title="Item"), alt.Tooltip("bits", title="Bits")],
        )
        .properties(height=alt.Step(24))
    )
    st.altair_chart(bars, alt=occlusion_finding(fall, titles, is_markdown=False))


def occlusion_finding(fall: np.ndarray, titles: Sequence[str], *, is_markdown: bool = True) -> str:
    """Return which item carries a prediction most, in one sentence."""
    at = int(np.argmax(np.abs(fall)))
    title = escape(titles[at]) if is_markdown else titles[at]
    role, effect = (
        ("carries most", "loses") if fall[at] > 0 else ("speaks against it most", "gains")
    )
    return (
        f"Position {at + 1}, “{title}”, {role}: without it the true item {effect} "
        f"{abs(fall[at]):.1f} bits."
    )


def report_finding(report: dict[str, dict[str, Any]]) -> str:
    """Return what the comparison over many users says, in one or two sentences."""
    value = {context: report[context]["metrics"]["ndcg@10"] for context in CONTEXTS}
    low, _ = report["both"]["interval"]
    n_users = report["both"]["n_users"]
    figures = (
        f"Over {number(n_users)} users, both sides reach NDCG@10 {value['both']:.3f}, the past "
        f"alone {value['past']:.3f}, the future alone {value['future']:.3f}."
    )
    if low > report["past"]["interval"][1]:
        return f"Yes. {figures}"
    if value["both"] > value["past"]:
        return f"Perhaps: the intervals overlap. {figures}"
    return f"No. {figures}"


def draw_report(report: dict[str, dict[str, Any]]) -> None:
    """Draw the comparison of contexts over many users, with intervals."""
    st.markdown(f"**{escape(report_finding(report))}**")
    table = pd.DataFrame(
        {
            "context": [CONTEXT_WORDS[context] for context in CONTEXTS],
            "ndcg": [report[context]["metrics"]["ndcg@10"] for context in CONTEXTS],
            "low": [report[context]["interval"][0] for context in CONTEXTS],
            "high": [report[context]["interval"][1] for context in CONTEXTS],
            "hr": [report[context]["metrics"]["hr@10"] for context in CONTEXTS],
            "bits": [report[context]["bits"] for context in CONTEXTS],
        }
    )
    chart, figures = st.columns(2, vertical_alignment="center")
    with chart:
        order = list(table["context"])
        y = alt.Y("context:N", sort=order, title=None, axis=alt.Axis(labelLimit=120))
        bars = alt.Chart(table).mark_bar().encode(x=alt.X("ndcg:Q", title="NDCG@10"), y=y)
        lines = (
            alt.Chart(table)
            .mark_rule(strokeWidth=2, color="gray")
            .encode(x="low:Q", x2="high:Q", y=y)
        )
        st.altair_chart((bars + lines).properties(height=alt.Step(36)), alt=report_finding(report))
    with figures:
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "context": "Context",
                "ndcg": st.column_config.NumberColumn("NDCG@10", format="%.3f"),
                "low": st.column_config.NumberColumn("95% from", format="%.3f"),
                "high": st.column_config.NumberColumn("to", format="%.3f"),
                "hr": st.column_config.NumberColumn("HR@10", format="%.3f"),
                "bits": st.column_config.NumberColumn("Bits", format="%.2f", help=BITS_HELP),
            },
            alt="Metrics of the hidden middle item by context",
        )
    st.caption(
        "The middle item of each history is hidden. The model met these items in training, so the "
        "figures compare contexts with each other and do not replace the test metrics."
    )
