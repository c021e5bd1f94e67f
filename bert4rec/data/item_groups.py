"""Columns of an item table that group items, and the group of each item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from weakref import WeakKeyDictionary

import pandas as pd

from bert4rec.data.column_types import id_texts
from bert4rec.data.list_cells import cell_values
from bert4rec.data.vocabulary import Vocabulary

MAX_CATEGORIES = 60
# What items are called together whose cell is empty.
NO_GROUP = "none"
KNOWN_COLUMNS = ("item_id", "title", "count")
# Columns that people group by first, if there are several.
FAVOURITE_COLUMNS = ("category", "genre", "genres", "topic", "subject", "type", "kind", "artist")

# The answers read whole columns of the item table, and are asked for many times a page.
_known: WeakKeyDictionary[Vocabulary, list[str]] = WeakKeyDictionary()
_groups: WeakKeyDictionary[Vocabulary, dict[str, pd.Series]] = WeakKeyDictionary()
_places: WeakKeyDictionary[Vocabulary, dict[str, dict[str, int]]] = WeakKeyDictionary()


def category_columns(vocabulary: Vocabulary) -> list[str]:
    """Return the item table's columns that group items: few values, more than one.

    Those with a telling name come first.
    """
    if vocabulary not in _known:
        _known[vocabulary] = _category_columns(vocabulary)
    return list(_known[vocabulary])


def _category_columns(vocabulary: Vocabulary) -> list[str]:
    table = vocabulary.table
    found = []
    for column in table.columns:
        if column in KNOWN_COLUMNS:
            continue
        groups = _item_groups(vocabulary, column)
        if 2 <= groups.nunique() <= min(MAX_CATEGORIES, max(2, len(table) // 2)):
            _groups.setdefault(vocabulary, {})[column] = groups
            found.append(str(column))
    ranks = {name: rank for rank, name in enumerate(FAVOURITE_COLUMNS)}
    return sorted(found, key=lambda column: ranks.get(column.casefold(), len(ranks)))


def item_groups(vocabulary: Vocabulary, column: str) -> pd.Series:
    """Return the group of each item by a column, as text; an empty cell is an empty text.

    Where whole cells are too many, the first of the values in each. What is returned is kept and
    shared: it is not to be changed.
    """
    kept = _groups.setdefault(vocabulary, {})
    if column not in kept:
        kept[column] = _item_groups(vocabulary, column)
    return kept[column]


def _item_groups(vocabulary: Vocabulary, column: str) -> pd.Series:
    # A gap made whole numbers floats: 7.0 is the group 7.
    values = id_texts(vocabulary.table[column]).fillna("").astype(str)
    if values.nunique() > MAX_CATEGORIES:
        texts = values.unique().tolist()
        is_token_list = column in vocabulary.token_lists
        firsts = [next(iter(parts), "") for parts in cell_values(texts, is_token_list)]
        values = values.map(dict(zip(texts, firsts, strict=True)))
    return values


def group_places(vocabulary: Vocabulary, column: str) -> dict[str, int]:
    """Return the place of each of a column's groups by the number of its items, 0 the largest.

    All that shows groups goes by these places, so a group looks the same wherever it is met.
    """
    kept = _places.setdefault(vocabulary, {})
    if column not in kept:
        kept[column] = places_by_size(item_groups(vocabulary, column))
    return kept[column]


def places_by_size(values: Iterable[str]) -> dict[str, int]:
    """Return the place of each group by how often it is named, 0 the largest; ties by name."""
    sizes: Counter[str] = Counter()
    for value, n in Counter(values).items():
        sizes[group_name(value)] += n
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    return {name: place for place, name in enumerate(names)}


def group_name(value: str) -> str:
    """Return what a group is called by the text of its cells."""
    return value.strip() or NO_GROUP
