"""Maps, clusters and their quality, kept for each checkpoint; and the tables beside a map."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.embeddings import (
    EmbeddingMap,
    MapSettings,
    clusters,
    map_neighbours,
    mapped_items,
    neighbour_recall,
    neighbours,
    project_pca,
    trustworthiness,
)
from bert4rec.item_groups import item_groups
from bert4rec.runs.folder import Run
from bert4rec.spreadsheets import csv_text
from bert4rec.ui.cache import load_recommender
from bert4rec.ui.explanations import checkpoint_mtime
from bert4rec.ui.words import contained

N_NEIGHBOURS = 10


def pca_map(run: Run, n_components: int) -> EmbeddingMap:
    """Return the PCA map of a run's items."""
    return _pca_map(str(run.folder), run.id, checkpoint_mtime(run), n_components)


@st.cache_data(max_entries=8, show_spinner="Drawing the map…")
def _pca_map(folder: str, run_id: str, mtime: float, n_components: int) -> EmbeddingMap:
    recommender = load_recommender(run_id, mtime)
    item_idx = mapped_items(recommender.vocabulary.counts)
    vectors = recommender.item_embeddings()[item_idx - 1]
    points = project_pca(vectors, n_components)
    return EmbeddingMap("pca", points, item_idx, trustworthiness(vectors, points))


def share_kept(run: Run, found: EmbeddingMap, settings: MapSettings) -> float:
    """Return the share of nearest neighbours that a map keeps."""
    key = (found.method, settings)
    return _share_kept(str(run.folder), run.id, checkpoint_mtime(run), key, found)


@st.cache_data(max_entries=16, show_spinner=False)
def _share_kept(
    folder: str,
    run_id: str,
    mtime: float,
    key: tuple[str, MapSettings],
    _found: EmbeddingMap,
) -> float:
    vectors = load_recommender(run_id, mtime).item_embeddings()[_found.item_idx - 1]
    return neighbour_recall(vectors, _found.points, N_NEIGHBOURS)


def cluster_labels(run: Run, n_clusters: int) -> np.ndarray:
    """Return the cluster of each mapped item, 0 the largest."""
    return _cluster_labels(str(run.folder), run.id, checkpoint_mtime(run), n_clusters)


@st.cache_data(max_entries=8, show_spinner="Finding clusters…")
def _cluster_labels(folder: str, run_id: str, mtime: float, n_clusters: int) -> np.ndarray:
    recommender = load_recommender(run_id, mtime)
    item_idx = mapped_items(recommender.vocabulary.counts)
    return clusters(recommender.item_embeddings()[item_idx - 1], n_clusters)


def neighbour_table(
    vectors: np.ndarray,
    found: EmbeddingMap,
    item_idx: int,
    vocabulary: Vocabulary,
    column: str | None,
) -> pd.DataFrame:
    """Return the nearest items in the original space, and whether the map keeps each near.

    Args:
        vectors: (N, D); row i - 1 is item i.
        found: The map.
        item_idx: The item in focus.
        vocabulary: Names the items.
        column: A column of the item table to show beside.
    """
    near = neighbours(vectors, item_idx, N_NEIGHBOURS)
    at = np.flatnonzero(found.item_idx == item_idx)
    on_map = (
        set(found.item_idx[map_neighbours(found.points, int(at[0]), N_NEIGHBOURS)])
        if len(at)
        else set()
    )
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
    labels: np.ndarray, found: EmbeddingMap, vocabulary: Vocabulary, column: str | None
) -> pd.DataFrame:
    """Return one row a cluster: its size, most frequent items and most frequent group."""
    rows = []
    for label in range(int(labels.max(initial=-1)) + 1):
        members = found.item_idx[labels == label]
        known = members[np.argsort(-vocabulary.counts[members - 1], kind="stable")][:4]
        row = {"cluster": f"Cluster {label + 1}", "n": len(members)}
        if column is not None:
            values = item_groups(vocabulary, column).iloc[members - 1].value_counts()
            row["group"] = str(values.index[0] or "none")
            row["share"] = 100 * float(values.iloc[0]) / len(members)
        row["items"] = ", ".join(contained(vocabulary.title(int(idx))) for idx in known)
        rows.append(row)
    return pd.DataFrame(rows)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as CSV in which no text can start a formula."""
    return csv_text(table).encode()


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
