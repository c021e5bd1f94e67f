"""The cells of an item table: as text, and as the values that they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from bert4rec.data.column_types import id_texts
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError

# What parts several values in one cell, as in `Comedy|Drama`; and in `Comedy Drama`, where the
# column was declared to be lists of words and nothing else parts them.
SEPARATOR = re.compile(r"\s*\|\s*")
SPACES = re.compile(r"\s+")
OTHER_SEPARATORS = "|;"


def column_of(vocabulary: Vocabulary, column: str) -> pd.Series:
    """Return a column of the item table.

    Raises:
        SettingsError: there is no such column.
    """
    if column not in vocabulary.table.columns:
        known = ", ".join(map(str, vocabulary.table.columns))
        raise SettingsError(
            [f"the item table has no column {column!r}"], fix=f"Its columns are {known}."
        )
    return vocabulary.table[column]


def texts_of(vocabulary: Vocabulary, column: str) -> list[str]:
    """Return a column of the item table as text, empty where there is none.

    Raises:
        SettingsError: there is no such column.
    """
    values = id_texts(column_of(vocabulary, column))
    texts: list[str] = values.fillna("").str.strip().tolist()
    return texts


def values_of(vocabulary: Vocabulary, column: str) -> list[list[str]]:
    """Return what each item's cell of a column holds: several values where it is a list.

    Raises:
        SettingsError: there is no such column.
    """
    return cell_values(texts_of(vocabulary, column), column in vocabulary.token_lists)


def cell_values(texts: Sequence[str], is_token_list: bool) -> list[list[str]]:
    """Return the values that each cell of a column holds, every one once, in their order.

    Args:
        texts: The cells.
        is_token_list: Whether the column was declared to be lists parted by spaces.
    """
    has_others = any(sign in text for text in texts for sign in OTHER_SEPARATORS)
    separator = SPACES if is_token_list and not has_others else SEPARATOR
    return [list(dict.fromkeys(filter(None, separator.split(text)))) for text in texts]
