"""Columns of raw ids, each different one looked up once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.errors import FormatError

# From here on a float stands for several whole numbers.
LEAST_INEXACT = 2**53
# What around an id does not count.
AROUND_ID = " "
PLAIN_BYTES = frozenset(range(32, 127)) - frozenset(b"\\'\"")
CODED_TEXT = pa.dictionary(pa.int32(), pa.string())


def raw_id(value: Any) -> str | None:
    """Return a value of a column as a raw id, None where there is none.

    Ids become floats where a gap is in their column: 7.0 is the id 7. `id_text` of
    `data/column_types.py` says the same in SQL.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, bytes | bytearray):
        return _text_of_bytes(bytes(value))
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else f"{value:f}"
    if isinstance(value, float | np.floating):
        is_whole = value.is_integer() and abs(float(value)) < LEAST_INEXACT
        return None if np.isnan(value) else str(int(value) if is_whole else value)
    return str(value)


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        # As DuckDB shows them.
        return "".join(chr(b) if b in PLAIN_BYTES else rf"\x{b:02X}" for b in value)


class IdLookup:
    """Indices of raw ids, each looked up once in a file.

    Args:
        find: Returns the index of a raw id, None for an unknown one.
    """

    def __init__(self, find: Callable[[str], int | None]) -> None:
        self._found = _Found(find)

    def of(self, values: list[Any]) -> np.ndarray:
        """Return the index of each value of a column, -1 where none is known, int64 (n,)."""
        return np.fromiter(map(self._found.__getitem__, values), np.int64, len(values))


class _Found(dict[Any, int]):
    def __init__(self, find: Callable[[str], int | None]) -> None:
        self._find = find

    def __missing__(self, value: Any) -> int:
        raw = raw_id(value)
        found = None if raw is None else self._find(raw)
        if raw is not None and found is None:
            # A log's ids are read without what stands around them.
            found = self._find(raw.strip(AROUND_ID))
        if found is None:
            # Not kept: there is no end to what is unknown.
            return -1
        self[value] = found
        return found


def as_codes(column: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, list[Any]]:
    """Return the place of each value among the different ones, -1 for none, int64 (n,); and those.

    Whatever is asked about the values is then asked once about each different one.

    Raises:
        FormatError: a value is a list or a record.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_null(array.type):
        return np.full(len(array), -1), []
    if pa.types.is_nested(array.type):
        raise FormatError(
            f"its ids are of the type {array.type}, not one value a row",
            fix="Write each id into a row of its own.",
        )
    array = _coded(array)
    codes = pc.fill_null(array.indices.cast(pa.int64()), -1)
    return codes.to_numpy(zero_copy_only=False), array.dictionary.to_pylist()


def _coded(array: pa.Array) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(array.type):
        return array.dictionary_encode()
    if len(array.dictionary) > len(array):
        # Most of a large dictionary would be looked up, and written, for nothing.
        return array.dictionary_decode().dictionary_encode()
    return array


def as_ids(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as raw ids, text with gaps; what is coded stays coded."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_string(column.type):
        return column
    if column.type == CODED_TEXT:
        return _coded(column)
    codes, values = as_codes(column)
    ids = pa.array([*map(raw_id, values), None], pa.string())
    return ids.take(pa.array(codes % len(ids)))
