"""What stands beside a map: neighbours, chosen items, clusters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.composer.outline import OPEN, Outline
from bert4rec.data.item_groups import category_columns, item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.recommender import Recommender
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.embeddings import maps
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.recommend.outline_links import Sheet, sheet_link
from bert4rec.ui.sequences.drafts import Draft
from bert4rec.view.markdown import escape
from bert4rec.words import caption_of, counted, number, percent

# So many of the chosen items go along to another page, and so many gaps are filled after them.
MAX_TAKEN, N_GAPS = 50, 10
MAX_LISTED, MAX_CLUSTERS = 1000, 100


def draw_neighbours(whole: EmbeddingMap, recommender: Recommender, focus: int | None) -> None:
    """Draw the items nearest to the one in focus, in the original space.

    Args:
        whole: The map of all items.
        recommender: Knows items and vectors.
        focus: The item in focus, if there is one.
    """
    st.subheader("Nearest items")
    if focus is None:
        # Streamlit tells of no click on a chart in 3D.
        way = "Click a point or find an item" if whole.points.shape[1] == 2 else "Find an item"
        st.caption(f"{way}: what is most alike to the model comes here.")
        return
    vocabulary = recommender.vocabulary
    column = next(iter(category_columns(vocabulary)), None)
    table = maps.neighbour_table(maps.directions_of(recommender), whole, focus, vocabulary, column)
    st.markdown(f"**{escape(vocabulary.title(focus))}**")
    group = escape(item_groups(vocabulary, column).iloc[focus - 1]) if column else ""
    n_met = counted(int(vocabulary.counts[focus - 1]), "interaction")
    st.caption(" · ".join(filter(None, (group, n_met))))
    n_kept = int((table["kept"] == "✓").sum())
    st.caption(f"The map keeps {n_kept} of the {len(table)} nearest among its own nearest (✓).")
    _draw_nearest(table, column)


def _draw_nearest(table: pd.DataFrame, column: str | None) -> None:
    """Draw neighbours in two columns: beside a map a narrow window has no room for more."""
    rows = table.to_dict("records")
    shown = pd.DataFrame(
        {
            "item": [" · ".join(filter(None, (row["item"], row.get("group")))) for row in rows],
            "cosine": [f"{row['kept']} {number(row['cosine'], 2)}".strip() for row in rows],
        }
    )
    head = f"Item · {caption_of(column)}" if column else "Item"
    columns = [
        Column("item", head),
        Column("cosine", "Cosine", "✓: also near on the map", is_number=True),
    ]
    draw_table(shown, columns, alt="The nearest items by cosine in the original space")


def draw_chosen(
    found: EmbeddingMap,
    recommender: Recommender,
    items: list[int],
    colour: str,
    on_clear: Callable[[], None],
) -> None:
    """Draw what a lasso or box holds: shares of groups, and the items.

    Args:
        found: The map.
        recommender: Names the items.
        items: The chosen items, 1..N.
        colour: What the map is coloured by; the shares are those of this column, if it is one.
        on_clear: Forgets the choice.
    """
    st.subheader(f"{counted(len(items), 'item')} chosen")
    vocabulary = recommender.vocabulary
    columns = category_columns(vocabulary)
    shares, listed = st.columns(2)
    with shares:
        if columns:
            column = colour if colour in columns else columns[0]
            _draw_shares(found, vocabulary, column, items)
    with listed:
        st.caption(
            "The most frequent first"
            + (f", {MAX_LISTED:,} of them." if len(items) > MAX_LISTED else ".")
        )
        table = vocabulary.table.iloc[np.array(items) - 1]
        draw_frame(
            table[["title", *columns[:2], "count", "item_id"]]
            .sort_values("count", ascending=False)
            .head(MAX_LISTED),
            hide_index=True,
            column_config={str(name): caption_of(str(name)) for name in table},
            alt="The chosen items",
        )
    _draw_ways_on(recommender, items, on_clear)


def _draw_ways_on(recommender: Recommender, items: list[int], on_clear: Callable[[], None]) -> None:
    """Offer to go on with the most frequent of the chosen items on other pages."""
    window = recommender.settings.max_seq_length
    n_gaps = min(N_GAPS, max(1, window // 2))
    n_taken = max(1, min(MAX_TAKEN, window - n_gaps))
    order = np.argsort(-recommender.vocabulary.counts[np.array(items) - 1], kind="stable")
    taken = [items[at] for at in order[:n_taken]]
    # Named by then, it is no further step of the browser's way back.
    run = {"run": str(st.session_state[state.RUN_KEY])}
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Recommend from these", icon=":material/playlist_add_check:"):
            # Sequences run towards what is to come: the most frequent stands next to it.
            sheet = Sheet(Outline((*reversed(taken), *(OPEN,) * n_gaps)), is_filled=True)
            link = run | {"view": "compose"} | sheet_link(sheet)
            st.switch_page("pages/recommend.py", query_params=link)
        if st.button("Open as a sequence", icon=":material/search_insights:"):
            draft = Draft.of(taken)
            draft = draft.hiding([draft.middle(window)])
            st.switch_page("pages/inspect.py", query_params=run | draft.link())
        st.button("Clear", icon=":material/close:", on_click=on_clear)
        if len(items) > n_taken:
            st.caption(f"The {n_taken} most frequent of them go along, as the window allows.")


def _draw_shares(
    found: EmbeddingMap, vocabulary: Vocabulary, column: str, items: list[int]
) -> None:
    values = item_groups(vocabulary, column).iloc[found.item_idx - 1].tolist()
    table = maps.share_table(values, np.flatnonzero(np.isin(found.item_idx, items)))
    st.caption(escape(group_words(table)))
    draw_frame(
        table.assign(share=100 * table["share"], map_share=100 * table["map_share"]),
        hide_index=True,
        column_config={
            "group": st.column_config.TextColumn(caption_of(column)),
            "n": "Items",
            "share": st.column_config.ProgressColumn(
                "Share", format="%.0f%%", min_value=0, max_value=100
            ),
            "map_share": st.column_config.ProgressColumn(
                "On the map", format="%.0f%%", min_value=0, max_value=100
            ),
        },
        alt="Shares of groups among the chosen items and on the whole map",
    )


def group_words(table: pd.DataFrame) -> str:
    """Return what most of some chosen items are, or that no group has most of them.

    Args:
        table: Groups, the most frequent first, with `n`, `share` and `map_share`.
    """
    first, n_first = table.iloc[0], int((table["n"] == table["n"].iloc[0]).sum())
    if n_first > 1:
        each = counted(int(first["n"]), "item")
        return f"No group has most of them: {n_first:,} have {each} each."
    share, of_map = percent(first["share"]), percent(first["map_share"])
    return f"{share} of them are {first['group']}, against {of_map} of the map."


def draw_clusters(
    labels: np.ndarray, names: list[str], whole: EmbeddingMap, vocabulary: Vocabulary
) -> None:
    """Draw each cluster with its size, main group and most frequent items."""
    columns = category_columns(vocabulary)
    column = columns[0] if columns else None
    mostly = f"Mostly ({caption_of(column)})" if column else None
    st.subheader("Clusters")
    n_none = int((labels < 0).sum())
    if not names:
        st.caption("No place on the map is dense enough for a cluster: all items are in none.")
        return
    if n_none:
        st.caption(f"Between the clusters, in none: {counted(n_none, 'item')}.")
    if len(names) > MAX_CLUSTERS:
        st.caption(f"The {MAX_CLUSTERS} largest of {len(names):,} are listed.")
    draw_frame(
        maps.cluster_table(labels, names[:MAX_CLUSTERS], whole, vocabulary, column),
        hide_index=True,
        column_config={
            "cluster": "Cluster",
            "n": "Items",
            "group": st.column_config.TextColumn(mostly),
            "share": st.column_config.ProgressColumn(
                "Share of it", format="%.0f%%", min_value=0, max_value=100
            ),
            "items": st.column_config.TextColumn("Most frequent items", width="large"),
        },
        alt="Clusters with their size, main group and most frequent items",
    )
