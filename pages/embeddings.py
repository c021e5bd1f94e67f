from __future__ import annotations

from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.embeddings import EmbeddingMap, MapSettings, embedding_table
from bert4rec.errors import Bert4RecError, UnknownIdError
from bert4rec.files import safe_name
from bert4rec.item_groups import category_columns, item_groups
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui import map_charts, maps, state
from bert4rec.ui.cache import load_recommender
from bert4rec.ui.map_charts import Group, Rings
from bert4rec.ui.map_panels import caption_of, draw_chosen, draw_clusters, draw_neighbours
from bert4rec.ui.run_choice import choose_model
from bert4rec.ui.sequence_editor import choose_item, item_names
from bert4rec.ui.words import counted, escape, number, percent

CLUSTER, POPULARITY = "Cluster", "Popularity"
FOCUS_KEY = "embeddings_focus"
FOUND_KEY = "embeddings_found"
CHOSEN_KEY = "embeddings_chosen"
CHART_KEY = "embeddings_map"
DATASET_KEY = "embeddings_dataset"
POLL_EVERY = "2s"
# The height of a label, so that what has none stands in line with what has one.
LABEL_PX = 28


def page() -> None:
    st.title("Embeddings")
    st.caption(
        "Each point is an item as the model sees it: items near each other are alike to the model."
    )
    run = choose_model("embeddings_run")
    if run is None:
        return
    try:
        recommender = load_recommender(run.id)
    except Bert4RecError as error:
        state.show_error(error)
        return
    forget_other_dataset(recommender)
    draw_controls(recommender.vocabulary)
    settings = map_settings()
    found = current_map(run, settings)
    draw_quality(run, found, settings, recommender)
    focus = focused_item(recommender.vocabulary)
    chart, panel = st.columns([2, 1])
    with chart:
        draw_chart(run, found, recommender, focus)
    with panel:
        draw_neighbours(found, recommender, focus)
    colour = str(st.session_state["embeddings_colour"])
    chosen = [idx for idx in st.session_state.get(CHOSEN_KEY, []) if idx in found.item_idx]
    if chosen:
        draw_chosen(found, recommender, chosen, colour, forget_chosen)
    if colour == CLUSTER:
        labels = maps.cluster_labels(run, st.session_state["embeddings_clusters"])
        draw_clusters(labels, found, recommender.vocabulary)
    draw_downloads(run, found, recommender)


def forget_other_dataset(recommender: Recommender) -> None:
    """Drop the items in hand when they belong to another catalogue."""
    fingerprint = recommender.dataset.fingerprint
    if st.session_state.get(DATASET_KEY, fingerprint) != fingerprint:
        for key in (FOCUS_KEY, FOUND_KEY, CHOSEN_KEY, "embeddings_find"):
            st.session_state.pop(key, None)
    st.session_state[DATASET_KEY] = fingerprint


def forget_chosen() -> None:
    st.session_state.pop(CHOSEN_KEY, None)


def draw_controls(vocabulary: Vocabulary) -> None:
    problem: UnknownIdError | None = None
    with st.container(horizontal=True, vertical_alignment="top"):
        st.segmented_control(
            "Map",
            ["umap", "pca"],
            format_func=str.upper,
            default="umap",
            required=True,
            key="embeddings_method",
            persist_state="session",
            help="UMAP keeps neighbourhoods; PCA is a plain shadow of the space, there at once.",
        )
        st.segmented_control(
            "View",
            [2, 3],
            format_func=lambda n: f"{n}D",
            default=2,
            required=True,
            key="embeddings_dimensions",
            persist_state="session",
        )
        st.selectbox(
            "Colour by",
            [*category_columns(vocabulary), POPULARITY, CLUSTER],
            format_func=caption_of,
            key="embeddings_colour",
            persist_state="session",
            width=200,
        )
        with st.container(width=320):
            try:
                chosen = choose_item(
                    "Find an item", item_names(vocabulary), vocabulary, key="embeddings_find"
                )
            except UnknownIdError as error:
                chosen, problem = None, error
        if chosen != st.session_state.get(FOUND_KEY):
            st.session_state[FOUND_KEY] = chosen
            st.session_state[FOCUS_KEY] = chosen
        with st.container(width="content", gap=None):
            st.space(LABEL_PX)
            with st.popover("Settings", icon=":material/tune:"):
                draw_settings()
    if problem is not None:
        state.show_error(problem)


def draw_settings() -> None:
    default = MapSettings()
    st.slider(
        "Neighbours",
        2,
        100,
        default.n_neighbors,
        key="embeddings_n_neighbors",
        help="UMAP: more shows the whole, fewer the detail.",
        persist_state="session",
    )
    st.slider(
        "Least distance",
        0.0,
        0.99,
        default.min_dist,
        key="embeddings_min_dist",
        help="UMAP: how closely points may lie.",
        persist_state="session",
    )
    st.number_input(
        "Seed", 0, 2**31 - 1, default.seed, key="embeddings_seed", persist_state="session"
    )
    st.slider(
        "Clusters", 2, 20, 6, key="embeddings_clusters", help="k-means", persist_state="session"
    )


def map_settings() -> MapSettings:
    default = MapSettings()
    return MapSettings(
        n_components=int(st.session_state.get("embeddings_dimensions", 2)),
        n_neighbors=int(st.session_state.get("embeddings_n_neighbors", default.n_neighbors)),
        min_dist=float(st.session_state.get("embeddings_min_dist", default.min_dist)),
        seed=int(st.session_state.get("embeddings_seed", default.seed)),
    )


def current_map(run: Run, settings: MapSettings) -> EmbeddingMap:
    """Return the map that was asked for, or PCA while UMAP is on its way."""
    if st.session_state["embeddings_method"] == "umap":
        service = state.map_service()
        if service.state(run, settings) == "missing":
            service.start(run, settings)
        done = service.get(run, settings)
        if done is not None:
            return done
        if service.state(run, settings) == "failed":
            draw_failure(run, settings)
        else:
            wait_for_map(run, settings)
    return maps.pca_map(run, settings.n_components)


@st.fragment(run_every=POLL_EVERY)
def wait_for_map(run: Run, settings: MapSettings) -> None:
    if state.map_service().state(run, settings) != "running":
        st.rerun()
    st.markdown(
        ":material/hourglass_top: :shimmer[UMAP is being made in the background; until then "
        "this is PCA. The first one after a start takes about half a minute.]"
    )


def draw_failure(run: Run, settings: MapSettings) -> None:
    service = state.map_service()
    st.warning(
        f"UMAP could not be made: {escape(service.failure(run, settings))}. This is PCA.",
        icon=":material/warning:",
    )
    if st.button("Try again", icon=":material/refresh:"):
        service.start(run, settings)
        st.rerun()


def draw_quality(
    run: Run, found: EmbeddingMap, settings: MapSettings, recommender: Recommender
) -> None:
    n_items, n_shown = recommender.dataset.n_items, len(found.item_idx)
    trust, kept, shown = st.columns(3)
    trust.metric(
        "Trustworthiness",
        f"{found.trustworthiness:.2f}",
        help="Between 0 and 1: how far neighbours on the map are neighbours in truth; 0.5 is "
        "about chance. From 10 neighbours of up to 2,000 drawn items (Venna and Kaski 2001).",
        border=True,
    )
    kept.metric(
        "Neighbours kept",
        percent(maps.share_kept(run, found, settings)),
        help="Share of an item's 10 nearest in the original space that are also among its 10 "
        "nearest on the map, over up to 2,000 drawn items.",
        border=True,
    )
    shown.metric(
        "Items shown",
        f"{number(n_shown)} of {number(n_items)}",
        help="Of larger catalogues the most frequent items are shown.",
        border=True,
    )


def focused_item(vocabulary: Vocabulary) -> int | None:
    focus = st.session_state.get(FOCUS_KEY)
    return focus if focus is not None and focus <= len(vocabulary) else None


def groups_of(run: Run, found: EmbeddingMap, recommender: Recommender) -> tuple[list[Group], str]:
    """Return the groups that the points are coloured by, and what they are called."""
    colour = str(st.session_state["embeddings_colour"])
    theme = theme_type()
    if colour == POPULARITY:
        everything = np.arange(len(found.item_idx))
        return [Group("", everything, "")], colour
    return map_charts.group_rows(group_values(run, found, recommender.vocabulary), theme), colour


def group_values(run: Run, found: EmbeddingMap, vocabulary: Vocabulary) -> list[str]:
    colour = str(st.session_state["embeddings_colour"])
    if colour == CLUSTER:
        labels = maps.cluster_labels(run, st.session_state["embeddings_clusters"])
        return [f"Cluster {label + 1}" for label in labels]
    values = item_groups(vocabulary, colour).iloc[found.item_idx - 1]
    return [str(value) for value in values]


def theme_type() -> map_charts.Theme:
    return "dark" if st.context.theme.type == "dark" else "light"


def draw_chart(run: Run, found: EmbeddingMap, recommender: Recommender, focus: int | None) -> None:
    groups, colour = groups_of(run, found, recommender)
    vocabulary = recommender.vocabulary
    figure = map_charts.draw_map(
        found,
        groups,
        [vocabulary.title(int(idx)) for idx in found.item_idx],
        theme_type(),
        counts=vocabulary.counts[found.item_idx - 1],
        is_by_count=colour == POPULARITY,
        rings=rings_of(found, recommender, focus),
    )
    show_chart(figure, found, groups, colour)
    st.caption(
        "Drag to move, scroll to zoom, click a point for its neighbours; the lasso and the box at "
        "the top right choose several."
        if found.points.shape[1] == 2
        else "Drag to turn, scroll to zoom. Find an item by name to mark it."
    )


def show_chart(figure: go.Figure, found: EmbeddingMap, groups: list[Group], colour: str) -> None:
    n_items, method = len(found.item_idx), found.method.upper()
    st.plotly_chart(
        figure,
        key=CHART_KEY,
        on_select=partial(take_selection, found, groups),
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False, "scrollZoom": True, "displayModeBar": True},
        alt=f"{method} map of {counted(n_items, 'item')}, coloured by {colour}; trustworthiness "
        f"{found.trustworthiness:.2f}",
    )


def take_selection(found: EmbeddingMap, groups: list[Group]) -> None:
    """Copy a selection away: plotly forgets it as soon as the figure changes."""
    points = st.session_state[CHART_KEY]["selection"]["points"]
    rows = map_charts.selected_rows(points, groups)
    items = [int(idx) for idx in found.item_idx[rows]]
    if len(items) == 1:
        st.session_state[FOCUS_KEY] = items[0]
    elif items:
        st.session_state[CHOSEN_KEY] = items


def rings_of(found: EmbeddingMap, recommender: Recommender, focus: int | None) -> Rings | None:
    row = np.flatnonzero(found.item_idx == focus)
    if focus is None or not len(row):
        return None
    table = maps.neighbour_table(
        recommender.item_embeddings(), found, focus, recommender.vocabulary, None
    )
    near = np.flatnonzero(np.isin(found.item_idx, table["item_idx"]))
    is_zoomed = focus == st.session_state.get(FOUND_KEY)
    return Rings(int(row[0]), [int(at) for at in near], is_zoomed)


def draw_downloads(run: Run, found: EmbeddingMap, recommender: Recommender) -> None:
    name = f"{safe_name(run.name)}-{found.method}"

    def csv() -> bytes:
        vectors = recommender.item_embeddings()
        return maps.csv_bytes(embedding_table(found, vectors, recommender.vocabulary))

    def parquet() -> bytes:
        vectors = recommender.item_embeddings()
        return maps.parquet_bytes(embedding_table(found, vectors, recommender.vocabulary))

    with st.container(horizontal=True, vertical_alignment="center"):
        icon = ":material/download:"
        st.download_button("Parquet", parquet, f"{name}.parquet", icon=icon, on_click="ignore")
        st.download_button("CSV", csv, f"{name}.csv", "text/csv", icon=icon, on_click="ignore")
        st.caption("The items shown, with their points on this map and their vectors.")


page()
