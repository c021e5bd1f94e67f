"""A file of pairs to score: each row a history and a candidate item; and the answer to it.

A history is a user of the dataset (column `user_id`) or a sequence of items, oldest first (column
`sequence`: parted by commas or a JSON list, in Parquet also a list). The candidate is `item_id`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bert4rec.errors import FormatError, NotFoundError, UnknownIdError
from bert4rec.files import is_file, swapped_in
from bert4rec.histories import Histories
from bert4rec.recommender import BATCH_ROWS, Recommender
from bert4rec.spreadsheets import csv_text
from bert4rec.threads import side_by_side

if TYPE_CHECKING:
    from collections.abc import Hashable


def parse_items(text: str) -> list[str | None]:
    """Return the items of a sequence as typed: parted by commas, or a JSON list; `_` is a gap.

    Raises:
        FormatError: an item is empty, or the JSON list is damaged.

    Example:
        >>> parse_items("a, _, c"), parse_items('["one, two", null]')
        (['a', None, 'c'], ['one, two', None])
    """
    if text.lstrip().startswith("["):
        try:
            return [None if item is None else str(item) for item in json.loads(text)]
        except (ValueError, RecursionError) as error:
            raise FormatError(
                f"{text!r} is not a JSON list", fix='Write ["a", null, "c"], or a,_,c.'
            ) from error
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise FormatError(f"{text!r} holds an empty item", fix="Write a,b,c, with _ for a gap.")
    return [None if part == "_" else part for part in parts]


def read_pairs(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file of pairs.

    Returns:
        The columns of the file, ids as text and None where there is none. The index is the number
        of the row, in CSV counted from the header as an editor does.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it cannot be read, or lacks a column.
    """
    if not is_file(path):
        raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
    is_parquet = path.suffix == ".parquet"
    try:
        pairs = pd.read_parquet(path) if is_parquet else _read_csv(path)
    except (ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FormatError(f"the pairs cannot be read: {reason}", where=path.name) from error
    pairs.columns = pairs.columns.astype(str)
    _check_columns(list(pairs.columns), path.name)
    for name in pairs.columns.intersection(["user_id", "item_id"]):
        pairs[name] = pd.Series([_id(value) for value in pairs[name]], dtype=object)
    return pairs.set_axis(range(1, len(pairs) + 1) if is_parquet else range(2, len(pairs) + 2))


def _read_csv(path: Path) -> pd.DataFrame:
    # Were the first line read as names, rows with a comma more would shift under them.
    cells = pd.read_csv(path, header=None, dtype=str, keep_default_na=False)
    return cells[1:].set_axis(cells.iloc[0].tolist(), axis=1).reset_index(drop=True)


def _check_columns(columns: list[str], where: str) -> None:
    if "item_id" not in columns or ("user_id" in columns) == ("sequence" in columns):
        raise FormatError(
            f"the columns are {', '.join(map(repr, columns))}",
            where=where,
            fix="Give item_id and either user_id or sequence.",
        )
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise FormatError(
            f"the column {twice[0]!r} is there more than once",
            where=where,
            fix="Give each column a name of its own.",
        )
    if "score" in columns:
        raise FormatError(
            "the pairs have a column 'score', which the answer would overwrite",
            where=where,
            fix="Call it otherwise, or leave it out.",
        )


def _id(value: Any) -> str | None:
    if np.ndim(value) == 0 and pd.isna(value):
        return None
    # Ids became floats where pandas had a gap in the column: 7.0 is the id 7.
    is_whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if is_whole else value)


def score_pairs(
    recommender: Recommender, pairs: pd.DataFrame, *, skip_unknown: bool = False
) -> pd.DataFrame:
    """Return the pairs with a column `score`: how much the candidate is expected next.

    Args:
        recommender: Scores each distinct history once.
        pairs: As `read_pairs` gives them.
        skip_unknown: Leave the score of a pair empty instead of refusing all, where an id is
            unknown or a sequence cannot be read.

    Raises:
        UnknownIdError: a user or item is not in the dataset; the row is named.
        FormatError: a sequence cannot be read; the row is named.

    Cost: one pass of the network for each distinct history.
    """
    key = "user_id" if "user_id" in pairs else "sequence"
    of_history: dict[Hashable, np.ndarray] = {}
    places: list[tuple[int, Hashable, int]] = []
    rows = zip(pairs.index, pairs[key], pairs["item_id"], strict=True)
    for place, (row, given, item) in enumerate(rows):
        try:
            history_id = _history_id(given, key)
            if history_id not in of_history:
                of_history[history_id] = _history(recommender, key, history_id)
            places.append((place, history_id, recommender.vocabulary.idx(_given(item, "item_id"))))
        except (UnknownIdError, FormatError) as error:
            if not skip_unknown:
                error.where = f"row {row}"
                raise
    return pairs.assign(score=_scores(recommender, of_history, places, len(pairs)))


def _given(value: Any, column: str) -> str:
    known = _id(value)
    if known is None:
        raise UnknownIdError(f"there is no {column}", fix="Fill the gap, or leave the row out.")
    return known


def _history_id(given: Any, key: str) -> str | tuple[str | None, ...]:
    if isinstance(given, list | tuple | np.ndarray):
        return tuple(_id(item) for item in given)
    return _given(given, key)


def _history(recommender: Recommender, key: str, given: str | tuple[str | None, ...]) -> np.ndarray:
    if key == "user_id":
        dataset = recommender.dataset
        return np.asarray(dataset.history(dataset.user_idx(str(given))), dtype=np.int64)
    items = parse_items(given) if isinstance(given, str) else given
    known = [item for item in items if item is not None]
    if len(known) < len(items):
        raise FormatError(f"the sequence {given!r} has a gap", fix="Give it without the gap.")
    return recommender.vocabulary.encode(known)


def _scores(
    recommender: Recommender,
    of_history: dict[Hashable, np.ndarray],
    places: Sequence[tuple[int, Hashable, int]],
    n_pairs: int,
) -> np.ndarray:
    found = np.full(n_pairs, np.nan, dtype=np.float32)
    number = {history_id: place for place, history_id in enumerate(of_history)}
    asked = np.array([(row, number[h], item) for row, h, item in places], dtype=np.int64)
    asked = asked.reshape(-1, 3)
    histories = list(of_history.values())

    def score(batch: slice) -> None:
        is_here = (asked[:, 1] >= batch.start) & (asked[:, 1] < batch.stop)
        rows, history, items = asked[is_here].T
        # One product a pair: the other items of the catalogue are not asked about.
        vectors = recommender.scorer.vectors(Histories.of(histories[batch]))[history - batch.start]
        scores = (vectors * recommender.scorer.item_vectors()[items - 1]).sum(dim=1)
        found[rows] = scores.cpu().numpy()

    n_threads = recommender.scorer.choice.n_side_by_side
    side_by_side(score, len(histories), BATCH_ROWS, n_threads)
    return found


def write_pairs(pairs: pd.DataFrame, path: Path) -> None:
    """Write scored pairs as Parquet or, by any other ending than `.parquet`, as CSV."""
    with swapped_in(path) as temporary:
        if path.suffix == ".parquet":
            pairs.to_parquet(temporary, index=False)
        else:
            temporary.write_text(csv_text(pairs), encoding="utf-8")
