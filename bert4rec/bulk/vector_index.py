"""An approximate index of the items' vectors, for services that look them up by the million."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bert4rec.extras import missing_extra
from bert4rec.files import file_to_write, swapped_in, writing_explained
from bert4rec.vector_search import Similarity, nearest, unit

METRICS = {"dot": "ip", "cosine": "cos"}
LIST_LENGTH, N_CHECKED = 10, 1_000
# Vectors that are added before it is told, and before an interruption is noticed.
BLOCK_ROWS = 4_096
# Twice the links and half the candidates of what usearch has by itself (decision 0038).
LINKS = {"connectivity": 32, "expansion_add": 64}
# What half floats hold to three digits: numbers up to the one, of usual size down to the other.
LARGEST_HALF, USUAL_HALF = 65_504.0, 2.0**-10


@dataclass(frozen=True)
class IndexReport:
    """What was written.

    Args:
        n_items: Vectors in the index.
        recall: Share of the exact ten nearest that the index finds, for some of the vectors.
        n_checked: How many were asked about.
    """

    n_items: int
    recall: float
    n_checked: int


def check_index(path: str | Path) -> None:
    """See that an index could be written, before whatever takes long.

    Raises:
        MissingExtraError: usearch is not installed.
        UnwritableError: what is at `path` is no file that could be replaced.
    """
    _index_class()
    file_to_write(path)


def write_index(
    vectors_nd: np.ndarray,
    path: str | Path,
    *,
    similarity: Similarity = "dot",
    tell: Callable[[int], None] = lambda n_added: None,
) -> IndexReport:
    """Write an HNSW index of vectors as a file of usearch, and compare it with the exact answer.

    Key n of the index is row n of the vectors, from 0: the n-th item of a file of vectors, and
    item index n + 1. Vectors are kept as half floats where these hold them to three digits.

    Args:
        vectors_nd: float32 (N, D).
        path: The file.
        similarity: `dot` or `cosine`.
        tell: Told how many vectors are in the index so far.

    Raises:
        MissingExtraError: usearch is not installed.
        UnwritableError: the file cannot be written.

    Cost: a million vectors of 64 numbers take six minutes of one core, three of two.
    """
    index = _index_class()(
        ndim=vectors_nd.shape[1],
        metric=METRICS[similarity],
        dtype=_number_type(vectors_nd),
        **LINKS,
    )
    order = _order(vectors_nd, similarity)
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        index.add(rows.astype(np.uint64), vectors_nd[rows])
        tell(start + len(rows))
    path = Path(path)
    with writing_explained(path.parent), swapped_in(path) as temporary:
        _save(index, temporary)
    return _compared(index, vectors_nd, similarity)


def _order(vectors_nd: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Return in which order rows are added, int64 (N,).

    By dot products the longest vectors are near to many others: added first, they lie beside each
    other, and the way to all others begins with them.
    """
    if similarity == "cosine":
        return np.arange(len(vectors_nd))
    return np.argsort(-np.linalg.norm(vectors_nd, axis=1), kind="stable")


def _number_type(vectors_nd: np.ndarray) -> str:
    """Return in which numbers vectors are kept: to read half as many bytes is half of the work."""
    largest = max(float(vectors_nd.max(initial=0.0)), -float(vectors_nd.min(initial=0.0)))
    usual = float(np.linalg.norm(vectors_nd)) / max(vectors_nd.size, 1) ** 0.5
    return "f16" if largest <= LARGEST_HALF and usual >= USUAL_HALF else "f32"


def _save(index: Any, path: Path) -> None:
    try:
        index.save(str(path))
    except RuntimeError as error:
        # So usearch tells of what the system does not allow.
        raise OSError(str(error)) from error


def _index_class() -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise missing_extra("an index of vectors", "usearch", "index") from error
    return Index


def _compared(index: Any, vectors_nd: np.ndarray, similarity: Similarity) -> IndexReport:
    """Ask index and exact search about vectors drawn by the same chance each time."""
    chance, n = np.random.default_rng(0), min(N_CHECKED, len(vectors_nd))
    asked = vectors_nd[np.sort(chance.choice(len(vectors_nd), n, replace=False))]
    exact, similar = nearest(asked, vectors_nd, LIST_LENGTH, similarity=similarity, device="cpu")
    matches = index.search(asked, exact.shape[1])
    keys = np.asarray(matches.keys).reshape(exact.shape).astype(np.int64)
    # Vectors as near as the last of the exact ones may stand in for it.
    directions = unit(vectors_nd) if similarity == "cosine" else vectors_nd
    queries = unit(asked) if similarity == "cosine" else asked
    reached = np.einsum("qd,qkd->qk", queries, directions[keys])
    is_near = reached >= similar[:, -1:] - 1e-5 * np.abs(similar[:, -1:])
    return IndexReport(len(vectors_nd), float(is_near.mean()), n)
