"""The nearest items of a file of vectors to whoever asks, as rows of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from bert4rec.bulk.row_files import BATCH_ROWS
from bert4rec.bulk.row_writers import rows_written
from bert4rec.bulk.vector_table import VectorTable, vector_batches
from bert4rec.bulk.vectors import ITEM
from bert4rec.errors import FormatError
from bert4rec.vector_search import Similarity, nearest


@dataclass
class Answer:
    """What came of asking for the nearest vectors of a file."""

    n_queries: int = 0
    n_vectors: int = 0
    n_rows: int = 0
    similarity: Similarity = "dot"
    rows: list[pa.Table] = field(default_factory=list)


def nearest_in_file(
    vectors: str | Path,
    out: str | Path | None = None,
    k: int = 10,
    *,
    queries: str | Path | None = None,
    ids: list[str] | None = None,
    similarity: Similarity | None = None,
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
        similarity: `dot` or `cosine`; None takes the dot product, which is a score, for users and
            sequences, and cosine where items of `vectors` ask: by dot product the longest vectors
            would be near to all.
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
    with nullcontext(answer.rows.append) if out is None else rows_written(out) as write:
        for n_queries, rows, answer.similarity in found:
            answer.n_queries += n_queries
            answer.n_rows += len(rows)
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
    asking: Asking, items: VectorTable, k: int, asked: Similarity | None, device: str
) -> Iterator[tuple[int, pa.Table, Similarity]]:
    ids, titles = pa.array(items.ids, pa.string()), pa.array(items.titles, pa.string())
    for queries, itself in asking:
        similarity: Similarity = asked or ("dot" if itself is None else "cosine")
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
            similarity,
        )
