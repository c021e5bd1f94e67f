"""The categories of items, as a matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from bert4rec.data.item_cells import texts_of, values_of
from bert4rec.data.item_groups import KNOWN_COLUMNS
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError

# A column of which so many filled cells are numbers is one of numbers.
MIN_SHARE_NUMBERS = 0.9
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


def find_categories(vocabulary: Vocabulary, column: str | None = None) -> Categories | None:
    """Return the categories of a catalogue by its most telling column, None if it has none.

    A column counts if at least half of the items have a value and there are 2 to 100 of them.
    Columns with a telling name come first, those of numbers, such as years, last.

    Args:
        vocabulary: The items.
        column: The column to take, instead of the most telling one.

    Raises:
        SettingsError: that column does not count, or is not there.
    """
    if column is None:
        return next(_all_categories(vocabulary), None)
    found = {one.column: one for one in _all_categories(vocabulary)}
    if column not in found:
        raise SettingsError(
            [f"the items have no categories by {column!r}"],
            fix=f"Those that do: {', '.join(found)}."
            if found
            else "No column of the item table groups items; leave the choice out.",
        )
    return found[column]


def category_choices(vocabulary: Vocabulary) -> list[str]:
    """Return the columns by which items have categories, the most telling first."""
    return [found.column for found in _all_categories(vocabulary)]


def _all_categories(vocabulary: Vocabulary) -> Iterator[Categories]:
    return filter(None, (_categories(vocabulary, column) for column in _columns(vocabulary)))


def _columns(vocabulary: Vocabulary) -> list[str]:
    ranks: dict[str, float] = {name: rank for rank, name in enumerate(FAVOURITES)}
    found = {}
    for name in vocabulary.table.columns:
        column = str(name)
        # Numbers are amounts, unless they are called categories.
        is_amount = pd.api.types.is_numeric_dtype(vocabulary.table[column].dtype)
        if name in KNOWN_COLUMNS or (is_amount and column.casefold() not in ranks):
            continue
        last = math.inf if _are_numbers(texts_of(vocabulary, column)) else len(ranks)
        found[column] = ranks.get(column.casefold(), last)
    return sorted(found, key=lambda column: found[column])


def _are_numbers(texts: list[str]) -> bool:
    """Whether these are numbers that stand as text, but for some."""
    filled = pd.Series([text for text in texts if text], dtype="str")
    is_number = pd.to_numeric(filled, errors="coerce").notna()
    return bool(is_number.sum() >= MIN_SHARE_NUMBERS * len(filled))


def _categories(vocabulary: Vocabulary, column: str) -> Categories | None:
    cells = values_of(vocabulary, column)
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
