"""Filling the table `interactions` from a source, with the reason of every row left out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from bert4rec.data.heads import open_lines
from bert4rec.data.layout import LINE_FORMS
from bert4rec.data.lines import find_lines
from bert4rec.data.packing import hash_files
from bert4rec.data.roles import Roles
from bert4rec.data.scan import Connection, Scan, quote_name
from bert4rec.data.source import Source, scan_source
from bert4rec.data.staged_columns import looks_numeric, staged_columns
from bert4rec.data.times import read_times
from bert4rec.errors import LogError

N_REJECTS_KEPT = 100
N_CHARACTERS_KEPT = 200

# Paths in the messages of the reader.
FOLDERS = re.compile(r"\"?/[^\":]*/([^\"/:]+)\"?")
# Forms whose rows are no lines of the file.
UNNUMBERED = ("parquet", "json", *LINE_FORMS)


@dataclass(frozen=True)
class Reject:
    """A line that was not read: its number, why, and its text.

    `line` is the number in the file; where several files are read and the line could be cut into
    columns, it counts the rows over all files and `file` is empty.
    """

    line: int
    reason: str
    text: str
    file: str = ""


@dataclass(frozen=True)
class Ingested:
    """What filling the table found."""

    n_rows_read: int
    n_rejected: int
    rejects: tuple[Reject, ...]
    time_reason: str


def ingest(connection: Connection, source: Source, roles: Roles) -> Ingested:
    """Fill `interactions(line, user_id, item_id, time_s, value, event)` in reading order.

    Beside it lies `keyed(line, u, i, time_s, value, event)`, the same with the ids as they were
    staged: numbers where all of them are plain ones, else text. Both are views of one table.

    Raises:
        LogError: the source cannot be used as it is.
    """
    with plain_errors(source):
        source = _stage(connection, source, roles)
        time_sql, time_reason = "n", ""
        if roles.time is not None:
            reading = read_times(connection, roles.time, source.name)
            time_sql, time_reason = reading.sql, reading.reason
        uncut = _uncut_lines(connection, source)
        n_uncut = _n_uncut(connection, source)
        refused, n_refused = _fill(connection, time_sql, roles)
        (n_kept,) = connection.row("SELECT count(*) FROM keyed")
        rejects = _placed(uncut, refused, source)
    found = Ingested(n_kept + n_refused + n_uncut, n_refused + n_uncut, rejects, time_reason)
    _check(connection, found, n_kept, source)
    return found


@contextmanager
def plain_errors(source: Source) -> Iterator[None]:
    """Turn what DuckDB says of a source into an error that names no folder.

    Raises:
        LogError: in place of DuckDB's error.
    """
    try:
        yield
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


def _stage(connection: Connection, source: Source, roles: Roles) -> Source:
    """Fill the table `raw` with the columns of the roles.

    Returns:
        The source with the layout by which it was read in the end.
    """
    scan = _scan(connection, source, roles)
    numeric = {role for role in ("user", "item") if looks_numeric(source, roles.named()[role])}
    select = staged_columns(connection, scan, roles, numeric)
    connection.run(f"CREATE TABLE raw AS {select}", scan.parameters)
    if source.layout.quote and _has_open_quote(connection, source):
        return _stage_without_quotes(connection, source, roles)
    if numeric and connection.row("SELECT coalesce(bool_or(is_stray), false) FROM raw")[0]:
        # An id that is no plain number, such as 007, must stay as it is: all are read as text.
        if _has_reject_table(source):
            connection.run("DELETE FROM reject_errors")
        select = staged_columns(connection, scan, roles, set())
        connection.run(f"CREATE OR REPLACE TABLE raw AS {select}", scan.parameters)
    return source


def _has_open_quote(connection: Connection, source: Source) -> bool:
    if not _has_reject_table(source):
        return False
    sql = "SELECT count(*) > 0 FROM reject_errors WHERE error_type = 'UNQUOTED VALUE'"
    return bool(connection.row(sql)[0])


def _stage_without_quotes(connection: Connection, source: Source, roles: Roles) -> Source:
    """Read again with quotes as letters, and keep the reading that has more rows.

    A quote that is never closed swallows all lines after it, and they would go uncounted. Quotes
    around a whole field are taken off; a quoted delimiter costs its line, which is counted.

    Returns:
        The source with the layout of that reading.
    """
    (first_scan,) = connection.row("SELECT max(scan_id) FROM reject_errors")
    plain = replace(source, layout=replace(source.layout, quote=""))
    scan = scan_source(plain, connection.spill_folder / "plain")
    unquoted = ", ".join(
        f"{_unquoted(quote_name(name))} AS {quote_name(name)}" for name in roles.named().values()
    )
    scan = Scan(f"SELECT {unquoted} FROM ({scan.sql})", scan.parameters)
    select = staged_columns(connection, scan, roles, set())
    connection.run(f"CREATE TABLE plain AS {select}", scan.parameters)
    (is_better,) = connection.row(
        "SELECT (SELECT count(*) FROM plain) > (SELECT count(*) FROM raw)"
    )
    connection.run(f"DROP TABLE {'raw' if is_better else 'plain'}")
    if is_better:
        connection.run("ALTER TABLE plain RENAME TO raw")
    stale = "<=" if is_better else ">"
    connection.run(f"DELETE FROM reject_errors WHERE scan_id {stale} $scan", {"scan": first_scan})
    return plain if is_better else source


def _unquoted(column: str) -> str:
    inner = f"replace(substr({column}, 2, length({column}) - 2), '\"\"', '\"')"
    is_quoted = (
        f"length({column}) > 1 AND starts_with({column}, '\"') AND ends_with({column}, '\"')"
    )
    return f"CASE WHEN {is_quoted} THEN {inner} ELSE {column} END"


def _scan(connection: Connection, source: Source, roles: Roles) -> Scan:
    if source.frame is None:
        return scan_source(source, connection.spill_folder)
    frame = source.frame[list(roles.named().values())]
    # DuckDB guesses the type of object columns from a sample; as text they need no guess.
    objects = [name for name in frame.columns if frame[name].dtype == object]
    frame = frame.astype(dict.fromkeys(objects, "string"))
    connection.duckdb.register("frame", frame)
    return Scan("SELECT * FROM frame")


def _has_reject_table(source: Source) -> bool:
    return source.frame is None and source.layout.form not in ("parquet", "json")


def _n_uncut(connection: Connection, source: Source) -> int:
    if not _has_reject_table(source):
        return 0
    # A reject can hold several lines where a quote was not closed.
    (n,) = connection.row(
        "SELECT coalesce(sum(n), 0) FROM (SELECT max(len(string_split(rtrim(ltrim(csv_line,"
        " chr(13) || chr(10)), chr(13) || chr(10)), chr(10)))) AS n FROM reject_errors"
        " GROUP BY file_id, line)"
    )
    return int(n)


def _uncut_lines(connection: Connection, source: Source) -> list[Reject]:
    if not _has_reject_table(source):
        return []
    found = connection.rows(
        "SELECT line, lower(any_value(error_type)), any_value(left(csv_line, $n)), file_id"
        " FROM reject_errors GROUP BY file_id, line ORDER BY file_id, line LIMIT $limit",
        {"n": N_CHARACTERS_KEPT, "limit": N_REJECTS_KEPT},
    )
    names = [file.name for file in source.files]
    return [
        Reject(int(line), str(reason), str(text or "").strip(), names[int(file)])
        for line, reason, text, file in found
    ]


def _fill(connection: Connection, time_sql: str, roles: Roles) -> tuple[list[Reject], int]:
    """Make the views of what is usable, and return the first rows that are not, and their number.

    Times that are numbers are taken where they are; texts are read once and for all.
    """
    if time_sql != "n":
        connection.run(
            f"CREATE OR REPLACE TABLE raw AS SELECT * REPLACE ({time_sql} AS n) FROM raw"
        )
    no_time = "WHEN n IS NULL THEN 'no readable time'" if roles.time else ""
    reason = (
        "CASE WHEN bad IS NOT NULL THEN 'not a JSON object' WHEN u IS NULL THEN 'no user id'"
        f" WHEN i IS NULL THEN 'no item id' {no_time} END"
    )
    value = "NULL::DOUBLE" if roles.value is None else "v"
    event = "NULL::VARCHAR" if roles.event is None else "e"
    connection.run(
        f"CREATE VIEW keyed AS SELECT rowid + 1 AS line, u, i, n AS time_s, {value} AS value,"
        f" {event} AS event FROM raw WHERE {reason} IS NULL"
    )
    connection.run(
        "CREATE VIEW interactions AS SELECT line, u::VARCHAR AS user_id, i::VARCHAR AS item_id,"
        " time_s, value, event FROM keyed"
    )
    (n_refused,) = connection.row(f"SELECT count({reason}) FROM raw")
    shown = "coalesce(bad, concat_ws(', ', u, i, coalesce(t, n::VARCHAR)))"
    found = connection.rows(
        f"SELECT rowid + 1, {reason} AS reason, left({shown}, $n) FROM raw"
        " WHERE reason IS NOT NULL ORDER BY 1 LIMIT $limit",
        {"n": N_CHARACTERS_KEPT, "limit": N_REJECTS_KEPT},
    )
    return [Reject(*row) for row in found], int(n_refused)


def _placed(uncut: list[Reject], refused: list[Reject], source: Source) -> tuple[Reject, ...]:
    """Return the first rejects with their lines, which DuckDB and the table count otherwise."""
    is_counted = len(source.files) == 1 and source.layout.form not in UNNUMBERED
    if is_counted and (uncut or refused):
        file, layout = source.files[0], source.layout
        with open_lines(file, source.packing, source.encoding) as lines:
            found = find_lines(lines, layout, [r.line for r in uncut], [r.line for r in refused])
        uncut = [replace(r, line=line) for r, line in zip(uncut, found.of_entries, strict=True)]
        refused = [
            replace(r, line=line, file=file.name)
            for r, line in zip(refused, found.of_rows, strict=True)
        ]
    return tuple(sorted([*uncut, *refused], key=lambda reject: reject.line)[:N_REJECTS_KEPT])


def _check(connection: Connection, found: Ingested, n_kept: int, source: Source) -> None:
    if found.n_rejected >= found.n_rows_read / 2 and found.n_rejected:
        shown = "; ".join(f"line {r.line}: {r.reason}: {r.text[:60]!r}" for r in found.rejects[:3])
        raise LogError(
            f"{found.n_rejected:,} of {found.n_rows_read:,} lines cannot be read ({shown})",
            where=source.name,
            fix="Check the delimiter and the columns chosen for user, item and time.",
            rejects=[vars(reject) for reject in found.rejects],
        )
    if not n_kept:
        raise LogError(
            "the log has a header but no interactions",
            where=source.name,
            fix="Choose a file with interactions.",
        )
    sides = connection.row("SELECT min(u) = max(u), min(i) = max(i) FROM keyed")
    for noun, is_single in zip(("user", "item"), sides, strict=True):
        if is_single:
            raise LogError(
                f"the log has one {noun} only",
                where=source.name,
                fix=f"A model needs many; check that the right column is chosen for the {noun}.",
            )


def hash_source(source: Source, roles: Roles) -> str:
    """Return the hash of a source's content: of the files, or of the frame's chosen columns."""
    if source.frame is None:
        return hash_files(source.files)
    total = hashlib.sha256()
    for name in roles.named().values():
        column = source.frame[name]
        if column.dtype == object:
            column = column.astype("string")
        total.update(name.encode())
        total.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return total.hexdigest()
