"""The cells of an item table: as text, and as the values that they hold."""

from __future__ import annotations

import pandas as pd

from bert4rec.data.column_types import id_texts
from bert4rec.data.list_cells import cell_values
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError


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
