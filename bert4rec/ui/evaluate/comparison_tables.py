"""The tables of a comparison beside its scores: what the lists are like, sampled items, files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from bert4rec.comparing.comparison import Comparison
from bert4rec.files import safe_name
from bert4rec.ui.csv_button import draw_csv
from bert4rec.ui.evaluate.comparison_rows import list_finding, list_rows, sorted_lists
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.view.markdown import escape
from bert4rec.words import caption_of, metric_name, metric_text, number, signed

# Fewer rows are seen at a glance, in whatever order.
SORTED_FROM = 4
BY_SCORE, ORDER_PX = "score", 180
SAMPLED_TITLE = "Among 100 sampled items, as in the first paper"


def _decimals(n: int) -> Callable[[float], str]:
    return lambda value: number(value, n)


def _share(value: float) -> str:
    return f"{number(100 * value, 1)}%"


def _lift(value: float) -> str:
    return f"{signed(100 * value, 1)}%"


LIST_COLUMNS = (
    Column("entrant", "Who"),
    Column("coverage", "Coverage", "Share of the catalogue in any list of 10.", _share, True),
    Column("novelty", "Novelty", "Mean surprise of a listed item in bits.", _decimals(2), True),
    Column(
        "diversity",
        "Diversity",
        "Mean distance of two items of a list, 0 to 1.",
        _decimals(3),
        True,
    ),
    Column("popular_share", "Popular tenth", "Share of listed items among these.", _share, True),
    Column(
        "popularity_lift",
        "Popularity lift",
        "How much more popular listed items are than those that people met.",
        _lift,
        True,
    ),
    Column(
        "miscalibration",
        "Miscalibration",
        "How far a list's categories are from those of its history, in nats (Steck 2018).",
        _decimals(3),
        True,
    ),
)


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


def key_of(name: str) -> str:
    """Return where a choice is kept in this session."""
    return f"evaluate_{name}"


def keep_valid(name: str, options: Sequence[str], usual: str) -> None:
    """Choose what is usual where nothing is chosen, or what is not offered here."""
    if st.session_state.get(key_of(name)) not in options:
        st.session_state[key_of(name)] = usual


def draw_lists(comparison: Comparison, chosen: Chosen, order: Sequence[str]) -> None:
    """Draw how wide, new, diverse and popular the lists of each are.

    Args:
        comparison: The comparison.
        chosen: What is looked at.
        order: The keys of all, the best by the metric first.
    """
    lists = comparison.lists(chosen.part)
    told = list_finding(lists, comparison.entrants, chosen.against)
    st.subheader("What the lists are like", anchor=False)
    measured = comparison.facts["diversity_by"]
    how = f"the column “{caption_of(measured)}”"
    how = "who met both items" if measured == "co-occurrence" else how
    table = list_rows(lists, comparison.entrants, order)
    columns = [one for one in LIST_COLUMNS if one.name in table]
    if len(table) >= SORTED_FROM:
        table = _sorted(table, columns[1:], chosen.metric)
    draw_table(table, columns, alt=told)
    st.caption(escape(f"{told} Diversity goes by {how}."))


def _sorted(table: pd.DataFrame, columns: Sequence[Column], metric: str) -> pd.DataFrame:
    """Draw by which figure a table is sorted, and return it so; it comes by the metric."""
    titles = {BY_SCORE: metric_name(metric)} | {one.name: one.title for one in columns}
    keep_valid("sort", list(titles), BY_SCORE)
    chosen = st.selectbox(
        "Sort by",
        list(titles),
        key=key_of("sort"),
        format_func=lambda name: titles[name],
        help="The best first: the highest, but of Popular tenth and Miscalibration the lowest, and "
        "of Popularity lift what is nearest to 0.",
        width=ORDER_PX,
        persist_state="session",
    )
    if chosen == BY_SCORE:
        return table
    return sorted_lists(table, str(chosen))


def draw_sampled(comparison: Comparison, chosen: Chosen, order: Sequence[str]) -> None:
    """Draw the figures among sampled items, where they were asked for.

    Args:
        comparison: The comparison.
        chosen: What is looked at.
        order: The keys of all, the best by the metric first.
    """
    found = comparison.sampled(chosen.part)
    if found.empty:
        return
    with folded(SAMPLED_TITLE, key="evaluate_sampled_open", icon=":material/history:") as is_open:
        if is_open:
            table = found.pivot_table(index="entrant", columns="metric", values="value", sort=False)
            table = table.loc[list(order)]
            titles = [comparison.entrants[key].title for key in table.index]
            table.insert(0, "Who", titles)
            columns = [
                Column(name, metric_name(name), words=metric_text, is_number=True)
                for name in map(str, table.columns[1:])
            ]
            draw_table(table, [Column("Who", "Who"), *columns], alt="Among sampled items")
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
        for what, table in tables.items():
            draw_csv(what.capitalize(), f"{name}-{what}", partial(file_table, table, titles))
        st.download_button(
            "All (JSON)",
            json_text,
            f"{name}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def file_table(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of a comparison as its file has it: each by name, and by its id as `key`.

    Args:
        table: With the key of each as `entrant`.
        titles: What each is called, by key.
    """
    keys, names = table["entrant"], list(table.columns)
    names.insert(names.index("entrant") + 1, "key")
    return table.assign(entrant=[titles[key] for key in keys], key=keys)[names]
