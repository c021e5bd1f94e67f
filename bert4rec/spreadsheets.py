"""Tables as CSV in which nothing can start a formula where a spreadsheet opens it."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd

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
