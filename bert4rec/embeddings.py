"""Maps, neighbours and clusters of the item embeddings.

Everything here compares directions: vectors are scaled to unit length first, so that a map, its
neighbours and its clusters speak of one similarity, the cosine.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import Bert4RecError, DatasetError, FormatError, NotFoundError
from bert4rec.files import read_json, swapped_in, write_json
from bert4rec.recommender import load
from bert4rec.runs.folder import Run
from bert4rec.vectors import unit

# More points than this are neither drawn nor mapped; the most frequent items are taken.
MAX_POINTS = 20_000
# Fewer have no neighbourhoods that a map could keep.
MIN_UMAP_ITEMS = 4
BLOCK_ROWS = 1024
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
        item_idx: The item behind each point, 1..N, int64 (n,).
        trustworthiness: Between 0 and 1: how far neighbours on the map are neighbours in truth.
    """

    method: str
    points: np.ndarray
    item_idx: np.ndarray
    trustworthiness: float


def mapped_items(counts: np.ndarray, limit: int = MAX_POINTS) -> np.ndarray:
    """Return the items that a map shows, 1..N in index order: all, or the most frequent ones."""
    if len(counts) <= limit:
        return np.arange(1, len(counts) + 1)
    return np.sort(np.argsort(-counts, kind="stable")[:limit]) + 1


def project_pca(vectors: np.ndarray, n_components: int = 2) -> np.ndarray:
    """Project on the directions of largest variance.

    Args:
        vectors: (n, D).
        n_components: 2 or 3; directions that the vectors do not have are filled with zeros.

    Returns:
        float32 (n, n_components).
    """
    points = np.zeros((len(vectors), n_components), dtype=np.float32)
    n_found = min(n_components, *vectors.shape)
    if len(vectors) > 1:
        pca = PCA(n_found, svd_solver="full" if vectors.shape[1] <= 512 else "randomized")
        points[:, :n_found] = pca.set_params(random_state=0).fit_transform(unit(vectors))
    return points


@cache
def _umap() -> ModuleType:
    """Import umap-learn, which takes seconds, with a numba layer that allows several threads."""
    # A TBB from the wheel lies where numba does not look for it; once loaded, it is found.
    for library in Path(sys.prefix, "lib").glob("libtbb.so.12"):
        ctypes.CDLL(str(library))
    import umap

    return umap  # type: ignore[no-any-return]


def project_umap(
    vectors: np.ndarray,
    n_components: int = 2,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    seed: int = 42,
) -> np.ndarray:
    """Lay out the vectors so that neighbours stay neighbours; may be called from several threads.

    The same arguments give the same points. The layout starts from PCA, not from the spectrum of
    the neighbour graph, which fails where the graph falls apart.

    Args:
        vectors: (n, D).
        n_components: 2 or 3.
        n_neighbors: Cut down to what a small catalogue has.
        min_dist: How closely points may lie.
        seed: Chance behind the layout.

    Returns:
        float32 (n, n_components).

    Raises:
        DatasetError: there are fewer than four vectors.

    Cost: the first call in a process compiles for about ten seconds.
    Source: McInnes et al. 2018; start from PCA after Kobak and Linderman 2021.
    """
    if len(vectors) < MIN_UMAP_ITEMS:
        raise DatasetError(
            f"UMAP needs {MIN_UMAP_ITEMS} items or more, this catalogue has {len(vectors)}",
            fix="Use the PCA map.",
        )
    with _umap_lock:
        reducer = _umap().UMAP(
            n_components=n_components,
            n_neighbors=max(2, min(n_neighbors, len(vectors) - 1)),
            min_dist=min_dist,
            metric="cosine",
            init="pca" if n_components <= min(vectors.shape) else "random",
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(reducer.fit_transform(unit(vectors)), dtype=np.float32)


def neighbours(vectors: np.ndarray, item_idx: int, k: int = 10) -> list[tuple[int, float]]:
    """Return the items nearest to one by cosine in the original space, exactly, nearest first.

    Args:
        vectors: (N, D); row i - 1 is item i.
        item_idx: 1..N.
        k: Length of the list.

    Returns:
        Item index and cosine, the item itself left out.
    """
    directions = unit(vectors)
    cosine = directions @ directions[item_idx - 1]
    order = np.argsort(-cosine, kind="stable")
    return [(int(at) + 1, float(cosine[at])) for at in order if at != item_idx - 1][:k]


def map_neighbours(points: np.ndarray, row: int, k: int = 10) -> np.ndarray:
    """Return the rows nearest to one on a map, nearest first, int64 (k,)."""
    distance = np.square(points - points[row]).sum(axis=1)
    order = np.argsort(distance, kind="stable")
    return np.asarray(order[order != row][:k])


def trustworthiness(
    vectors: np.ndarray,
    points: np.ndarray,
    n_neighbors: int = 10,
    sample: int = 2000,
    seed: int = 0,
) -> float:
    """Return how far neighbours on the map are neighbours in truth, between 0 and 1.

    Args:
        vectors: (n, D).
        points: (n, 2 or 3).
        n_neighbors: Size of a neighbourhood; cut down where there are too few points.
        sample: Points judged, among each other; drawn where there are more.
        seed: Chance behind the draw.

    Source: Venna and Kaski 2001.
    """
    if len(vectors) < 3:
        return 1.0
    rows = np.arange(len(vectors))
    if len(rows) > sample:
        rows = np.random.default_rng(seed).choice(rows, sample, replace=False)
    k = min(n_neighbors, (len(rows) - 1) // 2)
    value = sklearn_trustworthiness(unit(vectors[rows]), points[rows], n_neighbors=k)
    return float(value)


def neighbour_recall(
    vectors: np.ndarray, points: np.ndarray, k: int = 10, sample: int = 2000, seed: int = 0
) -> float:
    """Return the share of the `k` nearest vectors that are among the `k` nearest points.

    Args:
        vectors: (n, D).
        points: (n, 2 or 3).
        k: Size of a neighbourhood; cut down where there are too few points.
        sample: Points asked, each against all; drawn where there are more.
        seed: Chance behind the draw.
    """
    k = min(k, len(vectors) - 1)
    if k < 1:
        return 1.0
    rows = np.arange(len(vectors))
    if len(rows) > sample:
        rows = np.random.default_rng(seed).choice(rows, sample, replace=False)
    directions, kept = unit(vectors), 0
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        near = _nearest_rows(directions, block, k)
        near_on_map = _nearest_rows(np.asarray(points, dtype=np.float32), block, k)
        kept += sum(len(np.intersect1d(a, b)) for a, b in zip(near, near_on_map, strict=True))
    return kept / (len(rows) * k)


def _nearest_rows(vectors: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Return the `k` nearest rows of each asked for, itself left out, in any order, (n, k)."""
    squares = np.square(vectors).sum(axis=1)
    distance = squares[None] - 2 * vectors[rows] @ vectors.T
    distance[np.arange(len(rows)), rows] = np.inf
    return np.argpartition(distance, k - 1, axis=1)[:, :k]


def clusters(vectors: np.ndarray, n_clusters: int = 8, seed: int = 0) -> np.ndarray:
    """Group the vectors by k-means; cluster 0 is the largest, int64 (n,).

    Args:
        vectors: (n, D).
        n_clusters: Cut down to the number of different vectors.
        seed: Chance behind the first centres.
    """
    directions = unit(vectors)
    n_different = len(np.unique(directions, axis=0))
    means = KMeans(min(n_clusters, n_different), n_init=3, random_state=seed)
    found = means.fit_predict(directions)
    order = np.argsort(-np.bincount(found), kind="stable")
    return np.asarray(np.argsort(order)[found])


def embedding_table(
    found: EmbeddingMap, vectors: np.ndarray, vocabulary: Vocabulary
) -> pd.DataFrame:
    """Return the items of a map with their points and vectors, one row each.

    Args:
        found: The map.
        vectors: (N, D); row i - 1 is item i.
        vocabulary: Names the items.
    """
    rows = found.item_idx - 1
    columns = {"item_id": [vocabulary.item_ids[row] for row in rows]}
    columns["title"] = [vocabulary.titles[row] for row in rows]
    table = pd.DataFrame(columns).assign(count=vocabulary.counts[rows])
    places = pd.DataFrame(found.points, columns=list("xyz")[: found.points.shape[1]])
    width = vectors.shape[1]
    values = pd.DataFrame(vectors[rows], columns=[f"v{column}" for column in range(width)])
    return pd.concat([table, places, values], axis=1)


class MapService:
    """UMAP maps of runs, made in the background one after the other and kept as files.

    A map belongs to a checkpoint: after further training it is made again.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="umap")
        self._lock = threading.Lock()
        self._futures: dict[Path, Future[None]] = {}

    def start(self, run: Run, settings: MapSettings) -> None:
        """Begin a map, unless it is there or under way."""
        path = _map_file(run, settings)
        with self._lock:
            if self.state(run, settings) in ("missing", "failed"):
                self._futures[path] = self._executor.submit(_make_map, run, settings, path)

    def state(self, run: Run, settings: MapSettings) -> str:
        """Return `missing`, `running`, `done` or `failed`."""
        path = _map_file(run, settings)
        future = self._futures.get(path)
        if future is not None and not future.done():
            return "running"
        if future is not None and future.exception() is not None:
            return "failed"
        return "missing" if _read_map(path) is None else "done"

    def failure(self, run: Run, settings: MapSettings) -> str:
        """Return why a map failed, or nothing."""
        future = self._futures.get(_map_file(run, settings))
        error = future.exception() if future is not None and future.done() else None
        return (error.message if isinstance(error, Bert4RecError) else str(error)) if error else ""

    def get(self, run: Run, settings: MapSettings) -> EmbeddingMap | None:
        """Return a map that is done."""
        return _read_map(_map_file(run, settings))


def _map_file(run: Run, settings: MapSettings) -> Path:
    """Name the file after the settings and the checkpoint."""
    key = json.dumps([asdict(settings), MAX_POINTS, _changed_at_ns(run)], sort_keys=True)
    return run.artifacts / f"umap-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy"


def _changed_at_ns(run: Run) -> int:
    """Return when the best checkpoint was written, 0 while there is none."""
    checkpoint = run.checkpoint("best")
    return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0


def _make_map(run: Run, settings: MapSettings, path: Path) -> None:
    recommender = load(run, device="cpu")
    changed_at_ns = _changed_at_ns(run)
    if _map_file(run, settings) != path:
        # A run that trains has a newer checkpoint, whose map has another name.
        return
    item_idx = mapped_items(recommender.vocabulary.counts)
    vectors = recommender.item_embeddings()[item_idx - 1]
    points = project_umap(
        vectors,
        settings.n_components,
        n_neighbors=settings.n_neighbors,
        min_dist=settings.min_dist,
        seed=settings.seed,
    )
    table = np.column_stack([item_idx.astype(np.float64), points])
    with swapped_in(path) as temporary, temporary.open("wb") as file:
        np.save(file, table)
    # The description comes last: a map without it is not done.
    score = trustworthiness(vectors, points)
    facts = {"trustworthiness": score, "checkpoint_changed_at_ns": changed_at_ns}
    write_json(path.with_suffix(".json"), asdict(settings) | facts)
    _remove_maps_but_of(changed_at_ns, run.artifacts)


def _remove_maps_but_of(changed_at_ns: int, folder: Path) -> None:
    """Remove the maps of older checkpoints, which nobody can ask for any more."""
    for description in folder.glob("umap-*.json"):
        with suppress(FormatError, NotFoundError):
            facts = read_json(description)
            if isinstance(facts, dict) and facts.get("checkpoint_changed_at_ns") == changed_at_ns:
                continue
        description.unlink(missing_ok=True)
        description.with_suffix(".npy").unlink(missing_ok=True)


def _read_map(path: Path) -> EmbeddingMap | None:
    """Read a map; a missing or damaged one is None, for it can be made again."""
    if not path.with_suffix(".json").exists():
        return None
    try:
        table = np.load(path, allow_pickle=False)
        score = float(read_json(path.with_suffix(".json"))["trustworthiness"])
    except (OSError, EOFError, ValueError, KeyError):
        return None
    return EmbeddingMap("umap", table[:, 1:].astype(np.float32), table[:, 0].astype(int), score)
