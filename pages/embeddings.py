from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.maps.projection import MIN_UMAP_ITEMS, EmbeddingMap, MapSettings, drawn_part
from bert4rec.maps.tasks import UmapTask
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui import state
from bert4rec.ui.cache import load_recommender
from bert4rec.ui.embeddings import maps
from bert4rec.ui.embeddings.aligned_view import Look, draw_film_view, draw_pair_view
from bert4rec.ui.embeddings.map_controls import (
    ALIGNED_VIEWS,
    FOCUS_KEY,
    FOUND_KEY,
    ZOOM_KEY,
    cluster_choice,
    draw_controls,
    draw_view_choice,
    focused_item,
    map_settings,
)
from bert4rec.ui.embeddings.map_downloads import Drawn, draw_downloads
from bert4rec.ui.embeddings.map_link import follow_link, write_link
from bert4rec.ui.embeddings.map_panels import draw_chosen, draw_clusters, draw_neighbours
from bert4rec.ui.embeddings.map_path import (
    PATH_KEY,
    path_items,
    path_user,
    path_words,
)
from bert4rec.ui.embeddings.map_quality import draw_quality, lost_words
from bert4rec.ui.embeddings.map_rings import draw_rings
from bert4rec.ui.embeddings.map_wait import draw_waiting
from bert4rec.ui.inspect.inspected_model import wait_for
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.run_choice import choose_model, offer_models
from bert4rec.ui.theme_watch import theme_type
from bert4rec.view import map_charts
from bert4rec.view.map_colours import CLUSTER, LOSS, Colouring, Group, colouring, colours_of
from bert4rec.view.map_layer import layer_over
from bert4rec.words import counted

stop_strangers()

CHOSEN_KEY = "embeddings_chosen"
CHART_KEY = "embeddings_map"
N_CLEARED_KEY = "embeddings_n_cleared"
# More chosen items than this are not drawn beyond the sample.
MAX_MARKED = 1000
DATASET_KEY = "embeddings_dataset"


# The groups of the points that stand for some items, as they are coloured now.
GroupsOn = Callable[[np.ndarray], Sequence[Group]]


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on the chart.

    Args:
        whole: The map of all items.
        found: The part of it that is drawn.
        labels: Cluster of each item, (N,).
        path: Items that are joined by a line, in order.
    """

    whole: EmbeddingMap
    found: EmbeddingMap
    labels: np.ndarray
    path: list[int]


def page() -> None:
    st.title("Embeddings")
    st.caption(
        "Each point is an item as the model sees it: items near each other are alike to the model."
    )
    runs = offer_models()
    if not runs:
        return
    with st.container(horizontal=True, vertical_alignment="top"):
        run = choose_model(runs, "embeddings_run", width=320)
        try:
            recommender = load_recommender(run.id)
        except Bert4RecError as error:
            state.show_error(error)
            return
        forget_other_dataset(recommender)
        follow_link(recommender.vocabulary)
        draw_view_choice(recommender.vocabulary)
    draw_controls(recommender)
    view = str(st.session_state["embeddings_method"])
    try:
        if view in ALIGNED_VIEWS:
            draw_aligned_view(view, run, recommender)
        else:
            draw_map_view(run, recommender)
    except Bert4RecError as error:
        state.show_error(error)
    # Last, for which model stands beside is asked by the view.
    write_link(recommender)


def draw_map_view(run: Run, recommender: Recommender) -> None:
    settings = map_settings()
    whole = current_map(run, settings, len(recommender.vocabulary))
    focus = focused_item(recommender.vocabulary)
    chosen = st.session_state.get(CHOSEN_KEY, [])
    path = path_items(recommender)
    marked = [item for item in (focus, st.session_state.get(ZOOM_KEY)) if item]
    kept = [*(chosen if len(chosen) <= MAX_MARKED else []), *path, *marked]
    found = drawn_part(whole, kept, map_charts.MAX_DRAWN)
    labels = maps.cluster_labels(run, *cluster_choice(), whole)
    chart, panel = st.columns([2, 1])
    with chart:
        drawn = draw_chart(run, Shown(whole, found, labels, path), recommender, focus)
    with panel:
        draw_neighbours(whole, recommender, focus)
    draw_quality(whole, found, recommender)
    colour = str(st.session_state["embeddings_colour"])
    if chosen:
        draw_chosen(whole, recommender, chosen, colour, forget_chosen)
    if colour == CLUSTER:
        names = maps.cluster_captions(labels, recommender.dataset)
        draw_clusters(labels, names, whole, recommender.vocabulary)
    draw_downloads(whole, recommender, labels, drawn)


def draw_aligned_view(view: str, run: Run, recommender: Recommender) -> None:
    def colours_on(item_idx: np.ndarray) -> Colouring:
        labels = np.empty(0)
        if st.session_state["embeddings_colour"] == CLUSTER:
            method, size = cluster_choice()
            labels = maps.cluster_labels(run, method, size, maps.pca_map(run, 2))
            n_found = int(labels.max()) + 1
            st.caption(
                f"Coloured by {counted(n_found, 'cluster')} of the vectors, found by k-means."
            )
        return colouring_of(run, recommender, item_idx, labels)

    focus = focused_item(recommender.vocabulary)
    look = Look(recommender, colours_on, theme_type(), focus)
    settings = replace(map_settings(), n_components=2)
    (draw_film_view if view == "film" else draw_pair_view)(run, settings, look)


def forget_other_dataset(recommender: Recommender) -> None:
    """Drop the items in hand when they belong to another catalogue."""
    fingerprint = recommender.dataset.fingerprint
    if st.session_state.get(DATASET_KEY, fingerprint) != fingerprint:
        for key in (FOCUS_KEY, FOUND_KEY, ZOOM_KEY, CHOSEN_KEY, PATH_KEY, "embeddings_find"):
            st.session_state.pop(key, None)
    st.session_state[DATASET_KEY] = fingerprint


def forget_chosen() -> None:
    st.session_state.pop(CHOSEN_KEY, None)
    st.session_state[N_CLEARED_KEY] = st.session_state.get(N_CLEARED_KEY, 0) + 1


def chart_key() -> str:
    """Return the key of the map: another one once a choice is cleared, whose outline goes too."""
    return f"{CHART_KEY}_{st.session_state.get(N_CLEARED_KEY, 0)}"


def current_map(run: Run, settings: MapSettings, n_items: int) -> EmbeddingMap:
    """Return the map that was asked for, or PCA while UMAP is on its way."""
    if st.session_state["embeddings_method"] == "umap" and n_items < MIN_UMAP_ITEMS:
        st.caption(f"UMAP needs {MIN_UMAP_ITEMS} items or more: this is PCA.")
    elif st.session_state["embeddings_method"] == "umap":
        service, task = state.map_service(), UmapTask(run, settings)
        if service.state(task) == "missing":
            service.start(task)
        done = task.read()
        if done is not None:
            return done
        draw_waiting(task, "UMAP", "What is shown is PCA.")
    return maps.pca_map(run, settings.n_components)


def colouring_of(
    run: Run, recommender: Recommender, item_idx: np.ndarray, labels: np.ndarray
) -> Colouring:
    """Return how points are coloured by what was chosen."""
    vocabulary = recommender.vocabulary
    colour, losses, clusters = str(st.session_state["embeddings_colour"]), None, []
    if colour == CLUSTER:
        names = maps.cluster_captions(labels, recommender.dataset)
        clusters = [names[at] if at >= 0 else "In none" for at in labels]
    if colour == LOSS:
        losses = losses_of(run, len(vocabulary))
    return colouring(colour, vocabulary, item_idx, theme_type(), losses=losses, clusters=clusters)


def losses_of(run: Run, n_items: int) -> np.ndarray:
    """Return the loss of each item, (N,); not known while it is being found."""
    found = wait_for(run, "losses", "Hiding each item where it stands…")
    if found.value is None:
        return np.full(n_items, np.nan)
    return np.asarray(found.value["loss"], dtype=np.float64)


def draw_chart(run: Run, shown: Shown, recommender: Recommender, focus: int | None) -> Drawn:
    found, vocabulary = shown.found, recommender.vocabulary
    colours = colouring_of(run, recommender, found.item_idx, shown.labels)
    is_flat, rings = found.points.shape[1] == 2, maps.rings_of(found.item_idx, recommender, focus)
    titles = [vocabulary.title(int(idx)) for idx in found.item_idx]
    figure = map_charts.draw_map(
        found,
        colours,
        titles,
        theme_type(),
        counts=vocabulary.counts[found.item_idx - 1],
        rings=rings,
        zoomed_on=maps.rings_of(found.item_idx, recommender, st.session_state.get(ZOOM_KEY)),
        path=maps.rows_of(found.item_idx, shown.path),
    )
    about = map_charts.map_words(
        found, colours_of(vocabulary)[str(st.session_state["embeddings_colour"])]
    )
    layer = layer_over(found, colours.groups, titles, rings)
    drawn = Drawn(figure, layer, about, maps.file_stem(run, found.method), theme_type())

    def groups_on(item_idx: np.ndarray) -> Sequence[Group]:
        return colouring_of(run, recommender, item_idx, shown.labels).groups

    show_chart(drawn, shown, partial(take_selection, shown, colours.groups, groups_on))
    if shown.path:
        st.caption(path_words(found, shown.path, path_user(recommender)))
    st.caption(
        "Drag to move, scroll to zoom, click a point for its neighbours; the lasso and the box at "
        "the top right choose several."
        if is_flat
        else "Drag to turn, scroll to zoom. Points cannot be clicked in 3D: find an item by name "
        "to mark it."
    )
    if is_flat:
        draw_rings(chart_key(), layer)
    return drawn


def show_chart(drawn: Drawn, shown: Shown, on_select: Callable[[], None]) -> None:
    st.plotly_chart(
        drawn.figure,
        key=chart_key(),
        on_select=on_select,
        selection_mode=("points", "box", "lasso"),
        config=map_charts.chart_config(drawn.file_stem) | {"displayModeBar": True},
        alt=f"{drawn.about}. {lost_words(shown.whole)}.",
    )


def take_selection(shown: Shown, groups: Sequence[Group], groups_on: GroupsOn) -> None:
    """Copy a selection away: plotly forgets it as soon as the figure changes."""
    whole, found = shown.whole, shown.found
    selection = st.session_state[chart_key()]["selection"]
    rows = map_charts.selected_rows(selection["points"], groups)
    items = [int(idx) for idx in found.item_idx[rows]]
    is_outlined = bool(selection.get("lasso") or selection.get("box"))
    if is_outlined and len(whole.item_idx) > len(found.item_idx):
        hidden = map_charts.hidden_groups(selection, found, groups)
        items = outlined_items(selection, shown, hidden, groups_on)
    if len(items) == 1:
        st.session_state[FOCUS_KEY] = items[0]
    # An outline around nothing chooses nothing; a figure that changes tells of none at all.
    if is_outlined or len(items) > 1:
        st.session_state[CHOSEN_KEY] = items


def outlined_items(
    selection: Mapping[str, Any], shown: Shown, hidden: set[str], groups_on: GroupsOn
) -> list[int]:
    """Return the items inside an outline, drawn or not, but none of a group that is hidden."""
    whole = shown.whole
    rows = map_charts.outlined_rows(selection, whole, shown.found)
    groups = groups_on(whole.item_idx) if hidden else []
    away = {int(row) for group in groups if group.name in hidden for row in group.rows}
    return [int(whole.item_idx[row]) for row in rows if row not in away]


page()
