"""The columns of a source as they are staged: ids, values, events and times, in SQL."""

from __future__ import annotations

import re

from bert4rec.data.roles import Roles
from bert4rec.data.scan import NOT_A_RECORD, Connection, Scan, quote_name
from bert4rec.data.source import Source
from bert4rec.data.times import TIME_TYPE

# The column of each role in the table `raw`; times have two.
RAW_NAMES = {"user": "u", "item": "i", "value": "v", "event": "e"}
# A whole number as it would be written out again, which takes half the room of a text.
PLAIN_NUMBER = re.compile(r"0|-?[1-9]\d{0,17}")
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}


def looks_numeric(source: Source, name: str) -> bool:
    """Whether all first values of a column are whole numbers as they would be written out again."""
    place = source.layout.columns.index(name)
    texts = [row[place].strip() for row in source.layout.rows]
    given = [text for text in texts if text]
    return bool(given) and all(PLAIN_NUMBER.fullmatch(text) for text in given)


def staged_columns(connection: Connection, scan: Scan, roles: Roles, numeric: set[str]) -> str:
    """Return the SELECT that fills `raw(u, i, v, e, n, t, bad, is_stray)`.

    `v` and `e` are there if value and event have a column. `n` holds times that are numbers and `t`
    those that are other text; `is_stray` tells of an id that was to be a number and is none.
    """
    described = connection.rows(f"DESCRIBE {scan.sql}", scan.parameters)
    types = {str(row[0]): str(row[1]) for row in described}
    parts, strays = [], ["false"]
    for role, name in roles.named().items():
        column, sql_type = quote_name(name), types[name]
        if role == "time":
            parts += _time_columns(column, sql_type)
        elif role == "value":
            parts.append(f"{_finite(column)} AS {RAW_NAMES[role]}")
        elif role == "event":
            parts.append(f"nullif(trim({column}::VARCHAR), '') AS {RAW_NAMES[role]}")
        else:
            text = _id_text(column, sql_type)
            if role in numeric or sql_type in INTEGERS:
                number = f"TRY_CAST({text} AS BIGINT)"
                strays.append(f"{text} IS DISTINCT FROM {number}::VARCHAR")
                text = number
            parts.append(f"{text} AS {RAW_NAMES[role]}")
    parts += ["NULL::DOUBLE AS n", "NULL::VARCHAR AS t"] if roles.time is None else []
    bad = quote_name(NOT_A_RECORD) if NOT_A_RECORD in types else "NULL::VARCHAR"
    parts += [f"{bad} AS bad", f"({' OR '.join(strays)}) AS is_stray"]
    return f"SELECT {', '.join(parts)} FROM ({scan.sql})"


def _id_text(column: str, sql_type: str) -> str:
    if sql_type in ("DOUBLE", "FLOAT"):
        # Ids became floats where pandas had a gap in the column: 7.0 is the id 7.
        is_whole = f"isfinite({column}) AND {column} = trunc({column}) AND abs({column}) < 1e15"
        text = f"CASE WHEN {is_whole} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"
        return f"CASE WHEN isnan({column}) THEN NULL ELSE {text} END"
    if sql_type.startswith("DECIMAL"):
        # As for floats: 7.00 is the id 7.
        is_whole = f"{column} = trunc({column})"
        return f"CASE WHEN {is_whole} THEN {column}::HUGEINT::VARCHAR ELSE {column}::VARCHAR END"
    return f"nullif(trim({column}::VARCHAR), '')"


def _finite(column: str) -> str:
    # DuckDB takes NaN for greater than any number.
    number = f"TRY_CAST({column} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _time_columns(column: str, sql_type: str) -> list[str]:
    if sql_type.startswith(("TIMESTAMP", "DATE")):
        return [f"epoch({column}::TIMESTAMPTZ) AS n", f"'{TIME_TYPE}' AS t"]
    # A number that is not finite says as much as a blank.
    is_text = f"TRY_CAST({column} AS DOUBLE) IS NULL"
    text = f"CASE WHEN {is_text} THEN nullif(trim({column}::VARCHAR), '') END"
    return [f"{_finite(column)} AS n", f"{text} AS t"]
