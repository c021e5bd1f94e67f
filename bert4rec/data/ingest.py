"""From a source to staged rows, with the reason of every row left out."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import duckdb
import pandas as pd

from bert4rec.data.column_types import id_texts, is_time_type
from bert4rec.data.connection import Connection, Scan
from bert4rec.data.date_order import OtherOrder
from bert4rec.data.frames import text_checked
from bert4rec.data.packing import hash_files
from bert4rec.data.partitions import parquet_partitions, partitions_of
from bert4rec.data.rejects import (
    Reject,
    count_uncut,
    fill_raw,
    first_rejects,
    has_open_quote,
    has_reject_table,
)
from bert4rec.data.roles import Roles
from bert4rec.data.source import Source, scan_source
from bert4rec.data.staged_columns import staged_columns
from bert4rec.data.staged_rows import Refused, RowStager, StagedRows
from bert4rec.data.times import OF_A_TIME_TYPE, TimeReading, are_plain_numbers, read_times
from bert4rec.errors import Bert4RecError, LogError
from bert4rec.stages import Watch, rising, tell_nobody

# Paths in the messages of the reader.
FOLDERS = re.compile(r"\"?/[^\":]*/([^\"/:]+)\"?")


@dataclass(frozen=True, eq=False)
class Ingested:
    """What was found.

    Args:
        rows: The rows that are usable.
        reject_reasons: How many are not, for each reason.
        rejects: The first of these.
        time_reason: What the times were taken for.
        other_order: Where dates are in another order than the one chosen.
    """

    rows: StagedRows
    reject_reasons: Counter[str]
    rejects: tuple[Reject, ...]
    time_reason: str
    other_order: OtherOrder | None = None

    @property
    def n_rejected(self) -> int:
        """Rows that are of no use."""
        return self.reject_reasons.total()

    @property
    def n_rows_read(self) -> int:
        """All rows."""
        return self.rows.n_rows + self.n_rejected


def ingest(
    connection: Connection, source: Source, roles: Roles, *, watch: Watch = tell_nobody
) -> Ingested:
    """Stage the rows of a source as `stage` does, and check that they are of use as a log.

    Raises:
        LogError: the source cannot be used as it is.
    """
    found = connection.told(partial(stage, connection, source, roles), rising(watch), "reading")
    _check(found, source)
    return found


def stage(connection: Connection, source: Source, roles: Roles) -> Ingested:
    """Stage the rows of a source in reading order, beside what the connection spills.

    They stream from the reader to disk where nothing has to be known of all of them before. Dates
    and stray quotes need a table of the whole first.

    Raises:
        LogError: the source or its times cannot be read.
    """
    with plain_errors(source):
        scan = _scan(connection, source, roles)
        types = connection.types(scan)
        found = None
        if roles.time is None or _streams(source, roles.time, types[roles.time]):
            found = _streamed(connection, source, roles, scan, types)
        if found is None:
            found = _through_a_table(connection, source, roles, scan)
    return found


def _streams(source: Source, name: str, sql_type: str) -> bool:
    """Whether times need no look at all of them before they are read."""
    if is_time_type(sql_type):
        return True
    place = source.layout.columns.index(name)
    return are_plain_numbers([row[place] for row in source.layout.rows])


def _streamed(
    connection: Connection, source: Source, roles: Roles, scan: Scan, types: dict[str, str]
) -> Ingested | None:
    """Stage what comes from the reader; None if it cannot be told that way after all."""
    folder = connection.spill_folder / "streamed"
    has_type = roles.time is not None and is_time_type(types[roles.time])
    reading = OF_A_TIME_TYPE if has_type else None
    stager = RowStager(folder, reading)
    rows = stager.take(connection.stream(staged_columns(scan, roles, types)))
    if reading is None and roles.time is not None:
        reading = stager.times.reading()
    is_told = reading is not None or roles.time is None
    if not is_told or has_open_quote(connection, source):
        shutil.rmtree(folder)
        if has_reject_table(source):
            connection.run("DELETE FROM reject_errors")
        return None
    return _found(connection, source, rows, stager.refused, reading)


def _through_a_table(connection: Connection, source: Source, roles: Roles, scan: Scan) -> Ingested:
    """Stage what comes from a table `raw` of all rows, which spills to disk."""

    def staged(columns: Scan) -> Scan:
        return staged_columns(columns, roles, connection.types(columns))

    source = fill_raw(connection, source, scan, staged)
    reading = None
    if roles.time is not None:
        reading = read_times(connection, roles.time, source.name, roles.dates)
    told = "" if reading is None else f"REPLACE ({reading.sql} AS n)"
    stager = RowStager(connection.spill_folder / "staged", reading)
    rows = stager.take(connection.stream(Scan(f"SELECT * {told} FROM raw")))
    connection.run("DROP TABLE raw")
    return _found(connection, source, rows, stager.refused, reading)


def _found(
    connection: Connection,
    source: Source,
    rows: StagedRows,
    refused: Refused,
    reading: TimeReading | None,
) -> Ingested:
    if reading is not None:
        rows = replace(rows, time_divisor=reading.divisor)
    reasons = refused.reasons + count_uncut(connection, source)
    rejects = first_rejects(connection, source, refused.first)
    if reading is None:
        return Ingested(rows, reasons, rejects, "")
    return Ingested(rows, reasons, rejects, reading.reason, reading.other_order)


@contextmanager
def plain_errors(source: Source) -> Iterator[None]:
    """Turn what DuckDB says of a source into an error that names no folder.

    Raises:
        LogError: in place of DuckDB's error.
    """
    try:
        yield
    except Bert4RecError:
        raise
    except duckdb.OutOfMemoryException as error:
        raise LogError(
            "the log does not fit the memory and the disk space left to DuckDB",
            where=source.name,
            fix="Free disk space in the workspace, or keep only the columns that are needed.",
        ) from error
    except (duckdb.Error, OSError) as error:
        # Where the file lies is nothing that a visitor should read.
        reason = FOLDERS.sub(r"\1", str(error).strip().splitlines()[0])
        raise LogError(
            f"the log cannot be read: {reason}",
            where=source.name,
            fix="Check that the file is whole and of the form shown, or name the form.",
        ) from error


def _scan(connection: Connection, source: Source, roles: Roles) -> Scan:
    if source.frame is None:
        return scan_source(source, connection.spill_folder)
    frame = source.frame[list(roles.named().values())]
    # DuckDB guesses the type of object columns from a sample; as text they need no guess.
    objects = [name for name in frame.columns if frame[name].dtype == object]
    frame = frame.assign(**{name: id_texts(frame[name]) for name in objects})
    connection.duckdb.register("frame", frame)
    return Scan("SELECT * FROM frame")


def _check(found: Ingested, source: Source) -> None:
    if found.n_rejected >= found.n_rows_read / 2 and found.n_rejected:
        shown = "; ".join(f"line {r.line}: {r.reason}: {r.text[:60]!r}" for r in found.rejects[:3])
        raise LogError(
            f"{found.n_rejected:,} of {found.n_rows_read:,} lines cannot be read ({shown})",
            where=source.name,
            fix="Check the delimiter and the columns chosen for user, item and time.",
            rejects=[vars(reject) for reject in found.rejects],
        )
    if not found.rows.n_rows:
        raise LogError(
            "the log has a header but no interactions",
            where=source.name,
            fix="Choose a file with interactions.",
        )
    for noun, name in (("user", "u"), ("item", "i")):
        if found.rows.has_one(name):
            raise LogError(
                f"the log has one {noun} only",
                where=source.name,
                fix=f"A model needs many; check that the right column is chosen for the {noun}.",
            )


def hash_source(source: Source, roles: Roles) -> str:
    """Return the hash of a source's content: of the files, or of the frame's chosen columns.

    Raises:
        LogError: a packed file is damaged or a trap, or a text of the frame is none.
    """
    if source.frame is None:
        return _hash_with_partitions(source)
    total = hashlib.sha256()
    for name in roles.named().values():
        column = source.frame[name]
        total.update(name.encode())
        with text_checked(source, [name]):
            if column.dtype == object:
                column = column.astype("string")
            total.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return total.hexdigest()


def _hash_with_partitions(source: Source) -> str:
    """Return the hash of the files, and of what their folders say where that becomes columns."""
    content = hash_files(source.files)
    if source.layout.form == "parquet":
        folders = [parquet_partitions(file) for file in source.files]
    else:
        own = source.layout.own_columns
        folders = [partitions_of(file, own) for file in source.files if source.layout.partitions]
    if not any(folders):
        return content
    return hashlib.sha256(json.dumps([content, folders]).encode()).hexdigest()
