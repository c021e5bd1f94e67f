"""Files of named vectors, read whole or a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.bulk.row_files import BATCH_ROWS, RowFile
from bert4rec.bulk.vectors import ITEM
from bert4rec.errors import FormatError, UnknownIdError
from bert4rec.id_columns import as_ids


@dataclass(frozen=True, eq=False)
class VectorTable:
    """Named vectors, as `write_vectors` writes them.

    Args:
        kinds: item, user, sequence or whatever the file says, (n,).
        ids: Raw ids, (n,).
        titles: Titles, None where there is none, (n,).
        vectors: float32 (n, D).
    """

    kinds: list[str]
    ids: list[str]
    titles: list[str | None]
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> VectorTable:
        """Return some rows."""
        return VectorTable(
            [self.kinds[row] for row in rows],
            [self.ids[row] for row in rows],
            [self.titles[row] for row in rows],
            self.vectors[rows],
        )

    def of_kind(self, kind: str) -> VectorTable:
        """Return the rows of a kind."""
        return self.take(np.flatnonzero(np.array(self.kinds) == kind))

    def rows_of(self, ids: list[str]) -> np.ndarray:
        """Return the row of each id, int64.

        Raises:
            UnknownIdError: there is none.
        """
        place = {item_id: row for row, item_id in reversed(list(enumerate(self.ids)))}
        missing = [item_id for item_id in ids if item_id not in place]
        if missing:
            raise UnknownIdError(
                f"there is no vector of {missing[0]!r} among {len(self):,}",
                fix="Give the id of an item of the file.",
            )
        return np.array([place[item_id] for item_id in ids], dtype=np.int64)

    @classmethod
    def joined(cls, parts: list[VectorTable]) -> VectorTable:
        """Return the rows of several tables, one after the other."""
        kinds = [kind for part in parts for kind in part.kinds]
        ids = [item_id for part in parts for item_id in part.ids]
        titles = [title for part in parts for title in part.titles]
        return cls(kinds, ids, titles, np.concatenate([part.vectors for part in parts]))


def vector_batches(path: str | Path) -> Iterator[VectorTable]:
    """Yield the rows of a Parquet file of vectors; those without a vector are left out.

    Args:
        path: A file with `vector` and `id`; `kind` and `title` may be missing.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is no Parquet file of vectors of one width, or holds none.
    """
    rows = RowFile(Path(path), "vectors")
    if not rows.is_parquet or not {"id", "vector"} <= set(rows.columns):
        raise FormatError(
            "it is no Parquet file with the columns id and vector",
            where=rows.path.name,
            fix="Take one that was written by bert4rec embed.",
        )
    width: int | None = None
    is_known = False
    for table in rows.batches(BATCH_ROWS):
        batch = _named_vectors(table, rows.path.name)
        n_numbers = batch.vectors.shape[1]
        if len(batch):
            width = n_numbers if width is None else width
            if n_numbers != width:
                raise FormatError("its vectors differ in width", where=rows.path.name)
        # Lists without a row do not tell how wide they would be, unless their type does.
        if n_numbers and (len(batch) or width is None):
            is_known = True
            yield batch
    if not is_known:
        raise FormatError("it holds no vectors", where=rows.path.name)


def _named_vectors(table: pa.Table, where: str) -> VectorTable:
    table = table.filter(pc.is_valid(table.column("vector")))
    try:
        vectors = _numbers(table.column("vector").combine_chunks())
    except (AttributeError, ValueError, pa.ArrowException) as error:
        raise FormatError("its vectors are not lists of as many numbers", where=where) from error
    if not np.isfinite(vectors).all():
        raise FormatError("its vectors hold what is no number", where=where)

    def texts(name: str) -> list[str | None]:
        if name not in table.column_names:
            return [None] * len(table)
        try:
            return as_ids(table.column(name)).to_pylist()  # type: ignore[no-any-return]
        except FormatError as error:
            raise FormatError(f"column {name}: {error.message}", where=where) from error

    ids = [item_id or "" for item_id in texts("id")]
    kinds = [kind or ITEM for kind in texts("kind")]
    return VectorTable(kinds, ids, texts("title"), vectors)


def _numbers(lists: pa.Array) -> np.ndarray:
    """Return lists of as many numbers, float32 (n, D).

    Raises:
        ValueError: they differ in length.
    """
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    if pa.types.is_fixed_size_list(lists.type):
        width = lists.type.list_size
    else:
        width = int(lengths[0]) if len(lengths) else 0
    if (lengths != width).any():
        raise ValueError("lists of several lengths")
    flat = lists.flatten().cast(pa.float32())
    return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(len(lists), width))
