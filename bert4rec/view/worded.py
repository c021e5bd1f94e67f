"""Columns of numbers in words, which still sort as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
