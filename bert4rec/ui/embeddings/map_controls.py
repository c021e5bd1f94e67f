"""What a map is of, what colours it, and the item that is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import UnknownIdError
from bert4rec.maps.clusters import N_CLUSTERS
from bert4rec.maps.projection import MapSettings
from bert4rec.recommender import Recommender
from bert4rec.ui import state
from bert4rec.ui.embeddings.map_path import draw_path_box
from bert4rec.ui.folded import popped
from bert4rec.ui.sequences.sequence_editor import choose_item, item_names
from bert4rec.view.map_colours import colours_of

VIEWS = {"umap": "UMAP", "pca": "PCA", "film": "Film", "pair": "Two models"}
# Several maps of one catalogue: they are flat, and their groups are those of the vectors.
ALIGNED_VIEWS = ("film", "pair")
CLUSTER_METHODS = {"kmeans": "k-means", "density": "HDBSCAN"}
FOCUS_KEY = "embeddings_focus"
FOUND_KEY = "embeddings_found"
# The item in whose surroundings a flat map begins; clicks on others leave it.
ZOOM_KEY = "embeddings_zoomed_on"
METHOD_KEY = "embeddings_cluster_method"
OTHER_KEY = "embeddings_other"


@dataclass(frozen=True)
class Number:
    """A number that a map depends on.

    Args:
        key: Of its widget.
        lowest: Of what can be chosen.
        highest: See `lowest`.
        default: What it is by itself; its type is that of all.
    """

    key: str
    lowest: Any
    highest: Any
    default: Any

    @property
    def value(self) -> Any:
        """What is chosen."""
        return type(self.default)(st.session_state.get(self.key, self.default))

    def read(self, text: str) -> Any:
        """Return the number that a text is, None for what cannot be chosen."""
        try:
            value = type(self.default)(text)
        except ValueError:
            return None
        return value if self.lowest <= value <= self.highest else None

    @property
    def asked(self) -> dict[str, Any]:
        """What its widget is told."""
        ends = {"min_value": self.lowest, "max_value": self.highest, "value": self.default}
        return ends | {"key": self.key, "persist_state": "session"}


# By their names in a link.
NUMBERS = {
    "neighbours": Number("embeddings_n_neighbors", 2, 100, MapSettings().n_neighbors),
    "distance": Number("embeddings_min_dist", 0.0, 0.99, MapSettings().min_dist),
    "seed": Number("embeddings_seed", 0, 2**31 - 1, MapSettings().seed),
    "clusters": Number("embeddings_clusters", 2, 20, N_CLUSTERS),
    "least": Number("embeddings_least", 2, 100, 10),
}


def draw_view_choice(vocabulary: Vocabulary) -> None:
    """Draw what the map is and what colours it, for a row of widgets."""
    colours = colours_of(vocabulary)
    st.session_state.setdefault("embeddings_method", next(iter(VIEWS)))
    st.session_state.setdefault("embeddings_dimensions", 2)
    st.segmented_control(
        "Map",
        list(VIEWS),
        format_func=lambda view: VIEWS[view],
        required=True,
        key="embeddings_method",
        persist_state="session",
        help="UMAP keeps neighbourhoods; PCA is a plain shadow of the space, there at once; "
        "the film shows how the map came about; two models are shown side by side.",
    )
    st.segmented_control(
        "View",
        [2, 3],
        format_func=lambda n: f"{n}D",
        required=True,
        key="embeddings_dimensions",
        persist_state="session",
        disabled=is_aligned(),
        help="UMAP and PCA are drawn in either; the film and two models are flat. Points can "
        "be clicked and chosen in 2D alone.",
    )
    st.selectbox(
        "Colour by",
        list(colours),
        format_func=lambda colour: colours[colour],
        key="embeddings_colour",
        persist_state="session",
        width=180,
    )


def draw_controls(recommender: Recommender) -> None:
    """Draw the box that finds an item, the path, and what is asked for now and then."""
    problem: UnknownIdError | None = None
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        with st.container(width=256):
            try:
                chosen = _found_item(recommender.vocabulary)
            except UnknownIdError as error:
                chosen, problem = None, error
        if chosen != st.session_state.get(FOUND_KEY):
            for key in (FOUND_KEY, FOCUS_KEY, ZOOM_KEY):
                st.session_state[key] = chosen
        draw_popovers(recommender)
        _draw_way_out()
    if problem is not None:
        state.show_error(problem)


def _draw_way_out() -> None:
    """Offer the whole map where a part of it is shown; what is marked in it stays."""
    is_flat = st.session_state["embeddings_dimensions"] == 2 and not is_aligned()
    if is_flat and st.session_state.get(ZOOM_KEY) is not None:
        st.button(
            "Whole map",
            type="tertiary",
            icon=":material/zoom_out_map:",
            key="embeddings_whole",
            on_click=lambda: st.session_state.pop(ZOOM_KEY, None),
        )


def _found_item(vocabulary: Vocabulary) -> int | None:
    return choose_item(
        "Find an item",
        item_names(vocabulary),
        vocabulary,
        key="embeddings_find",
        is_kept=True,
        is_bare=True,
    )


def draw_popovers(recommender: Recommender) -> None:
    """Draw what is asked for now and then."""
    if not is_aligned():
        with popped(
            "Path", key="embeddings_path_open", icon=":material/route:", is_bare=True
        ) as is_open:
            if is_open:
                draw_path_box(recommender)
    with popped(
        "Settings", key="embeddings_settings_open", icon=":material/tune:", is_bare=True
    ) as is_open:
        if is_open:
            draw_settings()


def draw_settings() -> None:
    """Draw what UMAP and the clusters depend on."""
    st.slider(
        "Neighbours",
        help="UMAP: more shows the whole, fewer the detail.",
        **NUMBERS["neighbours"].asked,
    )
    st.slider(
        "Least distance", help="UMAP: how closely points may lie.", **NUMBERS["distance"].asked
    )
    st.number_input("Seed", **NUMBERS["seed"].asked)
    method = st.segmented_control(
        "Clusters by",
        list(CLUSTER_METHODS),
        format_func=lambda name: CLUSTER_METHODS[name],
        default="kmeans",
        required=True,
        key=METHOD_KEY,
        persist_state="session",
        disabled=is_aligned(),
        help="k-means groups the vectors; HDBSCAN finds where the map is dense and leaves items "
        "between the groups alone. The film and two models have k-means alone: they are several "
        "maps.",
    )
    if method == "density" and not is_aligned():
        st.slider("Least items", **NUMBERS["least"].asked)
    else:
        st.slider("Clusters", **NUMBERS["clusters"].asked)


def cluster_choice() -> tuple[str, int]:
    """Return how clusters are found, and their number or least size."""
    method = str(st.session_state.get(METHOD_KEY, "kmeans"))
    if method == "density" and not is_aligned():
        return method, int(NUMBERS["least"].value)
    return "kmeans", int(NUMBERS["clusters"].value)


def is_aligned() -> bool:
    """Whether what is shown is the film or two models."""
    return st.session_state["embeddings_method"] in ALIGNED_VIEWS


def map_settings() -> MapSettings:
    """Return the settings of UMAP as they are chosen."""
    return MapSettings(
        n_components=int(st.session_state.get("embeddings_dimensions", 2)),
        n_neighbors=NUMBERS["neighbours"].value,
        min_dist=NUMBERS["distance"].value,
        seed=NUMBERS["seed"].value,
    )


def focused_item(vocabulary: Vocabulary) -> int | None:
    """Return the item in focus, None where there is none in this catalogue."""
    focus = st.session_state.get(FOCUS_KEY)
    return focus if focus is not None and focus <= len(vocabulary) else None
