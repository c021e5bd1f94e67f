"""The tables of a comparison beside its scores: what the lists are like, sampled items, files."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from bert4rec.comparing.comparison import Comparison
from bert4rec.files import safe_name
from bert4rec.spreadsheets import csv_text
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.evaluate.comparison_rows import list_finding, list_rows
from bert4rec.ui.folded import folded
from bert4rec.view.markdown import escape
from bert4rec.view.worded import worded
from bert4rec.words import caption_of, metric_name, signed

ROW_PX = 35
PERCENTAGES = ["coverage", "popular_share", "popularity_lift"]
SAMPLED_TITLE = "Among 100 sampled items, as in the first paper"
LIST_COLUMNS = {
    "entrant": st.column_config.TextColumn("Who", width=180),
    "coverage": st.column_config.NumberColumn(
        "Coverage", format="%.1f%%", help="Share of the catalogue in any list of 10."
    ),
    "novelty": st.column_config.NumberColumn(
        "Novelty", format="%.2f", help="Mean surprise of a listed item in bits."
    ),
    "diversity": st.column_config.NumberColumn(
        "Diversity", format="%.3f", help="Mean distance of two items of a list, 0 to 1."
    ),
    "popular_share": st.column_config.NumberColumn(
        "Of the popular tenth", format="%.1f%%", help="Share of listed items among these."
    ),
    "popularity_lift": st.column_config.NumberColumn(
        "Popularity lift",
        help="How much more popular listed items are than those that people met.",
    ),
    "miscalibration": st.column_config.NumberColumn(
        "Miscalibration",
        format="%.3f",
        help="How far a list's categories are from those of its history, in nats (Steck 2018).",
    ),
}


@dataclass(frozen=True)
class Chosen:
    """What a visitor looks at.

    Args:
        part: `test` or `unseen_users`.
        against: Key of the reference.
        metric: What entrants are ordered and told apart by.
    """

    part: str
    against: str
    metric: str


def draw_lists(comparison: Comparison, chosen: Chosen) -> None:
    """Draw how wide, new, diverse and popular the lists of each are."""
    lists = comparison.lists(chosen.part)
    told = list_finding(lists, comparison.entrants, chosen.against)
    st.subheader("What the lists are like", anchor=False)
    by = comparison.facts["diversity_by"]
    how = "who met both items" if by == "co-occurrence" else f"the column “{caption_of(by)}”"
    table = list_rows(lists, comparison.entrants)
    # As percentages, since Streamlit's own percent format has ragged digits.
    shares = [name for name in PERCENTAGES if name in table]
    table[shares] = 100 * table[shares]
    draw_frame(
        worded(table, {"popularity_lift": lambda lift: f"{signed(lift, 1)}%"}),
        hide_index=True,
        height=ROW_PX * (len(table) + 1) + 2,
        column_config=LIST_COLUMNS,
        placeholder="–",
        alt=told,
    )
    st.caption(escape(f"{told} Diversity goes by {how}."))


def draw_sampled(comparison: Comparison, chosen: Chosen) -> None:
    """Draw the figures among sampled items, where they were asked for."""
    found = comparison.sampled(chosen.part)
    if found.empty:
        return
    with folded(SAMPLED_TITLE, key="evaluate_sampled_open", icon=":material/history:") as is_open:
        if is_open:
            table = found.pivot_table(index="entrant", columns="metric", values="value", sort=False)
            titles = [comparison.entrants[key].title for key in table.index]
            table.insert(0, "Who", titles)
            numbers = {
                name: st.column_config.NumberColumn(metric_name(str(name)), format="%.4f")
                for name in table.columns[1:]
            }
            draw_frame(table, hide_index=True, column_config=numbers, alt="Among sampled items")
            st.caption(
                "Only for comparison with the table of Sun et al. 2019. Such figures can order "
                "models otherwise than the whole catalogue does (Krichene and Rendle 2020)."
            )


def draw_files(comparison: Comparison, chosen: Chosen, tables: dict[str, pd.DataFrame]) -> None:
    """Offer the tables on the page as CSV, and all of the comparison as JSON."""
    name = f"comparison-{safe_name(str(comparison.facts['dataset']['name']))}-{comparison.id}"
    titles = {key: entrant.title for key, entrant in comparison.entrants.items()}

    def json_text() -> str:
        return json.dumps(comparison.document(chosen.against), indent=2, ensure_ascii=False)

    with st.container(horizontal=True, vertical_alignment="center"):
        icon = ":material/download:"
        for what, table in tables.items():
            named = table.assign(entrant=[titles[key] for key in table["entrant"]])
            st.download_button(
                f"{what.capitalize()} (CSV)",
                csv_text(named).encode(),
                f"{name}-{what}.csv",
                "text/csv",
                icon=icon,
                on_click="ignore",
            )
        st.download_button(
            "All (JSON)",
            json_text,
            f"{name}.json",
            "application/json",
            icon=icon,
            on_click="ignore",
        )
