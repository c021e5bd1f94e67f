"""Filling the table `interactions` from a source, with the reason of every row left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from bert4rec.data.heads import hash_files, open_lines
from bert4rec.data.lines import find_lines
from bert4rec.data.roles import Roles
from bert4rec.data.scan import Connection, Scan, quote_name, scan_files
from bert4rec.data.source import Source
from bert4rec.data.times import read_times
from bert4rec.errors import LogError

N_REJECTS_KEPT = 100
N_CHARACTERS_KEPT = 200

# The column of each role in the table `raw`.
RAW_NAMES = {"user": "u", "item": "i", "time": "t", "value": "v"}

# Alone, `trim` takes off spaces only.
TRIMMED = "trim(line, ' ' || chr(9) || chr(13))"
# DuckDB takes NaN for greater than any number.
FINITE_VALUE = "CASE WHEN isfinite(TRY_CAST(v AS DOUBLE)) THEN TRY_CAST(v AS DOUBLE) END"


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
    """Fill `interactions(line, user_id, item_id, time_s, value)` in reading order.

    Raises:
        LogError: the source cannot be used as it is.
    """
    with _plain_errors(source):
        time_dtype, source = _stage(connection, source, roles)
        time_sql, time_reason = "NULL", ""
        if roles.time is not None:
            reading = read_times(connection, time_dtype, roles.time, source.name)
            time_sql, time_reason = reading.sql, reading.reason
        uncut = _uncut_lines(connection, source)
        n_uncut = _n_uncut(connection, source)
        refused, n_refused = _fill(connection, time_sql, roles)
        (n_kept,) = connection.row("SELECT count(*) FROM interactions")
        rejects = _placed(uncut, refused, source)
    found = Ingested(n_kept + n_refused + n_uncut, n_refused + n_uncut, rejects, time_reason)
    _check(connection, found, n_kept, source)
    return found


@contextmanager
def _plain_errors(source: Source) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LogError(
            "the log does not fit the memory and the disk space left to DuckDB",
            where=source.name,
            fix="Free disk space in the workspace, or keep only the columns that are needed.",
        ) from error
    except (duckdb.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise LogError(
            f"the log cannot be read: {reason}",
            where=source.name,
            fix="Check that the file is whole and of the form shown, or name the form.",
        ) from error


def _stage(connection: Connection, source: Source, roles: Roles) -> tuple[str, Source]:
    """Fill the table `raw` with the columns of the roles.

    Returns:
        The type of its times, and the source with the layout by which it was read in the end.
    """
    form = source.layout.form
    if form == "jsonl":
        return _stage_json(connection, source, roles), source
    if form == "sequences":
        return _stage_sequences(connection, source), source
    scan = _scan(connection, source, roles)
    types = {str(row[0]): str(row[1]) for row in connection.rows(*_describe(scan))}
    columns = {
        role: _typed(role, quote_name(name), types[name]) for role, name in roles.named().items()
    }
    connection.run(f"CREATE TABLE raw AS {_select(columns)} FROM ({scan.sql})", scan.parameters)
    if source.layout.quote and _has_open_quote(connection, source):
        source = _stage_without_quotes(connection, source, roles)
    time_type = types[roles.time] if roles.time else ""
    return "timestamp" if time_type.startswith(("TIMESTAMP", "DATE")) else "text", source


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
    layout = replace(source.layout, quote="")
    scan = scan_files(source.files, layout, source.compression, source.encoding)
    columns = {role: _unquoted(quote_name(name)) for role, name in roles.named().items()}
    connection.run(f"CREATE TABLE plain AS {_select(columns)} FROM ({scan.sql})", scan.parameters)
    (is_better,) = connection.row(
        "SELECT (SELECT count(*) FROM plain) > (SELECT count(*) FROM raw)"
    )
    connection.run(f"DROP TABLE {'raw' if is_better else 'plain'}")
    if is_better:
        connection.run("ALTER TABLE plain RENAME TO raw")
    stale = "<=" if is_better else ">"
    connection.run(f"DELETE FROM reject_errors WHERE scan_id {stale} $scan", {"scan": first_scan})
    return replace(source, layout=layout) if is_better else source


def _unquoted(column: str) -> str:
    inner = f"replace(substr({column}, 2, length({column}) - 2), '\"\"', '\"')"
    is_quoted = (
        f"length({column}) > 1 AND starts_with({column}, '\"') AND ends_with({column}, '\"')"
    )
    return f"CASE WHEN {is_quoted} THEN {inner} ELSE {column} END"


def _describe(scan: Scan) -> tuple[str, dict[str, object]]:
    return f"DESCRIBE {scan.sql}", scan.parameters


def _scan(connection: Connection, source: Source, roles: Roles) -> Scan:
    if source.frame is None:
        return scan_files(source.files, source.layout, source.compression, source.encoding)
    frame = source.frame[list(roles.named().values())]
    # DuckDB guesses the type of object columns from a sample; as text they need no guess.
    objects = [name for name in frame.columns if frame[name].dtype == object]
    frame = frame.astype(dict.fromkeys(objects, "string"))
    connection.duckdb.register("frame", frame)
    return Scan("SELECT * FROM frame")


def _select(columns: dict[str, str], bad: str = "NULL::VARCHAR") -> str:
    parts = [f"{columns.get(role, 'NULL')} AS {raw}" for role, raw in RAW_NAMES.items()]
    return f"SELECT {', '.join(parts)}, {bad} AS bad"


def _typed(role: str, column: str, sql_type: str) -> str:
    if role == "time" and sql_type.startswith(("TIMESTAMP", "DATE")):
        return f"epoch({column}::TIMESTAMPTZ)"
    if role in ("user", "item") and sql_type in ("DOUBLE", "FLOAT"):
        # Ids became floats where pandas had a gap in the column: 7.0 is the id 7.
        is_whole = f"isfinite({column}) AND {column} = trunc({column}) AND abs({column}) < 1e15"
        text = f"CASE WHEN {is_whole} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"
        return f"CASE WHEN isnan({column}) THEN NULL ELSE {text} END"
    return f"{column}::VARCHAR"


def _stage_json(connection: Connection, source: Source, roles: Roles) -> str:
    scan = scan_files(source.files, source.layout, source.compression, source.encoding)
    is_object = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END"
    columns, parameters = {}, dict(scan.parameters)
    for role, name in roles.named().items():
        # A JSON pointer takes any key; only these two signs are special in it.
        parameters[f"key_{role}"] = "/" + name.replace("~", "~0").replace("/", "~1")
        columns[role] = f"CASE WHEN is_object THEN json_extract_string(line, $key_{role}) END"
    lines = f"SELECT line, {is_object} AS is_object FROM ({scan.sql}) WHERE {TRIMMED} != ''"
    select = _select(columns, "CASE WHEN NOT is_object THEN line END")
    connection.run(f"CREATE TABLE raw AS {select} FROM ({lines})", parameters)
    return "text"


def _stage_sequences(connection: Connection, source: Source) -> str:
    scan = scan_files(source.files, source.layout, source.compression, source.encoding)
    tokens = f"SELECT regexp_split_to_array({TRIMMED}, '\\s+') AS tokens FROM ({scan.sql})"
    # A line with a user alone gives one row without an item, so that it is counted.
    items = "CASE WHEN len(tokens) > 1 THEN tokens[2:] ELSE [NULL] END"
    connection.run(
        f"CREATE TABLE raw AS SELECT tokens[1] AS u, unnest({items}) AS i, NULL AS t, NULL AS v,"
        f" NULL::VARCHAR AS bad FROM ({tokens} WHERE {TRIMMED} != '')",
        scan.parameters,
    )
    return "text"


def _has_reject_table(source: Source) -> bool:
    return source.frame is None and source.layout.form not in ("parquet",)


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
    no_time = "WHEN time_s IS NULL THEN 'no readable time'" if roles.time else ""
    connection.run(
        "CREATE TABLE checked AS SELECT *, CASE WHEN bad IS NOT NULL THEN 'not a JSON object'"
        " WHEN u IS NULL THEN 'no user id' WHEN i IS NULL THEN 'no item id'"
        f" {no_time} END AS reason FROM (SELECT rowid + 1 AS line, nullif(trim(u), '') AS u,"
        f" nullif(trim(i), '') AS i, {time_sql} AS time_s, {FINITE_VALUE} AS v, t, bad"
        " FROM raw)"
    )
    connection.run("DROP TABLE raw")
    (n_refused,) = connection.row("SELECT count(reason) FROM checked")
    found = connection.rows(
        "SELECT line, reason, left(coalesce(bad, concat_ws(', ', u, i, t)), $n) FROM checked"
        " WHERE reason IS NOT NULL ORDER BY line LIMIT $limit",
        {"n": N_CHARACTERS_KEPT, "limit": N_REJECTS_KEPT},
    )
    connection.run(
        "CREATE TABLE interactions AS SELECT line, u AS user_id, i AS item_id,"
        " time_s::DOUBLE AS time_s, v AS value FROM checked WHERE reason IS NULL"
    )
    connection.run("DROP TABLE checked")
    return [Reject(*row) for row in found], int(n_refused)


def _placed(uncut: list[Reject], refused: list[Reject], source: Source) -> tuple[Reject, ...]:
    """Return the first rejects with their lines, which DuckDB and the table count otherwise."""
    is_counted = len(source.files) == 1 and source.layout.form not in ("parquet", "sequences")
    if is_counted and (uncut or refused):
        file, layout = source.files[0], source.layout
        with open_lines(file, source.compression, source.encoding) as lines:
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
    sides = connection.row(
        "SELECT min(user_id) = max(user_id), min(item_id) = max(item_id) FROM interactions"
    )
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
