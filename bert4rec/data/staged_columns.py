"""The columns of a source as they are staged: ids, values, events and times, in SQL."""

from __future__ import annotations

from bert4rec.data.column_types import INTEGERS, id_text, is_time_type
from bert4rec.data.connection import Scan, quote_name
from bert4rec.data.roles import Roles
from bert4rec.data.scan import NOT_A_RECORD

# The column of each role among the staged ones; times have two.
RAW_NAMES = {"user": "u", "item": "i", "value": "v", "event": "e"}


def staged_columns(scan: Scan, roles: Roles, types: dict[str, str]) -> Scan:
    """Return the SELECT of the columns `u, i, v, e, n, t, bad`, each there if it has a source.

    Ids are texts, or whole numbers where the column's type says so; blanks and spaces around them
    are left as they are. `n` holds times that are numbers and `t` those that are other text.

    Args:
        scan: The source.
        roles: Its columns to take.
        types: The SQL type of each of its columns.
    """
    parts = []
    for role, name in roles.named().items():
        column, sql_type = quote_name(name), types[name]
        if role == "time":
            parts += _time_columns(column, sql_type)
        elif role == "value":
            parts.append(f"{_value(column)} AS {RAW_NAMES[role]}")
        elif role == "event":
            parts.append(f"nullif(trim({column}::VARCHAR), '') AS {RAW_NAMES[role]}")
        else:
            parts.append(f"{_id(column, sql_type)} AS {RAW_NAMES[role]}")
    if NOT_A_RECORD in types:
        parts.append(f"{quote_name(NOT_A_RECORD)} AS bad")
    return Scan(f"SELECT {', '.join(parts)} FROM ({scan.sql})", scan.parameters)


def _id(column: str, sql_type: str) -> str:
    return f"{column}::BIGINT" if sql_type in INTEGERS else id_text(column, sql_type)


def _finite(column: str) -> str:
    # DuckDB takes NaN for greater than any number.
    number = f"TRY_CAST({column} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _value(column: str) -> str:
    """Return the expression of a value: NULL where there is none, `-inf` for text such as 4,5."""
    is_text = f"TRY_CAST({column} AS DOUBLE) IS NULL AND trim({column}::VARCHAR) != ''"
    return f"CASE WHEN {is_text} THEN '-inf'::DOUBLE ELSE {_finite(column)} END"


def _time_columns(column: str, sql_type: str) -> list[str]:
    if is_time_type(sql_type):
        return [f"epoch({column}::TIMESTAMPTZ) AS n", "NULL::VARCHAR AS t"]
    # A number that is not finite says as much as a blank.
    is_text = f"TRY_CAST({column} AS DOUBLE) IS NULL"
    text = f"CASE WHEN {is_text} THEN nullif(trim({column}::VARCHAR), '') END"
    return [f"{_finite(column)} AS n", f"{text} AS t"]
