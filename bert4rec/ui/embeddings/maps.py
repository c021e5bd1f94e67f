"""Maps, clusters and their quality, kept for each checkpoint; and the tables beside a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.item_groups import item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import DatasetError
from bert4rec.files import safe_name
from bert4rec.maps import clusters
from bert4rec.maps.export import N_NEIGHBOURS
from bert4rec.maps.film import items_of_both
from bert4rec.maps.neighbours import map_neighbours, neighbours
from bert4rec.maps.projection import EmbeddingMap, judged_map, project_pca
from bert4rec.plain_text import contained
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.cache import kept, load_recommender
from bert4rec.vector_search import unit
from bert4rec.view.map_charts import Rings


def pca_map(run: Run, n_components: int) -> EmbeddingMap:
    """Return the PCA map of a run's items."""
    return _pca_map(str(run.folder), run.id, run.checkpoint_ns("best"), n_components)


@st.cache_data(max_entries=8, show_spinner="Drawing the map…")
def _pca_map(folder: str, run_id: str, checkpoint_ns: int, n_components: int) -> EmbeddingMap:
    vectors = load_recommender(run_id, checkpoint_ns).item_embeddings()
    points = project_pca(vectors, n_components)
    return judged_map("pca", vectors, points, np.arange(1, len(vectors) + 1), len(vectors))


def file_stem(run: Run, view: str) -> str:
    """Return what files of a view of a run's map are called."""
    return f"{safe_name(run.name)}-{view}"


def directions_of(recommender: Recommender) -> np.ndarray:
    """Return the items' vectors at length 1, float32 (N, D); kept while the model is in use."""
    run = recommender.run
    assert isinstance(run, Run)
    return _directions(str(run.folder), run.checkpoint_ns("best"), recommender)


@kept(2)
def _directions(folder: str, checkpoint_ns: int, _recommender: Recommender) -> np.ndarray:
    return unit(_recommender.item_embeddings())


def rows_of(item_idx: np.ndarray, items: Sequence[int]) -> list[int]:
    """Return the rows of a map that hold these items; those that it does not show are left out.

    Args:
        item_idx: The item of each row.
        items: In the order of the answer.
    """
    row_of = {int(idx): row for row, idx in enumerate(item_idx)}
    return [row_of[idx] for idx in items if idx in row_of]


def rings_of(item_idx: np.ndarray, recommender: Recommender, focus: int | None) -> Rings | None:
    """Return what to mark on a map for an item: it and its neighbours in the original space.

    Args:
        item_idx: The item of each row of the map.
        recommender: Knows the vectors.
        focus: The item; where the map does not show it, nothing is marked.
    """
    if focus is None or not np.isin(focus, item_idx):
        return None
    nearest = neighbours(directions_of(recommender), focus, N_NEIGHBOURS)
    (row,) = rows_of(item_idx, [focus])
    return Rings(row, rows_of(item_idx, [idx for idx, _ in nearest]))


def cluster_labels(run: Run, method: str, size: int, found: EmbeddingMap) -> np.ndarray:
    """Return the cluster of each item, 0 the largest, -1 for none, int64 (N,).

    Args:
        run: The run.
        method: `kmeans` among the vectors, or `density` on the map.
        size: How many clusters, or for `density` how many items make one.
        found: The whole map.
    """
    key = (method, size)
    # Only clusters on the map depend on it.
    points = hash(found.points.tobytes()) if method == "density" else 0
    return _cluster_labels(str(run.folder), run.id, run.checkpoint_ns("best"), (key, points), found)


@st.cache_data(max_entries=8, show_spinner="Finding clusters…")
def _cluster_labels(
    folder: str,
    run_id: str,
    checkpoint_ns: int,
    key: tuple[tuple[str, int], int],
    _found: EmbeddingMap,
) -> np.ndarray:
    (method, size), _ = key
    if method == "density":
        return clusters.density_clusters(_found.points, size)
    return clusters.kmeans_clusters(load_recommender(run_id, checkpoint_ns).item_embeddings(), size)


def cluster_captions(labels: np.ndarray, dataset: SequenceDataset) -> list[str]:
    """Return what to call each cluster; see `clusters.cluster_captions`."""
    key = (dataset.fingerprint, hash(labels.tobytes()))
    return _cluster_captions(key, labels, dataset.vocabulary)


@st.cache_data(max_entries=8, show_spinner="Naming clusters…")
def _cluster_captions(
    key: tuple[str, int], _labels: np.ndarray, _vocabulary: Vocabulary
) -> list[str]:
    return clusters.cluster_captions(_labels, _vocabulary)


def neighbour_table(
    directions: np.ndarray,
    whole: EmbeddingMap,
    item_idx: int,
    vocabulary: Vocabulary,
    column: str | None,
) -> pd.DataFrame:
    """Return the nearest items in the original space, and whether the map keeps each near.

    Args:
        directions: Vectors of unit length, (N, D); row i - 1 is item i.
        whole: The map of all items, whatever part of it is drawn.
        item_idx: The item in focus.
        vocabulary: Names the items.
        column: A column of the item table to show beside.
    """
    near = neighbours(directions, item_idx, N_NEIGHBOURS)
    on_map = set(map_neighbours(whole.points, item_idx - 1, N_NEIGHBOURS) + 1)
    table = pd.DataFrame(
        {
            "item_idx": [idx for idx, _ in near],
            "item": [vocabulary.title(idx) for idx, _ in near],
            "cosine": [cosine for _, cosine in near],
            "kept": ["✓" if idx in on_map else "" for idx, _ in near],
        }
    )
    if column is not None:
        values = item_groups(vocabulary, column)
        table["group"] = [values.iloc[idx - 1] for idx, _ in near]
    return table


def both_nearest(first: Recommender, second: Recommender, item_id: str) -> tuple[pd.DataFrame, int]:
    """Return the items nearest to one in two models, and how many are the same.

    Args:
        first: One model.
        second: The other; its catalogue may be another one.
        item_id: An item that both know.

    Returns:
        `first`, `first_shared`, `second` and `second_shared`: titles, nearest first, and a mark
        where the other model names the item too.
    """
    near = {}
    for name, one in (("first", first), ("second", second)):
        found = neighbours(directions_of(one), one.vocabulary.idx(item_id), N_NEIGHBOURS)
        near[name] = {one.vocabulary.item_id(idx): one.vocabulary.title(idx) for idx, _ in found}
    shared = near["first"].keys() & near["second"].keys()
    columns = {}
    for name, titles in near.items():
        columns[name] = pd.Series(list(titles.values()), dtype=object)
        columns[f"{name}_shared"] = pd.Series(["✓" if each in shared else "" for each in titles])
    return pd.DataFrame(columns), len(shared)


def are_of_same_items(one: SequenceDataset, other: SequenceDataset) -> bool:
    """Whether the maps of models of two datasets can be laid beside each other."""
    return _are_of_same_items(one.fingerprint, other.fingerprint, one, other)


@kept(64)
def _are_of_same_items(
    fingerprint: str, its_fingerprint: str, _one: SequenceDataset, _other: SequenceDataset
) -> bool:
    try:
        items_of_both(_one.vocabulary, _other.vocabulary)
    except DatasetError:
        return False
    return True


def share_table(values: Sequence[str], chosen: np.ndarray) -> pd.DataFrame:
    """Return each group's share among chosen rows beside its share of the whole map.

    Args:
        values: One a row of the map.
        chosen: Rows.
    """
    whole = pd.Series([value.strip() or "none" for value in values])
    inside = whole.iloc[chosen].value_counts()
    table = pd.DataFrame({"group": inside.index, "n": inside.to_numpy()})
    table["share"] = table["n"] / max(len(chosen), 1)
    table["map_share"] = table["group"].map(whole.value_counts(normalize=True))
    return table


def cluster_table(
    labels: np.ndarray,
    names: Sequence[str],
    found: EmbeddingMap,
    vocabulary: Vocabulary,
    column: str | None,
) -> pd.DataFrame:
    """Return one row a cluster: its size, most frequent items and most frequent group.

    Args:
        labels: Cluster of each row of the map, -1 for none.
        names: What to call each cluster.
        found: The map.
        vocabulary: Names the items.
        column: A column that groups items.
    """
    rows = []
    for label, name in enumerate(names):
        if not (labels == label).any():
            continue
        members = found.item_idx[labels == label]
        known = members[np.argsort(-vocabulary.counts[members - 1], kind="stable")][:4]
        row = {"cluster": contained(name), "n": len(members)}
        if column is not None:
            values = item_groups(vocabulary, column).iloc[members - 1].value_counts()
            row["group"] = str(values.index[0] or "none")
            row["share"] = 100 * float(values.iloc[0]) / len(members)
        row["items"] = ", ".join(contained(vocabulary.title(int(idx))) for idx in known)
        rows.append(row)
    return pd.DataFrame(rows)
