"""CSV and Parquet files of rows, read a batch at a time, however large they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bert4rec.data.packing import DAMAGED
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import expanded, is_file

# Rows that are held at once.
BATCH_ROWS = 65_536
# What may part the cells of a row of text, the likeliest first.
SEPARATORS = (",", ";", "\t")
# So many tables may be made of the rows of one, to spare looking for equal texts.
MOST_CUTS = 4
PARQUET = ".parquet"
# What pandas says of rows that are none, counting from 1 or, the header being the first, from 0.
TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
NEVER_CLOSED = re.compile(r"EOF inside string starting at row (\d+)")


class RowFile:
    """A file of rows with named columns; each pass over its batches reads it again.

    Args:
        path: A Parquet file by its ending, else a CSV file in UTF-8, whose cells are text, parted
            by commas, semicolons or tabs: by what cuts the first line into most. Blanks around the
            names of its columns do not count.
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
        self.is_parquet = is_parquet(path.name)
        # As a spreadsheet counts: the header of a CSV is its first row, Parquet has none.
        self.first_row = 1 if self.is_parquet else 2
        self._separator = SEPARATORS[0]
        with self._reading_explained():
            self.columns = self._names()
        if not any(self.columns):
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
                return [str(name).strip() for name in next(iter(chunks)).iloc[0]]
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


def is_parquet(name: str) -> bool:
    """Whether a file of rows is Parquet, by the ending of its name."""
    return name.casefold().endswith(PARQUET)
