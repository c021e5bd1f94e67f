"""The nearest vectors to vectors: exact, in blocks, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import torch

from bert4rec.device import choose_device
from bert4rec.errors import FormatError, SettingsError
from bert4rec.histories import Histories
from bert4rec.ranking import Removal, RunningTop
from bert4rec.row_files import BATCH_ROWS, rows_written
from bert4rec.score_blocks import MAX_ROWS, product_blocks
from bert4rec.suggestions import check_length
from bert4rec.threads import side_by_side
from bert4rec.vector_table import VectorTable, vector_batches
from bert4rec.vectors import ITEM, unit

Similarity = Literal["dot", "cosine"]
SIMILARITIES: tuple[Similarity, ...] = ("dot", "cosine")


@torch.inference_mode()
def nearest(
    queries_qd: np.ndarray,
    vectors_nd: np.ndarray,
    k: int = 10,
    *,
    similarity: Similarity = "dot",
    leave_out: np.ndarray | None = None,
    device: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `k` nearest vectors to each query, exactly, nearest first.

    Args:
        queries_qd: float32 (Q, D).
        vectors_nd: float32 (N, D).
        k: Length of the lists; all N where there are fewer.
        similarity: `dot`, by which an item is scored for a user, or `cosine`.
        leave_out: The row of `vectors_nd` that each query must not find, as itself; -1 for none,
            int64 (Q,).
        device: Where to compute: auto, cpu, cuda, cuda:N or mps.

    Returns:
        Rows of `vectors_nd`, int64 (Q, K), equal ones in the order of rows, and their
        similarities, float32 (Q, K). What was left out comes last, at minus infinity.

    Raises:
        SettingsError: the widths differ, or `k` is below 1.

    Cost: Q · N · D products; similarities are held in blocks of `score_blocks.SCORE_BYTES`.
    """
    check_length(k)
    if queries_qd.shape[1] != vectors_nd.shape[1]:
        raise SettingsError(
            [f"queries have {queries_qd.shape[1]} numbers, vectors {vectors_nd.shape[1]}"],
            fix="Take vectors of one run.",
        )
    if similarity == "cosine":
        queries_qd, vectors_nd = unit(queries_qd), unit(vectors_nd)
    choice = choose_device(device, "float32")
    queries = _on(queries_qd, choice.device)
    vectors = _on(vectors_nd, choice.device)

    def search(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        gone = None if leave_out is None else leave_out[rows]
        return _search(queries[rows], vectors, k, gone)

    parts = side_by_side(search, len(queries), MAX_ROWS, choice.n_side_by_side)
    k = min(k, len(vectors))
    rows = [np.empty((0, k), dtype=np.int64), *(part[0] for part in parts)]
    found = [np.empty((0, k), dtype=np.float32), *(part[1] for part in parts)]
    return np.concatenate(rows), np.concatenate(found)


def _on(array: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"])).to(device)


def _search(
    queries: torch.Tensor, vectors: torch.Tensor, k: int, gone: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    found, similar = [], []
    for rows, blocks in product_blocks(queries, vectors):
        top = RunningTop(len(queries[rows]), k)
        removal = Removal(None if gone is None else _itself(gone[rows]))
        for start, block in blocks:
            top.add(start, removal.apply(start, block))
        found.append(top.items.cpu().numpy() - 1)
        similar.append(top.scores.cpu().numpy())
    return np.concatenate(found), np.concatenate(similar)


def _itself(gone: np.ndarray) -> Histories:
    return Histories.of([[row + 1] if row >= 0 else [] for row in gone])


@dataclass
class Answer:
    """What came of asking for the nearest vectors of a file."""

    n_queries: int = 0
    n_vectors: int = 0
    n_rows: int = 0
    rows: list[pa.Table] = field(default_factory=list)


def nearest_in_file(
    vectors: str | Path,
    out: str | Path | None = None,
    k: int = 10,
    *,
    queries: str | Path | None = None,
    ids: list[str] | None = None,
    similarity: Similarity = "dot",
    device: str = "auto",
) -> Answer:
    """Find the items of a file of vectors that are nearest to others.

    Args:
        vectors: A Parquet file of vectors; its items are found.
        out: `.csv` or `.parquet`, with `query_kind`, `query`, `rank` from 1, `id`,
            `title` and `similarity`; without it the answer holds the rows.
        k: Items for each query.
        queries: A Parquet file of vectors that all ask. Without it and `ids`, whatever in `vectors`
            is no item asks or, if there are only items, each of them about the others.
        ids: Items of `vectors` that ask about the others.
        similarity: `dot` or `cosine`.
        device: Where to compute.

    Raises:
        NotFoundError: there is no such file.
        FormatError: a file cannot be read or holds no items, or `out` has another ending.
        SettingsError: the files have vectors of different widths, or `k` is below 1.
        UnknownIdError: an id is not among the items.
        UnwritableError: the answer cannot be written.
    """
    items = VectorTable.joined([batch.of_kind(ITEM) for batch in vector_batches(vectors)])
    if not len(items):
        raise FormatError(
            "it holds no vectors of items", where=Path(vectors).name, fix="Use embed with --items."
        )
    answer = Answer(n_vectors=len(items))
    found = _answers(_asking(items, vectors, queries, ids), items, k, similarity, device)
    if out is None:
        for n_queries, rows in found:
            answer.n_queries, answer.n_rows = (
                answer.n_queries + n_queries,
                answer.n_rows + len(rows),
            )
            answer.rows.append(rows)
        return answer
    with rows_written(out) as write:
        for n_queries, rows in found:
            answer.n_queries, answer.n_rows = (
                answer.n_queries + n_queries,
                answer.n_rows + len(rows),
            )
            write(rows)
    return answer


Asking = Iterator[tuple[VectorTable, np.ndarray | None]]


def _asking(
    items: VectorTable, vectors: str | Path, queries: str | Path | None, ids: list[str] | None
) -> Asking:
    """Yield those who ask, with the item that each of them is."""
    if ids:
        rows = items.rows_of(ids)
        yield items.take(rows), rows
    elif queries is not None:
        for batch in vector_batches(queries):
            yield batch, None
    else:
        is_asked = False
        for batch in vector_batches(vectors):
            others = batch.take(np.flatnonzero(np.array(batch.kinds) != ITEM))
            if len(others):
                is_asked = True
                yield others, None
        if not is_asked:
            for start in range(0, len(items), BATCH_ROWS):
                rows = np.arange(start, min(start + BATCH_ROWS, len(items)))
                yield items.take(rows), rows


def _answers(
    asking: Asking, items: VectorTable, k: int, similarity: Similarity, device: str
) -> Iterator[tuple[int, pa.Table]]:
    ids, titles = pa.array(items.ids, pa.string()), pa.array(items.titles, pa.string())
    for queries, itself in asking:
        found, similar = nearest(
            queries.vectors,
            items.vectors,
            k,
            similarity=similarity,
            leave_out=itself,
            device=device,
        )
        is_found = similar > -np.inf
        query, rank = np.nonzero(is_found)
        rows, of_query = pa.array(found[is_found]), pa.array(query)
        yield (
            len(queries),
            pa.table(
                {
                    "query_kind": pa.array(queries.kinds, pa.string()).take(of_query),
                    "query": pa.array(queries.ids, pa.string()).take(of_query),
                    "rank": pa.array(rank + 1, pa.int64()),
                    "id": ids.take(rows),
                    "title": titles.take(rows),
                    "similarity": pa.array(similar[is_found], pa.float32()),
                }
            ),
        )
