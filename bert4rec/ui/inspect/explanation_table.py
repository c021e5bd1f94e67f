"""What carries a prediction, item by item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.composer.reasons import LEAST_BITS
from bert4rec.ui.reading_table import Column, count_column, draw_table
from bert4rec.ui.sequences.prediction_cards import WIDE_TABLE_PX, signed_bits
from bert4rec.view.markdown import escape

N_OCCLUSION_BARS = 12
# Bars that are shorter than this share of the longest tell nothing.
SHORTEST_BAR = 0.01
# Less would be told as no bits at all.


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
            "position": strongest + 1,
            "item": [titles[at] for at in strongest],
            "bits": fall[strongest],
            "side": ["before" if at < position else "after" for at in strongest],
        }
    )
    bits = Column(
        "bits",
        "Bits lost",
        f"How much less probable {subject} is when this item is hidden too",
        words=signed_bits,
        full=max(0.0, float(fall[strongest].max())),
        least=min(0.0, float(fall[strongest].min())),
    )
    draw_table(
        table,
        [
            count_column("position", "#", "Position"),
            Column("item", "Item"),
            Column("side", "Side", "Of the hidden place"),
            bits,
        ],
        alt=occlusion_finding(fall, titles, subject=subject, is_markdown=False),
        width_px=WIDE_TABLE_PX,
    )


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
