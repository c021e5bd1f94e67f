"""Tables of which no text can start a formula where a spreadsheet opens them as CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
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
    safe = _with_texts(table.rename(columns=str), _cell)
    return str(safe.to_csv(index=False, header=with_names, lineterminator="\n"))


def unseen_harmless(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts start no formula, by a sign before them that no screen shows.

    For tables whose CSV others write, as a browser does.
    """
    return _with_texts(table, _unseen)


def _with_texts(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """Return a table with its cells, numbers left out, and names of columns changed."""
    safe = table.set_axis([change(name) for name in table.columns], axis=1)
    for place, dtype in enumerate(table.dtypes):
        if pd.api.types.is_numeric_dtype(dtype):
            continue
        values = list(table.iloc[:, place])
        cells = [change(value) for value in values]
        # What is as it was keeps its kind, as moments do.
        if any(cell is not value for cell, value in zip(cells, values, strict=True)):
            made = np.empty(len(cells), dtype=object)
            made[:] = cells
            safe.isetitem(place, made)
    return safe


def _unseen(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [*map(_unseen, value)]
    return harmless(value, WORD_JOINER) if isinstance(value, str) else value


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return json.dumps([None if item is None else str(item) for item in value])
    return harmless(value) if isinstance(value, str) else value


def harmless(text: str, sign: str = "'") -> str:
    """Return text that starts no formula, by a sign before it; a number stays as it is."""
    # A carriage return is not quoted: what follows it would be a line of its own.
    text = text.replace("\r", "\n")
    is_formula = text.startswith(FORMULA_SIGNS) and not NUMBER.fullmatch(text)
    return sign + text if is_formula else text
