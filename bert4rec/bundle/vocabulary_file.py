"""The items of a model as a JSON file, for whoever opens it without the dataset.

JSON rather than Parquet, as a file from elsewhere may not grow when it is read: no packing, no
dictionaries, and every reader in every language.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def write_vocabulary(vocabulary: Vocabulary, path: Path) -> None:
    """Write the items, column by column; row n of a column is item n + 1.

    Text, numbers and truth stay what they are, and lists of them; whatever else a column holds, as
    moments or lists of lists, is written as text.
    """
    table = vocabulary.table
    columns = {str(name): list(_plain_values(table[name])) for name in table.columns}
    columns |= {"item_id": vocabulary.item_ids, "title": vocabulary.titles}
    columns["count"] = vocabulary.counts.tolist()
    document = {
        "n_items": len(vocabulary),
        "token_lists": sorted(vocabulary.token_lists),
        "columns": columns,
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8", errors="replace")


def _plain_values(column: pd.Series) -> Iterator[Any]:
    for value in column:
        found = _plain(value)
        if isinstance(found, list):
            found = [str(one) if isinstance(one, list) else one for one in found]
        yield found


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


def read_vocabulary(path: Path) -> Vocabulary:
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
    if not all(isinstance(text, str) for text in (*ids, *titles)) or len(set(ids)) < n_items:
        raise FormatError("its ids are not texts that differ")
    if not all(type(count) is int and 0 <= count < 2**62 for count in counts):
        raise FormatError("its counts are not whole numbers")
    token_lists = document.get("token_lists", [])
    if not isinstance(token_lists, list) or not all(isinstance(name, str) for name in token_lists):
        raise FormatError("its token_lists are not names of columns")
    table = pd.DataFrame({str(name): _series(columns[name]) for name in columns})
    return Vocabulary(table, token_lists)


def _series(values: list[Any]) -> pd.Series:
    given = [value for value in values if value is not None]
    has_gap = 0 < len(given) < len(values)
    # A gap would make whole numbers floats, of which one stands for many large ones.
    if has_gap and all(type(value) is int for value in given):
        least, greatest = min(given), max(given)
        if least >= -(2**63) and greatest < 2**63:
            return pd.Series(values, dtype="Int64")
        if least >= 0 and greatest < 2**64:
            return pd.Series(values, dtype="UInt64")
    return pd.Series(values)


def _is_column(column: Any, n_items: int) -> bool:
    return (
        isinstance(column, list)
        and len(column) == n_items
        and all(
            isinstance(value, PLAIN)
            or (isinstance(value, list) and all(isinstance(one, PLAIN) for one in value))
            for value in column
        )
    )
