"""Cells that hold several values: parted by bars or, where a file declares it, by spaces."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import pandas as pd

from bert4rec.data.column_types import id_texts, without_lists

# What parts several values in one cell, as in `Comedy|Drama`; and in `Comedy Drama`, where the
# column was declared to be lists of words and nothing else parts them.
SEPARATOR = re.compile(r"\s*\|\s*")
SPACES = re.compile(r"\s+")
OTHER_SEPARATORS = "|;"


def cell_values(texts: Sequence[str], is_token_list: bool) -> list[list[str]]:
    """Return the values that each cell of a column holds, every one once, in their order.

    Cells of the same text share one list.

    Args:
        texts: The cells.
        is_token_list: Whether the column was declared to be lists parted by spaces.
    """
    # A column that groups items has few different cells.
    different = dict.fromkeys(texts)
    has_others = any(sign in text for text in different for sign in OTHER_SEPARATORS)
    separator = SPACES if is_token_list and not has_others else SEPARATOR
    parted = {text: list(dict.fromkeys(filter(None, separator.split(text)))) for text in different}
    return [parted[text] for text in texts]


def with_bars(table: pd.DataFrame, token_lists: Collection[str]) -> pd.DataFrame:
    """Return a table with bars between the words of lists, which need no declaration.

    Args:
        table: An item table.
        token_lists: Its columns that were declared to be lists parted by spaces.
    """
    parted = table.copy()
    for name in set(token_lists) & set(table.columns):
        texts = id_texts(without_lists(table[name])).fillna("").tolist()
        parted[name] = ["|".join(values) for values in cell_values(texts, is_token_list=True)]
    return parted
