"""Files as tables of text, of which DuckDB is the reader."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from bert4rec.data.column_types import have_a_common_type, id_text
from bert4rec.data.connection import Scan, quote_name
from bert4rec.data.layout import LINE_FORMS, Layout
from bert4rec.data.line_forms import PARTED_BY
from bert4rec.data.partitions import parquet_partitions

# A line that is not one field by quotes or delimiters, so that it arrives whole.
WHOLE_LINE = {"columns": {"line": "VARCHAR"}, "delim": "", "quote": "", "escape": ""}
# The reader's buffers are a multiple of the longest line: short ones keep it small.
MAX_LINE_BYTES = 2 << 20
MAX_HISTORY_BYTES = 16 << 20
MAX_RECORD_BYTES = 16 << 20
MAX_DOCUMENT_BYTES = 1 << 30
# Forms whose fields may stand between quotes.
QUOTED_FORMS = ("csv", "tsv", "pairs", "movielens")
# Alone, `trim` takes off spaces only.
TRIMMED = "trim(line, ' ' || chr(9) || chr(13))"
# A name that no key of a log has.
NOT_A_RECORD = "bert4rec: not a record"


def scan_files(
    files: Sequence[Path], layout: Layout, packing: str = "none", encoding: str = "utf-8"
) -> Scan:
    """Return a SELECT of all columns of files other than Parquet, as text, in file order.

    JSON has one more column, `NOT_A_RECORD`, with the text of what is none.
    """
    paths = [_literal(file) for file in files]
    if layout.form == "json":
        sql = _read_json_sql(files, layout, packing)
        return _records(Scan(sql, {"files": paths, "compression": packing}), layout)
    options: dict[str, Any] = {"compression": packing, "encoding": encoding}
    if layout.form == "jsonl" or layout.form in LINE_FORMS:
        options |= WHOLE_LINE | {"header": False, "max_line_size": MAX_HISTORY_BYTES}
    else:
        options |= {
            "columns": dict.fromkeys(layout.own_columns, "VARCHAR"),
            "delim": layout.delimiter,
            "quote": layout.quote,
            "escape": layout.quote,
            "header": layout.has_header,
            "skip": layout.n_lines_before,
            "max_line_size": MAX_LINE_BYTES,
        }
    scan = Scan(_read_csv_sql(options, layout), {"files": paths} | options)
    if layout.form == "jsonl":
        return _records(scan, layout)
    if layout.form in QUOTED_FORMS and not layout.quote:
        return _unquoted(scan, layout)
    return _histories(scan, layout) if layout.form in LINE_FORMS else scan


def _unquoted(scan: Scan, layout: Layout) -> Scan:
    """Return the columns without the quotes around whole fields.

    They may come long after the head from which it was told that a file has none.
    """
    columns = ", ".join(f"{_inner(name)} AS {name}" for name in map(quote_name, layout.columns))
    return Scan(f"SELECT {columns} FROM ({scan.sql})", scan.parameters)


def _inner(column: str) -> str:
    inner = f"replace(substr({column}, 2, length({column}) - 2), '\"\"', '\"')"
    is_quoted = (
        f"length({column}) > 1 AND starts_with({column}, '\"') AND ends_with({column}, '\"')"
    )
    return f"CASE WHEN {is_quoted} THEN {inner} ELSE {column} END"


def scan_parquet(
    files: Sequence[Path], names: Sequence[str] = (), sql_types: Sequence[tuple[str, ...]] = ()
) -> Scan:
    """Return a SELECT of all columns of Parquet files, in file order.

    Each file is read with its own types. A column becomes text where no type would hold the values
    of all files: large whole numbers are others as floats, and floats are cut as whole numbers.

    Args:
        files: Where they lie.
        names: Their columns; all of them if omitted, for a single file.
        sql_types: For each file the types of these.
    """
    is_parted = any(map(parquet_partitions, files))
    options = _partitioning(is_parted)
    is_text = [not have_a_common_type(types) for types in zip(*sql_types, strict=True)]
    parts: list[str] = []
    parameters: dict[str, Any] = {}
    typed = zip(sql_types or [()], files, strict=True)
    for types, alike in groupby(typed, key=itemgetter(0)):
        told = [
            f"{id_text(quote_name(name), sql_type)} AS {quote_name(name)}"
            for name, sql_type, is_so in zip(names, types, is_text, strict=True)
            if is_so
        ]
        columns = f"* REPLACE ({', '.join(told)})" if told else "*"
        key = f"files_{len(parts)}"
        parameters[key] = [_literal(file) for _, file in alike]
        parts.append(f"SELECT {columns} FROM read_parquet(${key}, {options})")
    return Scan(" UNION ALL ".join(parts), parameters)


def _partitioning(is_parted: bool) -> str:
    return f"hive_partitioning={str(is_parted).lower()}, hive_types_autocast=false"


def _partition_columns(layout: Layout) -> str:
    return "".join(f", {quote_name(name)}" for name in layout.partitions)


def _read_csv_sql(options: dict[str, Any], layout: Layout) -> str:
    named = ", ".join(f"{name}=${name}" for name in options)
    columns = ", ".join(map(quote_name, options["columns"])) + _partition_columns(layout)
    return (
        f"SELECT {columns} FROM read_csv($files, {named}, auto_detect=false, store_rejects=true,"
        f" rejects_limit=0, {_partitioning(bool(layout.partitions))})"
    )


def _read_json_sql(files: Sequence[Path], layout: Layout, packing: str) -> str:
    kind, most = "array", MAX_RECORD_BYTES
    if not layout.is_list:
        # One record is the whole file, and the reader's buffers are as large as a record may be.
        times = 1 if packing == "none" else 12
        largest = max(file.stat().st_size for file in files)
        kind, most = "unstructured", min(max(most, largest * times), MAX_DOCUMENT_BYTES)
    return (
        f"SELECT json AS line{_partition_columns(layout)} FROM read_json_objects($files,"
        f" format='{kind}', compression=$compression, maximum_object_size={most},"
        f" {_partitioning(bool(layout.partitions))})"
    )


def _records(scan: Scan, layout: Layout) -> Scan:
    """Return the columns of JSON records that stand in the column `line`."""
    is_object = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END"
    given = _partition_columns(layout)
    if layout.form == "jsonl":
        inner = (
            f"SELECT CASE WHEN {is_object} THEN line END::JSON AS l0,"
            f" CASE WHEN NOT {is_object} THEN line END AS bad{given} FROM ({scan.sql})"
            f" WHERE {TRIMMED} != ''"
        )
    else:
        inner = f"SELECT line::JSON AS l0, NULL AS bad{given} FROM ({scan.sql})"
    parameters = dict(scan.parameters)
    for level, pointer in enumerate(layout.lists):
        parameters[f"list_{level}"] = pointer
        found = f"json_extract(l{level}, $list_{level})"
        # A record without its list gives one row without an item, so that it is counted.
        elements = f"CASE WHEN json_array_length({found}) > 0 THEN {found}::JSON[] ELSE [NULL] END"
        inner = f"SELECT *, unnest({elements}) AS l{level + 1} FROM ({inner})"
    columns = []
    for place, (name, (level, pointer)) in enumerate(
        zip(layout.own_columns, layout.paths, strict=True)
    ):
        parameters[f"path_{place}"] = pointer or "$"
        columns.append(f"{_json_text(f'l{level}, $path_{place}')} AS {quote_name(name)}")
    sql = f"SELECT {', '.join(columns)}{given}, bad AS {quote_name(NOT_A_RECORD)} FROM ({inner})"
    return Scan(sql, parameters)


def _json_text(place: str) -> str:
    """Return the expression of a value in a record: as text, and a list as `Comedy|Drama`."""
    text = f"json_extract_string({place})"
    words = f"array_to_string(json_extract_string(json_extract({place}), '$[*]'), '|')"
    is_list = f"starts_with({text}, '[') AND json_type({place}) = 'ARRAY'"
    return f"CASE WHEN {is_list} THEN {words} ELSE {text} END"


def _histories(scan: Scan, layout: Layout) -> Scan:
    """Return users and items of lines that hold whole histories."""
    lines = f"SELECT {TRIMMED} AS line FROM ({scan.sql}) WHERE {TRIMMED} != ''"
    if layout.form == "triples":
        return Scan(_triples_sql(lines), scan.parameters)
    tokens = f"regexp_split_to_array(line, '{PARTED_BY[layout.delimiter]}')"
    if layout.form == "sessions":
        sql = f'SELECT (row_number() OVER ())::VARCHAR AS "user", {tokens} AS items FROM ({lines})'
        return Scan(f'SELECT "user", unnest(items) AS item FROM ({sql})', scan.parameters)
    # A line with a user alone gives one row without an item, so that it is counted.
    items = "CASE WHEN len(tokens) > 1 THEN tokens[2:] ELSE [NULL] END"
    sql = f'SELECT tokens[1] AS "user", unnest({items}) AS item FROM (SELECT {tokens} AS tokens'
    return Scan(f"{sql} FROM ({lines}))", scan.parameters)


def _triples_sql(lines: str) -> str:
    def cells(place: int) -> str:
        line = f"any_value(line) FILTER (n % 3 = {place})"
        return f"string_split(rtrim({line}, ','), ',')"

    blocks = (
        f"SELECT n // 3 AS block, {cells(1)} AS items, {cells(2)} AS given,"
        f" TRY_CAST(any_value(line) FILTER (n % 3 = 0) AS BIGINT) AS n_said"
        f" FROM (SELECT line, row_number() OVER () - 1 AS n FROM ({lines})) GROUP BY block"
    )
    # A block whose three lines do not agree gives one row without an item, so that it is counted.
    fits = "len(items) = n_said AND len(given) = n_said"
    return (
        f'SELECT (block + 1)::VARCHAR AS "user",'
        f" unnest(CASE WHEN {fits} THEN items ELSE [NULL] END) AS item,"
        f" unnest(CASE WHEN {fits} THEN given ELSE [NULL] END) AS value"
        f" FROM (SELECT * FROM ({blocks}) ORDER BY block)"
    )


def _literal(path: Path) -> str:
    # DuckDB takes [, * and ? in a path for a glob.
    text = str(path.resolve())
    return "".join(f"[{sign}]" if sign in "[*?" else sign for sign in text)
