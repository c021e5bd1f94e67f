"""The items of a model as a JSON file, for whoever opens it without the dataset.

JSON rather than Parquet, as a file from elsewhere may not grow when it is read: no packing, no
dictionaries, and every reader in every language.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bert4rec.data.layout import MOST_COLUMNS
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import FormatError
from bert4rec.json_files import read_json

NEEDED = ("item_id", "title", "count")
# Those of an item table, with what it may lack.
MAX_COLUMNS = MOST_COLUMNS + len(NEEDED)
PLAIN = (str, int, float, bool, type(None))


class BundledItems(NamedTuple):
    """The items of a bundle.

    Args:
        vocabulary: The items.
        training_counts: How often each occurs in what trained, int64 (N,); None in bundles of
            before that was written.
    """

    vocabulary: Vocabulary
    training_counts: np.ndarray | None


def write_vocabulary(vocabulary: Vocabulary, path: Path, training_counts: np.ndarray) -> None:
    """Write the items, column by column; row n of a column is item n + 1.

    How often each trained stands beside the columns, which are those of the items: whoever reads
    columns alone, as earlier versions do, is not told of another one.

    Text, numbers and truth stay what they are, and lists of them; whatever else a column holds, as
    moments or lists of lists, is written as text.
    """
    table = vocabulary.table
    ours = {
        "item_id": vocabulary.item_ids,
        "title": vocabulary.titles,
        "count": vocabulary.counts.tolist(),
    }
    names = [str(name) for name in table.columns]
    columns: dict[str, list[Any]] = {
        name: ours[name] if name in ours else _plain_values(table.iloc[:, at])
        for at, name in enumerate(names)
    }
    document = {
        "n_items": len(vocabulary),
        "token_lists": sorted(vocabulary.token_lists),
        "columns": columns,
        "training_counts": training_counts.tolist(),
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8", errors="replace")


def _plain_values(column: pd.Series) -> list[Any]:
    """Return the cells of a column as JSON holds them, None for what is missing.

    Cost: texts, whole numbers and truth are taken over as they are, all at once.
    """
    # A series gives out one cell at a time.
    values: list[Any] = column.to_numpy(dtype=object).tolist()
    kinds = set(map(type, values))
    if kinds <= {str, int, bool}:
        return values
    if kinds == {float}:
        return [value if math.isfinite(value) else None for value in values]
    return [_plain_cell(value) for value in values]


def _plain_cell(value: Any) -> Any:
    found = _plain(value)
    if isinstance(found, list):
        return [str(one) if isinstance(one, list) else one for one in found]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PLAIN):
        return value
    return None if value is pd.NaT or value is pd.NA else str(value)


def read_vocabulary(path: Path) -> BundledItems:
    """Read such a file.

    Raises:
        NotFoundError: there is none.
        FormatError: it is damaged.
    """
    document = read_json(path)
    columns = document.get("columns") if isinstance(document, dict) else None
    if not isinstance(columns, dict) or not 3 <= len(columns) <= MAX_COLUMNS:
        raise FormatError("it holds no columns of items")
    if not all(isinstance(columns.get(name), list) for name in NEEDED):
        raise FormatError(f"it lacks one of the columns {', '.join(NEEDED)}")
    n_items = len(columns["item_id"])
    if not n_items or any(not _is_column(column, n_items) for column in columns.values()):
        raise FormatError("its columns are not lists of as many values")
    ids, titles, counts = (columns[name] for name in NEEDED)
    if {*map(type, ids), *map(type, titles)} != {str} or len(set(ids)) < n_items:
        raise FormatError("its ids are not texts that differ")
    if not _are_counts(counts):
        raise FormatError("its counts are not whole numbers")
    trained = document.get("training_counts")
    is_list = isinstance(trained, list) and len(trained) == n_items
    if trained is not None and not (is_list and _are_counts(trained)):
        raise FormatError("its training_counts are not whole numbers, one an item")
    token_lists = document.get("token_lists", [])
    if not isinstance(token_lists, list) or not all(isinstance(name, str) for name in token_lists):
        raise FormatError("its token_lists are not names of columns")
    table = pd.DataFrame({str(name): _series(columns[name]) for name in columns})
    told = None if trained is None else np.array(trained, dtype=np.int64)
    return BundledItems(Vocabulary(table, token_lists), told)


def _are_counts(values: list[Any]) -> bool:
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 2**62


def _series(values: list[Any]) -> pd.Series:
    # A gap would make whole numbers floats, of which one stands for many large ones.
    if set(map(type, values)) == {int, type(None)}:
        given = [value for value in values if value is not None]
        least, greatest = min(given), max(given)
        if least >= -(2**63) and greatest < 2**63:
            return pd.Series(values, dtype="Int64")
        if least >= 0 and greatest < 2**64:
            return pd.Series(values, dtype="UInt64")
    return pd.Series(values)


def _is_column(column: Any, n_items: int) -> bool:
    if not isinstance(column, list) or len(column) != n_items:
        return False
    kinds = set(map(type, column))
    # What JSON holds has no other types than these, objects and lists.
    return kinds <= {*PLAIN, list} and (
        list not in kinds
        or all(set(map(type, value)) <= set(PLAIN) for value in column if type(value) is list)
    )
