"""SQL types of columns: which hold whole numbers, moments or lists, and what they hold as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_string_dtype

from bert4rec.data.roles import dtype_of
from bert4rec.id_columns import LEAST_INEXACT, raw_id

# Whole numbers that fit 64 bits with a sign, and all of them.
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
WHOLE_NUMBERS = INTEGERS | {"UBIGINT", "HUGEINT"}
FLOATS = {"FLOAT", "DOUBLE"}
DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
# Of any unit, with a zone or without; lists of them end with a bracket.
TIME = re.compile(r"DATE|TIMESTAMP[A-Z_ ]*")
# What holds several values in one cell of a frame.
LISTS = (list, tuple, np.ndarray)
# Text of a frame, held in a way that refuses what no file could hold.
TEXT = pd.StringDtype("pyarrow")
# The type of a column that is empty all over.
EMPTY = '"NULL"'


def is_time_type(sql_type: str) -> bool:
    """Whether a column of an SQL type holds moments or days."""
    return TIME.fullmatch(sql_type) is not None


def is_list_type(sql_type: str) -> bool:
    """Whether each cell of a column of an SQL type holds several values."""
    return sql_type.endswith("]")


def dtype_of_type(sql_type: str, examples: Sequence[str]) -> str:
    """Return an SQL type in the words of `dtype_of`; lists and records are `text`."""
    if is_time_type(sql_type):
        return "timestamp"
    if sql_type in WHOLE_NUMBERS:
        return "date" if dtype_of(examples) == "date" else "integer"
    if sql_type in FLOATS or DECIMAL.fullmatch(sql_type):
        return "number"
    return dtype_of(examples) if sql_type == "VARCHAR" else "text"


def have_a_common_type(sql_types: Iterable[str]) -> bool:
    """Whether one SQL type holds the values of all of these as exactly as they do."""
    given = set(sql_types) - {EMPTY}
    is_one_kind = given <= WHOLE_NUMBERS or given <= FLOATS or all(map(is_time_type, given))
    return len(given) <= 1 or is_one_kind


def id_text(column: str, sql_type: str) -> str:
    """Return the expression of ids as text, by which an id is the same in columns of any type.

    It is that of `raw_id`, in SQL.
    """
    if sql_type in FLOATS:
        # Ids became floats where pandas had a gap in the column: 7.0 is the id 7.
        is_exact = f"isfinite({column}) AND abs({column}) < {LEAST_INEXACT}"
        is_whole = f"{is_exact} AND {column} = trunc({column})"
        text = f"CASE WHEN {is_whole} THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"
        # `isnan` says no of all cells where the statistics of a Parquet file, which leave NaN out,
        # are known (DuckDB 2.0).
        return f"nullif({text}, 'nan')"
    if DECIMAL.fullmatch(sql_type):
        # As for floats: 7.00 is the id 7.
        is_whole = f"{column} = trunc({column})"
        return f"CASE WHEN {is_whole} THEN {column}::HUGEINT::VARCHAR ELSE {column}::VARCHAR END"
    if sql_type == "BLOB":
        return f"coalesce(try(decode({column})), {column}::VARCHAR)"
    return f"{column}::VARCHAR"


def id_texts(column: pd.Series) -> pd.Series:
    """Return a column of a frame as ids in text, each as `raw_id` has it; gaps stay gaps."""
    if column.dtype != object and is_string_dtype(column.dtype):
        return column.astype(TEXT)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        # Each different number is put into words once.
        codes, numbers = pd.factorize(column)
        texts = np.array([*map(raw_id, numbers.tolist()), None], dtype=object)
        return pd.Series(texts[codes], index=column.index, name=column.name, dtype=TEXT)
    return column.map(raw_id, na_action="ignore").astype(TEXT)


def without_lists(column: pd.Series) -> pd.Series:
    """Return a column with its lists as texts such as `Comedy|Drama`, as CSV files have them."""
    if not (column.dtype == object or isinstance(column.dtype, pd.ArrowDtype)):
        return column
    if not any(isinstance(cell, LISTS) for cell in column):
        return column
    return column.map(_joined, na_action="ignore").astype(TEXT)


def _joined(cell: Any) -> str | None:
    if not isinstance(cell, LISTS):
        return raw_id(cell)
    return "|".join(text for text in map(raw_id, cell) if text is not None)
