"""CSV and Parquet files of rows, read and written a batch at a time, however large they are."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.data.packing import DAMAGED
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import (
    expanded,
    file_to_write,
    is_file,
    remove_abandoned,
    swapped_in,
    writing_explained,
)
from bert4rec.id_columns import as_ids
from bert4rec.spreadsheets import csv_text

# Rows that are held at once.
BATCH_ROWS = 65_536
# Where Parquet files keep the types that Arrow had.
ARROW_SCHEMA = b"ARROW:schema"
# What may part the cells of a row of text, the likeliest first.
SEPARATORS = (",", ";", "\t")
# So many tables may be made of the rows of one, to spare looking for equal texts.
MOST_CUTS = 4
CSV, PARQUET = ".csv", ".parquet"
# What pandas says of rows that are none, counting from 1 or, the header being the first, from 0.
TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
NEVER_CLOSED = re.compile(r"EOF inside string starting at row (\d+)")
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


class RowFile:
    """A file of rows with named columns; each pass over its batches reads it again.

    Args:
        path: A Parquet file by its ending, else a CSV file in UTF-8, whose cells are text, parted
            by commas, semicolons or tabs: by what cuts the first line into most.
        what: What its rows are, for the words of an error.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it cannot be read, names no columns or one of them twice.
    """

    def __init__(self, path: Path, what: str = "rows") -> None:
        path = expanded(path)
        if not is_file(path):
            raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
        self.path, self.what = path, what
        self.is_parquet = _is_parquet(path.name)
        # As a spreadsheet counts: the header of a CSV is its first row, Parquet has none.
        self.first_row = 1 if self.is_parquet else 2
        self._separator = SEPARATORS[0]
        with self._reading_explained():
            self.columns = self._names()
        if not any(name.strip() for name in self.columns):
            raise FormatError(
                "its first line names no columns",
                where=path.name,
                fix="Let the names of the columns be the first line, with no blank line before.",
            )
        twice = [name for name in self.columns if self.columns.count(name) > 1]
        if twice:
            raise FormatError(
                f"the column {twice[0]!r} is there more than once",
                where=path.name,
                fix="Give each column a name of its own.",
            )

    def batches(self, n_rows: int = BATCH_ROWS, coded: Sequence[str] = ()) -> Iterator[pa.Table]:
        """Yield the rows in their order, at most `n_rows` at a time, one empty table for none.

        Args:
            n_rows: Rows of a table.
            coded: Columns whose values come again and again: texts of a Parquet file are left
                as places in a dictionary, as they lie there.

        Raises:
            FormatError: a row cannot be read.
        """
        with self._reading_explained():
            yield from self._parquet(n_rows, coded) if self.is_parquet else self._csv(n_rows)

    @contextmanager
    def _reading_explained(self) -> Iterator[None]:
        try:
            yield
        except FormatError:
            raise
        except (ValueError, *DAMAGED, pa.ArrowException) as error:
            reason, fix = _explained(error)
            raise FormatError(
                f"the {self.what} cannot be read: {reason}", where=self.path.name, fix=fix
            ) from error

    def _names(self) -> list[str]:
        if self.is_parquet:
            return [str(name) for name in pq.read_schema(self.path).names]
        found = {separator: self._first_cells(separator) for separator in SEPARATORS}
        self._separator = max(SEPARATORS, key=lambda separator: len(found[separator]))
        return found[self._separator]

    def _first_cells(self, separator: str) -> list[str]:
        try:
            with self._chunks(1, separator) as chunks:
                return [str(name) for name in next(iter(chunks)).iloc[0]]
        except pd.errors.EmptyDataError:
            return []

    def _parquet(self, n_rows: int, coded: Sequence[str]) -> Iterator[pa.Table]:
        about = pq.read_metadata(self.path)
        # A dictionary is that of a group of rows, and no table goes on from one to the next.
        is_worth_it = about.num_row_groups * n_rows <= MOST_CUTS * max(about.num_rows, n_rows)
        texts = _texts(about.schema.to_arrow_schema(), coded) if is_worth_it else []
        with pq.ParquetFile(self.path, read_dictionary=texts) as file:
            # What pandas says there of its columns would no longer hold of ours.
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table().replace_schema_metadata()
            for batch in file.iter_batches(n_rows):
                # A damaged page may hold places that no dictionary has.
                batch.validate(full=True)
                yield pa.Table.from_batches([batch]).replace_schema_metadata()

    def _csv(self, n_rows: int) -> Iterator[pa.Table]:
        blank: list[pa.Table] = []
        with self._chunks(n_rows, self._separator) as chunks:
            for place, cells in enumerate(chunks):
                # Were the first line read as names, rows with a comma more would shift under them.
                body = cells[1:] if place == 0 else cells
                texts = [pa.array(body[at], pa.string()) for at in body.columns]
                rows = pa.table(texts, names=self.columns)
                n_filled = _n_filled(rows)
                if n_filled or place == 0:
                    # Blank rows are rows, but for those at the end of the file.
                    yield from blank
                    yield rows.slice(0, n_filled)
                    blank = []
                if n_filled < len(rows):
                    blank.append(rows.slice(n_filled))

    def _chunks(self, n_rows: int, separator: str) -> Any:
        return pd.read_csv(
            self.path,
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            chunksize=n_rows,
        )


def _explained(error: Exception) -> tuple[str, str | None]:
    """Return why a file cannot be read, in a line, and what to do about it, if that is clear."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if isinstance(error, UnicodeDecodeError):
        fix = f"Save it as CSV in UTF-8; the name of a Parquet file ends in {PARQUET}."
        return "it is not in UTF-8", fix
    if found := TOO_LONG.search(reason):
        expected, row, seen = found.groups()
        reason = f"row {row} has {seen} cells, and there are {expected} columns"
        return (
            reason,
            "Give each row as many; quotes go around a cell that holds what parts the cells.",
        )
    if found := NEVER_CLOSED.search(reason):
        reason = f"a quote that opens in row {int(found[1]) + 1} is never closed"
        return reason, "Close it, or write it twice where it is part of the text."
    return reason, None


def _n_filled(rows: pa.Table) -> int:
    """Return how many rows there are up to the last one in which something stands."""
    n = len(rows)
    while n and not any(column[n - 1].as_py() for column in rows.columns):
        n -= 1
    return n


def _texts(schema: pa.Schema, names: Sequence[str]) -> list[str]:
    """Return those of the named columns that hold text."""
    kinds = {name: schema.field(name).type for name in names if name in schema.names}
    is_text = (pa.types.is_string, pa.types.is_large_string)
    return [name for name, kind in kinds.items() if any(is_it(kind) for is_it in is_text)]


def row_file_to_write(path: str | Path) -> Path:
    """Return the file of rows that is written where `path` is named.

    Raises:
        FormatError: by the ending of that name it is neither CSV nor Parquet.
        UnwritableError: what is there is no file.
    """
    name = Path(path).name
    if not (_is_parquet(name) or name.casefold().endswith(CSV)):
        raise FormatError(
            f"{name!r} ends neither in {CSV} nor in {PARQUET}", fix="Write one of these two."
        )
    return file_to_write(path)


def _is_parquet(name: str) -> bool:
    return name.casefold().endswith(PARQUET)


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
        is_parquet = _is_parquet(Path(path).name)
        with _parquet_written(temporary, texts) if is_parquet else _csv_written(temporary) as write:
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
