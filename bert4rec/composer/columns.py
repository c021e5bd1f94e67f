"""Columns of an item table by which sequences can be put in order or kept mixed."""

from __future__ import annotations

import re

import pandas as pd

from bert4rec.composer.outline import Order
from bert4rec.composer.rules import ID_SIGNS
from bert4rec.data.item_cells import texts_of
from bert4rec.data.item_groups import KNOWN_COLUMNS
from bert4rec.data.vocabulary import Vocabulary

# Columns that people limit first, if there are several.
FAVOURITE_COLUMNS = ("artist", "author", "series", "album", "subject", "topic", "genre", "genres")
NUMBER_NAME = re.compile(
    r"(^|_|\s)(number|no|nr|position|index|order|volume|part|episode|chapter|track)$", re.IGNORECASE
)
REQUIREMENT_NAME = re.compile(r"^(prerequisites?|requires|required|depends_on)$", re.IGNORECASE)
# So many of the pairs of series and number may come twice, as with two editions of a book.
MAX_SHARE_OF_TWINS = 0.05
MIN_SHARE_OF_KNOWN_IDS = 0.9


def limit_columns(vocabulary: Vocabulary) -> list[str]:
    """Return the columns of which several items share a value, those with telling names first."""
    table = vocabulary.table
    found = []
    for column in map(str, table.columns):
        if column in KNOWN_COLUMNS or REQUIREMENT_NAME.search(column):
            continue
        if pd.api.types.is_numeric_dtype(table[column].dtype):
            continue
        texts = pd.Series(texts_of(vocabulary, column))
        texts = texts[texts != ""]
        if 2 <= texts.nunique() <= 0.75 * len(texts):
            found.append(column)
    ranks = {name: rank for rank, name in enumerate(FAVOURITE_COLUMNS)}
    return sorted(found, key=lambda column: ranks.get(column.casefold(), len(ranks)))


def find_orders(vocabulary: Vocabulary) -> list[Order]:
    """Return the orders that the item table tells: numbers within a series, and requirements.

    A number belongs to the column, among those that name groups of items, in which the same number
    comes twice least often; one whose name the number's begins with goes first.
    """
    table = vocabulary.table
    orders = []
    for column in map(str, table.columns):
        if column in KNOWN_COLUMNS:
            continue
        is_number = pd.api.types.is_numeric_dtype(table[column].dtype)
        if is_number and NUMBER_NAME.search(column):
            series = _series_of(column, vocabulary)
            orders += [Order(series, column)] if series else []
        elif REQUIREMENT_NAME.search(column) and _names_items(column, vocabulary):
            orders.append(Order(column))
    return orders


def _series_of(number: str, vocabulary: Vocabulary) -> str | None:
    numbers = vocabulary.table[number]
    found = []
    for column in limit_columns(vocabulary):
        series = pd.Series(texts_of(vocabulary, column), index=numbers.index)
        pairs = pd.DataFrame({"series": series, "number": numbers})
        pairs = pairs[(series != "") & numbers.notna()]
        twins = float(pairs.duplicated().mean()) if len(pairs) else 1.0
        if twins <= MAX_SHARE_OF_TWINS and pairs["series"].duplicated().any():
            is_named_alike = number.casefold().startswith(column.casefold())
            found.append((not is_named_alike, twins, column))
    return min(found)[2] if found else None


def _names_items(column: str, vocabulary: Vocabulary) -> bool:
    texts = texts_of(vocabulary, column)
    names = [name for text in texts for name in filter(None, map(str.strip, ID_SIGNS.split(text)))]
    n_known = sum(name in vocabulary for name in names)
    return bool(names) and n_known >= MIN_SHARE_OF_KNOWN_IDS * len(names)
