"""Tables of which no text can start a formula where a spreadsheet opens them as CSV."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd

from bert4rec.plain_text import WORD_JOINER

# The full-width forms are taken for the plain ones; what comes after a line end, for a new cell.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def csv_text(table: pd.DataFrame, *, with_names: bool = True) -> str:
    """Return a table as CSV; a quote comes before each text that could start a formula.

    Args:
        table: The table.
        with_names: Whether the names of its columns come first.

    Example:
        >>> print(csv_text(pd.DataFrame({"=a": ["=1+1", "-5", None]})).rstrip())
        '=a
        '=1+1
        -5
        ""
    """
    safe = table.set_axis([harmless(str(name)) for name in table.columns], axis=1)
    for place, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            cells = [_cell(value) for value in table.iloc[:, place]]
            safe.isetitem(place, np.array(cells, dtype=object))
    return str(safe.to_csv(index=False, header=with_names, lineterminator="\n"))


def unseen_harmless(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts start no formula, by a sign before them that no screen shows.

    For tables whose CSV others write, as a browser does.
    """
    safe = table.rename(columns={name: _marked(name) for name in table.columns})
    for place, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            values = list(table.iloc[:, place])
            cells = [_marked(value) for value in values]
            if any(cell is not value for cell, value in zip(cells, values, strict=True)):
                made = np.empty(len(cells), dtype=object)
                made[:] = cells
                safe.isetitem(place, made)
    return safe


def _marked(value: Any) -> Any:
    """Return a value with a word joiner before a text that could start a formula."""
    if isinstance(value, list | tuple):
        return value if all(_marked(one) is one for one in value) else [*map(_marked, value)]
    if isinstance(value, str) and harmless(value) != value:
        return WORD_JOINER + value
    return value


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return json.dumps([None if item is None else str(item) for item in value])
    return harmless(value) if isinstance(value, str) else value


def harmless(text: str) -> str:
    """Return text that starts no formula; a number stays as it is."""
    # A carriage return is not quoted: what follows it would be a line of its own.
    text = text.replace("\r", "\n")
    is_formula = text.startswith(FORMULA_SIGNS) and not NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
