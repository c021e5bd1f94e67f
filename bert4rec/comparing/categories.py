"""The categories of items, as a matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from bert4rec.composer.rules import texts_of
from bert4rec.data.item_groups import KNOWN_COLUMNS
from bert4rec.data.vocabulary import Vocabulary

# What may part several values in one cell, as in `Comedy|Drama`.
SEPARATORS = re.compile(r"\s*\|\s*")
MAX_CATEGORIES = 100
MIN_SHARE_KNOWN = 0.5
# Columns that say what an item is about, if there are several.
FAVOURITES = ("category", "categories", "genre", "genres", "topic", "subject", "type", "kind")


@dataclass(frozen=True, eq=False)
class Categories:
    """Which item has which category; an item may have several, or none.

    Args:
        column: The column of the item table.
        names: The categories, the most frequent first.
        of_items: Ones where item i + 1 has a category, float64 (N, n_categories).
    """

    column: str
    names: list[str]
    of_items: csr_array

    def shares(self) -> csr_array:
        """Return each item's share in its categories, which add up to 1, (N, n_categories)."""
        n = np.asarray(self.of_items.sum(axis=1)).ravel()
        return csr_array(self.of_items.multiply(1 / np.maximum(n, 1)[:, None]))


def find_categories(vocabulary: Vocabulary) -> Categories | None:
    """Return the categories of a catalogue by its most telling column, None if it has none.

    A column counts if at least half of the items have a value and there are 2 to 100 of them.
    """
    ranks = {name: rank for rank, name in enumerate(FAVOURITES)}
    columns = [str(name) for name in vocabulary.table.columns if name not in KNOWN_COLUMNS]
    for column in sorted(columns, key=lambda name: ranks.get(name.casefold(), len(ranks))):
        # Numbers are amounts, unless they are called categories.
        is_number = pd.api.types.is_numeric_dtype(vocabulary.table[column].dtype)
        if is_number and column.casefold() not in ranks:
            continue
        found = _categories(vocabulary, column)
        if found is not None:
            return found
    return None


def _categories(vocabulary: Vocabulary, column: str) -> Categories | None:
    cells = [
        list(dict.fromkeys(filter(None, SEPARATORS.split(text))))
        for text in texts_of(vocabulary, column)
    ]
    n_known = sum(map(bool, cells))
    items = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
    values = pd.Series([value for cell in cells for value in cell], dtype="str")
    counts = values.value_counts()
    # Names and years tell items apart; categories are shared.
    is_shared = 2 <= len(counts) <= min(MAX_CATEGORIES, max(2, len(items) // 2))
    if not is_shared or n_known < MIN_SHARE_KNOWN * len(cells):
        return None
    names = list(counts.index)
    codes = values.map({name: at for at, name in enumerate(names)}).to_numpy()
    ones = np.ones(len(items))
    matrix = csr_array((ones, (items, codes)), shape=(len(cells), len(names)))
    return Categories(column, names, matrix)
