"""CSV and Parquet files of rows, written a batch at a time; rows in memory set aside on disk."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.bulk.row_files import PARQUET, is_parquet
from bert4rec.errors import FormatError
from bert4rec.files import file_to_write, remove_abandoned, swapped_in, writing_explained
from bert4rec.id_columns import as_ids
from bert4rec.spreadsheets import csv_text

CSV = ".csv"
# Where Parquet files keep the types that Arrow had.
ARROW_SCHEMA = b"ARROW:schema"
IS_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
# What pandas keeps whole numbers in that have gaps.
WHOLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


def row_file_to_write(path: str | Path) -> Path:
    """Return the file of rows that is written where `path` is named.

    Raises:
        FormatError: by the ending of that name it is neither CSV nor Parquet.
        UnwritableError: what is there is no file.
    """
    name = Path(path).name
    if not (is_parquet(name) or name.casefold().endswith(CSV)):
        raise FormatError(
            f"{name!r} ends neither in {CSV} nor in {PARQUET}", fix="Write one of these two."
        )
    return file_to_write(path)


@contextmanager
def rows_written(
    path: str | Path, texts: Sequence[str] = ()
) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that appends rows to a new file, which is there once the block has ended.

    Args:
        path: By its ending Parquet, or CSV in which nothing starts a formula.
        texts: Columns that are read as plain text, also where they come coded.

    Raises:
        FormatError: it has another ending.
        UnwritableError: the file cannot be written.
    """
    file = row_file_to_write(path)
    remove_abandoned(file.parent)
    # A folder that is a file is told as such, like one that may not be written.
    with writing_explained(file.parent), swapped_in(file) as temporary:
        is_table = is_parquet(Path(path).name)
        with _parquet_written(temporary, texts) if is_table else _csv_written(temporary) as write:
            yield write


@contextmanager
def _parquet_written(path: Path, texts: Sequence[str]) -> Iterator[Callable[[pa.Table], None]]:
    writer: pq.ParquetWriter | None = None

    def write(rows: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            others = [name for name in rows.column_names if name not in texts]
            writer = pq.ParquetWriter(
                path,
                rows.schema,
                use_dictionary=_repeating(rows.schema),
                # The least and the greatest of coded texts take longer than writing them.
                write_statistics=others,
                store_schema=False,
            )
            writer.add_key_value_metadata({ARROW_SCHEMA: _as_read(rows.schema, texts)})
        writer.write_table(rows)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _as_read(schema: pa.Schema, texts: Sequence[str]) -> bytes:
    """Return a schema as Arrow keeps it in a Parquet file, with plain texts."""
    for name in set(texts) & set(schema.names):
        place = schema.get_field_index(name)
        schema = schema.set(place, schema.field(place).with_type(pa.string()))
    return base64.b64encode(schema.serialize())


def _repeating(schema: pa.Schema) -> bool | list[str]:
    """Return the columns that a dictionary makes smaller; numbers with fractions rarely repeat."""
    if any(pa.types.is_nested(kind) for kind in schema.types):
        return True
    return [column.name for column in schema if not pa.types.is_floating(column.type)]


@contextmanager
def _csv_written(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(rows: pa.Table) -> None:
            frame = _as_texts(rows).to_pandas(types_mapper=WHOLE.get)
            file.write(csv_text(frame, with_names=not file.tell()))

        yield write


def _as_texts(rows: pa.Table) -> pa.Table:
    """Return moments and bytes as text, before pandas chooses one of its own.

    The form of moments is that of their type, not of the values of a batch; bytes are read as in
    columns of ids.
    """
    for place, column in enumerate(rows.schema):
        if pa.types.is_timestamp(column.type):
            texts = rows.column(place).cast(pa.string())
            rows = rows.set_column(place, column.name, texts)
        elif any(is_it(column.type) for is_it in IS_BYTES):
            rows = rows.set_column(place, column.name, as_ids(rows.column(place)))
    return rows


@contextmanager
def rows_set_aside(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that appends rows to a file as they are in memory, for `rows_from_aside`."""
    writer: pa.RecordBatchStreamWriter | None = None

    def write(rows: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = pa.ipc.new_stream(file, rows.schema)
        writer.write_table(rows)

    with pa.OSFile(str(path), "wb") as file:
        try:
            yield write
        finally:
            if writer is not None:
                writer.close()


def rows_from_aside(path: Path) -> Iterator[pa.Table]:
    """Yield the tables as they were written, one empty one if there were only such."""
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as batches:
        is_empty = True
        for batch in batches:
            is_empty = False
            yield pa.Table.from_batches([batch])
        if is_empty:
            yield batches.schema.empty_table()
