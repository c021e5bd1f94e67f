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
from bert4rec.words import counted

N_OCCLUSION_BARS = 12
# A bar is full at no less, however little all items carry.
LEAST_FULL_BAR = 1.0


def draw_occlusion(
    fall: np.ndarray,
    titles: Sequence[str],
    position: int,
    *,
    subject: str = "the true item",
    numbers: Sequence[int] | None = None,
) -> None:
    """Draw which items carry a prediction.

    Args:
        fall: Bits that the true item loses when an item is hidden too, (n,).
        titles: Titles of the sequence.
        position: The hidden place.
        subject: Whose probability it is about.
        numbers: What the places are called on the page, where some are left out; else from 1 on.
    """
    most = np.abs(fall).max(initial=0.0)
    if most < LEAST_BITS:
        st.caption(f"No other item changes this prediction by as much as {LEAST_BITS} bits.")
        return
    strongest = strongest_places(fall)
    called = np.arange(1, len(fall) + 1) if numbers is None else np.asarray(numbers)
    st.caption(occlusion_finding(fall, titles, subject=subject, numbers=called))
    table = pd.DataFrame(
        {
            "place": called[strongest],
            "item": [titles[at] for at in strongest],
            "bits": fall[strongest],
            "side": ["before" if at < position else "after" for at in strongest],
        }
    )
    bits = Column(
        "bits",
        "Bits it adds",
        f"How much more probable {subject} is than when this item is hidden too",
        words=signed_bits,
        full=max(LEAST_FULL_BAR, float(most)),
        is_signed=True,
    )
    draw_table(
        table,
        [
            count_column("place", "Place"),
            Column("item", "Item"),
            Column("side", "Side", "Of the hidden place"),
            bits,
        ],
        alt=occlusion_finding(fall, titles, subject=subject, numbers=called, is_markdown=False),
        width_px=WIDE_TABLE_PX,
    )
    if left := left_words(fall, len(strongest)):
        st.caption(left)


def strongest_places(fall: np.ndarray) -> np.ndarray:
    """Return the places that carry most, strongest first; none that would be told as no bits."""
    strongest = np.argsort(-np.abs(fall), kind="stable")[:N_OCCLUSION_BARS]
    return np.asarray(strongest[np.abs(fall[strongest]) >= LEAST_BITS])


def left_words(fall: np.ndarray, n_shown: int) -> str:
    """Return how many items are not listed and how little they carry, nothing where all are.

    Example:
        >>> left_words(np.array([0.0, 2.0, -0.03, 0.01]), 1)
        '2 other items change it by less than 0.05 bits each.'
    """
    # What has 0 is the place itself, hidden too, or not read at all.
    left = np.sort(np.abs(fall[fall != 0]))[::-1][n_shown:]
    if not len(left):
        return ""
    most = f"less than {LEAST_BITS}" if left[0] < LEAST_BITS else f"no more than {left[0]:.1f}"
    if len(left) == 1:
        return f"1 other item changes it by {most} bits."
    return f"{counted(len(left), 'other item')} change it by {most} bits each."


def occlusion_finding(
    fall: np.ndarray,
    titles: Sequence[str],
    *,
    subject: str = "the true item",
    numbers: Sequence[int] | np.ndarray | None = None,
    is_markdown: bool = True,
) -> str:
    """Return which item carries a prediction most, in one sentence."""
    at = int(np.argmax(np.abs(fall)))
    title = escape(titles[at]) if is_markdown else titles[at]
    role, effect = (
        ("carries most", "loses") if fall[at] > 0 else ("speaks against it most", "gains")
    )
    number = at + 1 if numbers is None else int(numbers[at])
    return (
        f"Place {number}, “{title}”, {role}: without it {subject} {effect} "
        f"{abs(fall[at]):.1f} bits."
    )
