"""Columns of numbers in words, which still sort as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def worded(table: pd.DataFrame, words: Mapping[str, Callable[[Any], str]]) -> Styler:
    """Return a table whose numbers are shown in words.

    Args:
        table: The table.
        words: How a number is written, by column.
    """
    found: Styler = table.style.format(dict(words))
    return found


def worded_as(table: pd.DataFrame, words: pd.DataFrame) -> Styler:
    """Return a table whose numbers are shown in words of their own, each as there is more to tell.

    Args:
        table: The table.
        words: What is shown, by column and row, for some of its columns.

    Cost: one call of pandas a cell; for tables of a few rows.
    """
    found: Styler = table.style
    for column in words.columns:
        for row in words.index:
            told = partial(_told, str(words.loc[row, column]))
            found = found.format(told, subset=([row], [column]))
    return found


def _told(words: str, _: Any) -> str:
    return words
