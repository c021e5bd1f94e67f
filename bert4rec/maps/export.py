"""A map as a table: one row an item, for other tools."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.files import swapped_in, writing_explained
from bert4rec.maps.neighbours import nearest_rows
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.spreadsheets import csv_text, harmless
from bert4rec.vector_search import unit

# Of larger catalogues no neighbours are written: finding all of them takes minutes.
MAX_WITH_NEIGHBOURS = 50_000
N_NEIGHBOURS = 10
AXES = ("x", "y", "z")


def map_table(
    found: EmbeddingMap, vocabulary: Vocabulary, clusters: np.ndarray | None = None
) -> pd.DataFrame:
    """Return the items of a map, one row each: all that is known of them, and their points.

    Args:
        found: The map.
        vocabulary: Names the items.
        clusters: Cluster of each row, -1 for none; left out if there are none.

    Returns:
        `id`, `title`, `count`, every other column of the item table, `x`, `y`, maybe `z` and
        `cluster`, which counts from 1 as on the page, 0 for none. A column of the item table that
        is called like one of these is left out.
    """
    items = vocabulary.table.iloc[found.item_idx - 1].reset_index(drop=True)
    ours = {"id", "title", "count", "cluster", "neighbors", "vector", *AXES}
    columns = {"id": items["item_id"].astype(str), "title": items["title"].astype(str)}
    columns["count"] = items["count"]
    others = [name for name in items if name not in {*ours, "item_id"}]
    columns |= {str(name): items[name] for name in others}
    axes = AXES[: found.points.shape[1]]
    columns |= {axis: pd.Series(found.points[:, at]) for at, axis in enumerate(axes)}
    if clusters is not None:
        columns["cluster"] = pd.Series(clusters + 1)
    return pd.DataFrame(columns)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as CSV in which no text can start a formula."""
    return csv_text(table).encode()


def parquet_bytes(table: pd.DataFrame, vectors: np.ndarray) -> bytes:
    """Return a table as Parquet with `vector` and, up to 50,000 items, `neighbors`.

    Embedding Atlas reads it: `embedding-atlas FILE --x x --y y --neighbors neighbors --text title`.

    Args:
        table: From `map_table`.
        vectors: Of its rows, (n, D).
    """
    whole = pa.Table.from_pandas(table, preserve_index=False)
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    whole = whole.append_column("vector", pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]))
    if 1 < len(table) <= MAX_WITH_NEIGHBOURS:
        directions = unit(vectors)
        rows, cosines = nearest_rows(
            directions, directions, N_NEIGHBOURS, own_rows=np.arange(len(directions))
        )
        pairs = zip(rows.tolist(), np.maximum(1 - cosines, 0).tolist(), strict=True)
        near = [{"ids": ids, "distances": distances} for ids, distances in pairs]
        whole = whole.append_column("neighbors", pa.array(near))
    buffer = io.BytesIO()
    pq.write_table(whole, buffer)
    return buffer.getvalue()


def projector_bytes(table: pd.DataFrame, vectors: np.ndarray) -> bytes:
    """Return a zip file for the TensorFlow Projector: `vectors.tsv` and `metadata.tsv`.

    Args:
        table: From `map_table`.
        vectors: Of its rows, (n, D).
    """
    lines = io.StringIO()
    np.savetxt(lines, vectors, fmt="%.6g", delimiter="\t")
    plain = table.drop(columns=[axis for axis in AXES if axis in table]).astype(object)
    plain = plain.where(plain.notna(), "")
    rows = [list(plain.columns), *plain.itertuples(index=False, name=None)]
    metadata = "\n".join("\t".join(map(_cell, row)) for row in rows) + "\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.tsv", lines.getvalue())
        archive.writestr("metadata.tsv", metadata)
    return buffer.getvalue()


def _cell(value: object) -> str:
    """Return a cell on one line, which no tab ends and no formula starts."""
    return harmless(" ".join(str(value).split()))


FORMS: dict[str, Callable[[pd.DataFrame, np.ndarray], bytes]] = {
    ".csv": lambda table, _: csv_bytes(table),
    ".parquet": parquet_bytes,
    ".zip": projector_bytes,
}


def write_map(path: Path, table: pd.DataFrame, vectors: np.ndarray) -> None:
    """Write a map in the form that the name of the file asks for: see `FORMS`.

    Raises:
        UnwritableError: the file cannot be written.
    """
    data = FORMS[path.suffix](table, vectors)
    with writing_explained(path.parent), swapped_in(path) as temporary:
        temporary.write_bytes(data)
