"""What a hidden place attends to, by layer and head: second to occlusion, and labelled so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.plain_text import shortened
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.inspect_charts import attention_chart
from bert4rec.view.markdown import escape
from bert4rec.words import percent

N_ROWS = 20
MEAN = "mean"
LONGEST_LABEL = 48


def attention_table(
    weights: np.ndarray, titles: Sequence[str], numbers: Sequence[int]
) -> pd.DataFrame:
    """Return a row for each item that gets attention, layer and head, the most seen items alone.

    Args:
        weights: (layers, heads, n), see `attention.place_attention`.
        titles: Titles of the sequence, (n,).
        numbers: What its places are called, (n,).
    """
    mean = weights.mean(axis=(0, 1))
    most = np.sort(np.argsort(-mean, kind="stable")[:N_ROWS])
    most = most[mean[most] > 0]
    names = [f"{numbers[at]} · {shortened(titles[at], LONGEST_LABEL)}" for at in most]
    rows = [
        {"item": name, "head": f"{layer + 1}.{head + 1}", "share": float(weights[layer, head, at])}
        for layer in range(weights.shape[0])
        for head in range(weights.shape[1])
        for name, at in zip(names, most, strict=True)
    ]
    rows += [
        {"item": name, "head": MEAN, "share": float(mean[at])}
        for name, at in zip(names, most, strict=True)
    ]
    return pd.DataFrame(rows)


def draw_attention(weights: np.ndarray, titles: Sequence[str], numbers: Sequence[int]) -> None:
    """Draw where each head of each layer looks from the hidden place; see `attention_table`."""
    table = attention_table(weights, titles, numbers)
    st.caption(
        "**Not an explanation.** Attention tells where the model looks, not what it makes of it: "
        "an item that is looked at may change nothing. What would change is shown above."
    )
    if table.empty:
        return
    heads = [*dict.fromkeys(table["head"])]
    chart = attention_chart(table)
    finding = attention_finding(weights, titles, numbers)
    draw_vega(chart, alt=finding)
    st.caption(escape(finding))
    with folded("As a table", key="inspect_attention_table") as is_open:
        if is_open:
            shares = {head: st.column_config.NumberColumn(format="%.1f%%") for head in heads}
            draw_frame(by_head(table), hide_index=True, column_config=shares, alt=finding)


def by_head(table: pd.DataFrame) -> pd.DataFrame:
    """Return attention with a row an item and a column a head, as percentages."""
    shares = 100 * table.pivot_table(index="item", columns="head", values="share", sort=False)
    return shares.rename_axis(index="Item", columns=None).reset_index()


def attention_finding(weights: np.ndarray, titles: Sequence[str], numbers: Sequence[int]) -> str:
    """Return where the heads look most on average, in one sentence; see `attention_table`."""
    mean = weights.mean(axis=(0, 1))
    most = int(mean.argmax())
    share = percent(float(mean[most]))
    return (
        f"Over all heads place {numbers[most]}, “{titles[most]}”, gets the most: {share} of "
        "the attention."
    )
