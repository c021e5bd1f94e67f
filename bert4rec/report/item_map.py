"""The map of a run's items for a report: a cached UMAP, else PCA, coloured by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert4rec.data.item_groups import category_columns, item_groups
from bert4rec.maps.neighbours import neighbour_recall
from bert4rec.maps.projection import EmbeddingMap, MapSettings, judged_map, project_pca
from bert4rec.maps.tasks import UmapTask
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run

# Each is a circle with a title: more would make the file heavy and the map no clearer.
MAX_ITEMS = 2000
MAX_GROUPS = 6
N_NAMED = 2
# What colours a map of items of which nothing else is known.
POPULARITY = "popularity"
POPULARITY_PARTS = (("Most popular 10%", 0.1), ("Next 40%", 0.5), ("Least popular half", 1.0))
NO_GROUP = ("", "nan", "None", "<NA>")


@dataclass(frozen=True, eq=False)
class ItemMap:
    """A map of items.

    Args:
        method: `pca` or `umap`.
        points: Float (n, 2).
        item_idx: The item behind each point, 1..N, (n,).
        n_items: Size of the catalogue.
        column: The column of the item table that colours it, else `popularity`.
        groups: Names of the coloured groups with their rows, largest first; the rest comes last,
            without a name.
        share_kept: Share of the ten nearest in truth, of the items that are drawn, that are among
            the ten nearest here.
    """

    method: str
    points: np.ndarray
    item_idx: np.ndarray
    n_items: int
    column: str
    groups: tuple[tuple[str, np.ndarray], ...]
    share_kept: float


def make_map(model: Recommender) -> ItemMap:
    """Lay out a model's items, the most frequent ones where there are very many.

    Cost: one projection; nothing waits for UMAP.
    """
    vocabulary, vectors = model.vocabulary, model.item_embeddings()
    found, counts = _cached_umap(model), vocabulary.counts
    if found is None:
        item_idx = np.arange(1, len(vectors) + 1)
        found = judged_map("pca", vectors, project_pca(vectors), item_idx, len(vectors))
    shown = np.sort(np.argsort(-counts, kind="stable")[:MAX_ITEMS])
    column = next(iter(category_columns(vocabulary)), "")
    if column:
        values = item_groups(vocabulary, column).tolist()
        groups = _groups([values[row] for row in shown])
    else:
        groups = _popularity_groups(counts[shown])
    return ItemMap(
        method=found.method,
        points=found.points[shown].astype(float),
        item_idx=shown + 1,
        n_items=len(vocabulary),
        column=column or POPULARITY,
        groups=groups,
        share_kept=neighbour_recall(vectors[shown], found.points[shown]),
    )


def _cached_umap(model: Recommender) -> EmbeddingMap | None:
    found = UmapTask(model.run, MapSettings()).read() if isinstance(model.run, Run) else None
    is_whole = found is not None and len(found.points) == len(model.vocabulary)
    return found if is_whole else None


def _popularity_groups(counts: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    """Return the rows of the most popular items and of the others, by place in popularity."""
    place = np.empty(len(counts))
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts)) / len(counts)
    found, start = [], 0.0
    for name, end in POPULARITY_PARTS:
        rows = np.flatnonzero((place >= start) & (place < end))
        found += [(name, rows)] if len(rows) else []
        start = end
    return tuple(found)


def _groups(values: Sequence[str]) -> tuple[tuple[str, np.ndarray], ...]:
    """Return the rows of the largest groups by name, then all others together without one."""
    names = np.array(["" if value.strip() in NO_GROUP else value for value in values], dtype=object)
    found, counts = np.unique(names[names != ""], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    # Another colour for one group alone costs no more than the grey.
    n_named = MAX_GROUPS if len(found) > MAX_GROUPS + 1 else len(found)
    largest = [str(found[at]) for at in order[:n_named]]
    groups = [(name, np.flatnonzero(names == name)) for name in largest]
    rest = np.flatnonzero(~np.isin(names, largest))
    return (*groups, ("", rest)) if len(rest) else tuple(groups)
