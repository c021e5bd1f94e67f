"""Figures of what carries a prediction."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.ui.words import escape

N_OCCLUSION_BARS = 12
# Bars that are shorter than this share of the longest tell nothing.
SHORTEST_BAR = 0.01
# Less would be told as no bits at all.
LEAST_BITS = 0.05


def draw_occlusion(
    fall: np.ndarray, titles: Sequence[str], position: int, *, subject: str = "the true item"
) -> None:
    """Draw which items carry a prediction.

    Args:
        fall: Bits that the true item loses when an item is hidden too, (n,).
        titles: Titles of the sequence.
        position: The hidden place.
        subject: Whose probability it is about.
    """
    most = np.abs(fall).max(initial=0.0)
    if most < LEAST_BITS:
        st.caption(f"No other item changes this prediction by as much as {LEAST_BITS} bits.")
        return
    strongest = np.argsort(-np.abs(fall), kind="stable")[:N_OCCLUSION_BARS]
    strongest = strongest[np.abs(fall[strongest]) > SHORTEST_BAR * most]
    st.caption(occlusion_finding(fall, titles, subject=subject))
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
    said = occlusion_finding(fall, titles, subject=subject, is_markdown=False)
    st.altair_chart(bars, alt=said)


def occlusion_finding(
    fall: np.ndarray,
    titles: Sequence[str],
    *,
    subject: str = "the true item",
    is_markdown: bool = True,
) -> str:
    """Return which item carries a prediction most, in one sentence."""
    at = int(np.argmax(np.abs(fall)))
    title = escape(titles[at]) if is_markdown else titles[at]
    role, effect = (
        ("carries most", "loses") if fall[at] > 0 else ("speaks against it most", "gains")
    )
    return (
        f"Position {at + 1}, “{title}”, {role}: without it {subject} {effect} "
        f"{abs(fall[at]):.1f} bits."
    )
