"""Item vectors as points: PCA at once, UMAP with progress, catalogues of any size by a sample."""

from __future__ import annotations

import atexit
import ctypes
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from bert4rec.errors import DatasetError
from bert4rec.maps.neighbours import nearest_rows, neighbour_recall, trustworthiness
from bert4rec.maps.progress import Progress, Span, letting_tqdm_go
from bert4rec.runs.snapshots import spread_rows
from bert4rec.vector_search import unit

# UMAP lays out so many items; the others of a larger catalogue are placed among them.
MAX_FITTED = 20_000
# Fewer have no neighbourhoods that a map could keep.
MIN_UMAP_ITEMS = 4
# Rounds of the layout, as umap-learn has them by itself.
ROUNDS_SMALL, ROUNDS_LARGE, LARGE = 500, 200, 10_000
# Items of the sample among which another one is placed.
N_PLACED_BY = 5
# Numba's parallel code must not be entered by two threads at once: its `workqueue` layer would
# abort the process. One lock holds under every layer.
_umap_lock = threading.Lock()


@dataclass(frozen=True)
class MapSettings:
    """What a UMAP map depends on beside the vectors.

    Args:
        n_components: 2 or 3 dimensions.
        n_neighbors: Size of the neighbourhoods to keep; more shows the whole, fewer the detail.
        min_dist: How closely points may lie.
        seed: Chance behind the layout.
    """

    n_components: int = 2
    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 42


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """Items as points.

    Args:
        method: `pca` or `umap`.
        points: float32 (n, 2 or 3).
        item_idx: The item behind each point, 1..N, in order, int64 (n,).
        trustworthiness: Between 0 and 1: how far neighbours on the map are neighbours in truth.
        recall: Between 0 and 1: the share of an item's ten nearest that the map keeps.
        n_fitted: Points that were laid out; the others were placed among them.
    """

    method: str
    points: np.ndarray
    item_idx: np.ndarray
    trustworthiness: float
    recall: float
    n_fitted: int


def judged_map(
    method: str, vectors: np.ndarray, points: np.ndarray, item_idx: np.ndarray, n_fitted: int
) -> EmbeddingMap:
    """Return a map with its quality, measured on the points that are drawn.

    Args:
        method: `pca` or `umap`.
        vectors: (n, D).
        points: (n, 2 or 3).
        item_idx: The item behind each row, (n,).
        n_fitted: How many of them were laid out.
    """
    rows = spread_rows(len(vectors), MAX_FITTED)
    trust = trustworthiness(vectors[rows], points[rows])
    recall = neighbour_recall(vectors[rows], points[rows])
    return EmbeddingMap(method, points, item_idx, trust, recall, n_fitted)


def drawn_part(found: EmbeddingMap, keep: Sequence[int], limit: int) -> EmbeddingMap:
    """Return the part of a map that is drawn: an even sample, and items that are looked at.

    Args:
        found: A map of a whole catalogue.
        keep: Items that are drawn in any case, 1..N.
        limit: Size of the sample; up to `MAX_FITTED` all of it was laid out.
    """
    if len(found.points) <= limit:
        return found
    rows = np.union1d(spread_rows(len(found.points), limit), np.array(keep, dtype=int) - 1)
    return replace(found, points=found.points[rows], item_idx=found.item_idx[rows])


def project_pca(vectors: np.ndarray, n_components: int = 2) -> np.ndarray:
    """Project on the directions of largest variance.

    Args:
        vectors: (n, D).
        n_components: 2 or 3; directions that the vectors do not have are filled with zeros.

    Returns:
        float32 (n, n_components).

    Cost: one pass for the covariance and one for the points.
    """
    points = np.zeros((len(vectors), n_components), dtype=np.float32)
    n_found = min(n_components, *vectors.shape)
    if len(vectors) > 1:
        directions = unit(vectors)
        # The covariance of many vectors is small; that of few has too little to tell.
        is_tall = len(vectors) > vectors.shape[1]
        solver = "covariance_eigh" if is_tall else "full"
        points[:, :n_found] = PCA(n_found, svd_solver=solver).fit_transform(directions)
    return points


@cache
def _umap() -> ModuleType:
    """Import umap-learn, which takes seconds, with a numba layer that allows several threads."""
    # A TBB from the wheel lies where numba does not look for it; once loaded, it is found.
    for library in Path(sys.prefix, "lib").glob("libtbb.so.12"):
        ctypes.CDLL(str(library))
    try:
        return import_module("umap")
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
    # Numba keeps what it compiles beside umap-learn or in the home folder, and gives up where it
    # may write neither. One of our own: a folder that others may write could hold their code.
    config: Any = import_module("numba").config
    config.CACHE_DIR = mkdtemp(prefix="bert4rec-numba-")
    atexit.register(shutil.rmtree, config.CACHE_DIR, ignore_errors=True)
    return import_module("umap")


@contextmanager
def umap_alone() -> Iterator[ModuleType]:
    """Yield umap-learn to one thread at a time."""
    with _umap_lock:
        yield _umap()


def project_umap(
    vectors: np.ndarray,
    n_components: int = 2,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    seed: int = 42,
    begin: np.ndarray | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Lay out the vectors so that neighbours stay neighbours; may be called from several threads.

    The same arguments give the same points. Neighbours are exact. The layout starts from PCA, not
    from the spectrum of the neighbour graph, which fails where the graph falls apart. Of more than
    `MAX_FITTED` vectors a sample is laid out, and each other one placed amid its nearest of these.

    Args:
        vectors: (n, D).
        n_components: 2 or 3.
        n_neighbors: Cut down to what a small catalogue has.
        min_dist: How closely points may lie.
        seed: Chance behind the layout.
        begin: Points to start from in place of PCA, (n, n_components).
        progress: Told how far it is; may call it off.

    Returns:
        float32 (n, n_components).

    Raises:
        DatasetError: there are fewer than four vectors.
        Cancelled: it was called off.

    Cost: the first call in a process compiles for about ten seconds. Memory: the vectors twice,
        and blocks of fixed size.
    Source: McInnes et al. 2018; start from PCA after Kobak and Linderman 2021; placing by the
        nearest as in Poličar et al. 2021.
    """
    if len(vectors) < MIN_UMAP_ITEMS:
        raise DatasetError(
            f"UMAP needs {MIN_UMAP_ITEMS} items or more, this catalogue has {len(vectors)}",
            fix="Use the PCA map.",
        )
    progress = progress or Progress()
    directions = unit(vectors)
    fitted = spread_rows(len(directions), MAX_FITTED)
    sample = directions[fitted]
    progress.tell("getting ready", 0.0)
    finding = Span(progress, "looking for neighbours", 0.02, 0.15)
    near = nearest_rows(
        sample,
        sample,
        max(2, min(n_neighbors, len(sample) - 1)) - 1,
        own_rows=np.arange(len(sample)),
        tell=finding.tell,
    )
    settings = MapSettings(n_components, near[0].shape[1] + 1, min_dist, seed)
    end = 0.95 if len(fitted) == len(directions) else 0.7
    start = None if begin is None else begin[fitted]
    places = _laid_out(sample, near, settings, start, Span(progress, "laying out", 0.15, end))
    if len(fitted) == len(directions):
        return places
    points = np.empty((len(directions), n_components), dtype=np.float32)
    points[fitted] = places
    rest = np.setdiff1d(np.arange(len(directions)), fitted, assume_unique=True)
    placing = Span(progress, "placing the other items", end, 0.95)
    points[rest] = placed_among(directions[rest], sample, places, placing)
    return points


def _laid_out(
    sample: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    settings: MapSettings,
    begin: np.ndarray | None,
    span: Span,
) -> np.ndarray:
    """Return the points of a sample with known neighbours, float32 (m, n_components)."""
    n_rounds = ROUNDS_SMALL if len(sample) <= LARGE else ROUNDS_LARGE
    by_itself = "pca" if settings.n_components <= min(sample.shape) else "random"
    with umap_alone() as umap, umap_warnings_known(), letting_tqdm_go():
        span.tell(0.0)
        reducer = umap.UMAP(
            n_components=settings.n_components,
            n_neighbors=settings.n_neighbors,
            min_dist=settings.min_dist,
            metric="cosine",
            init=by_itself if begin is None else begin,
            random_state=settings.seed,
            n_jobs=1,
            n_epochs=n_rounds,
            precomputed_knn=with_themselves(*near),
            tqdm_kwds=span.tqdm_options(n_rounds),
        )
        return np.asarray(reducer.fit_transform(sample), dtype=np.float32)


@contextmanager
def umap_warnings_known() -> Iterator[None]:
    """Pass over what umap-learn warns of although it was asked for."""
    with warnings.catch_warnings():
        # Neighbours that are given without an index serve to fit, which is all that is asked.
        warnings.filterwarnings("ignore", "precomputed_knn\\[2\\]", module="umap")
        yield


def with_themselves(rows: np.ndarray, cosines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbours as umap-learn wants them: each first its own, and as distances."""
    own = np.arange(len(rows))[:, None]
    distances = np.maximum(1.0 - cosines, 0.0)
    zero = np.zeros((len(rows), 1), dtype=np.float32)
    return np.hstack([own, rows]), np.hstack([zero, distances]).astype(np.float32)


def placed_among(
    directions: np.ndarray, sample: np.ndarray, places: np.ndarray, span: Span
) -> np.ndarray:
    """Return points for vectors amid the points of those nearest to them in a sample.

    The median of each coordinate keeps a vector between two groups from being put where neither is.

    Args:
        directions: Vectors of unit length, (n, D).
        sample: Vectors of unit length that have points, (m, D).
        places: Their points, (m, 2 or 3).
        span: Told how far it is.

    Returns:
        float32 (n, 2 or 3).
    """
    near, _ = nearest_rows(directions, sample, N_PLACED_BY, tell=span.tell)
    points: np.ndarray = np.median(places[near], axis=1)
    return points.astype(np.float32)
