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
from bert4rec.files import swapped_in
from bert4rec.ranking import Histories
from bert4rec.recommender import BATCH_ROWS, Recommender

if TYPE_CHECKING:
    from collections.abc import Hashable

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


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
        except ValueError as error:
            raise FormatError(
                f"{text!r} is not a JSON list", fix='Write ["a", null, "c"], or a,_,c.'
            ) from error
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise FormatError(f"{text!r} holds an empty item", fix="Write a,b,c, with _ for a gap.")
    return [None if part == "_" else part for part in parts]


def read_pairs(path: Path) -> pd.DataFrame:
    """Read a CSV or Parquet file of pairs; ids are text.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it cannot be read, or lacks a column.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
    try:
        if path.suffix == ".parquet":
            pairs = pd.read_parquet(path)
        else:
            pairs = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FormatError(f"the pairs cannot be read: {reason}", where=path.name) from error
    pairs.columns = pairs.columns.astype(str)
    if "item_id" not in pairs or ("user_id" in pairs) == ("sequence" in pairs):
        raise FormatError(
            f"the columns are {', '.join(map(repr, pairs.columns))}",
            where=path.name,
            fix="Give item_id and either user_id or sequence.",
        )
    return pairs


def score_pairs(
    recommender: Recommender, pairs: pd.DataFrame, *, skip_unknown: bool = False
) -> pd.DataFrame:
    """Return the pairs with a column `score`: how much the candidate is expected next.

    Args:
        recommender: Scores each distinct history once.
        pairs: As `read_pairs` gives them.
        skip_unknown: Leave the score of a pair with an unknown id empty instead of refusing all.

    Raises:
        UnknownIdError: a user or item is not in the dataset; the row is named.

    Cost: one pass of the network for each distinct history.
    """
    key = "user_id" if "user_id" in pairs else "sequence"
    of_history: dict[Hashable, np.ndarray] = {}
    places: list[tuple[int, Hashable, int]] = []
    for row, (given, item) in enumerate(zip(pairs[key], pairs["item_id"], strict=True)):
        history_id = given if isinstance(given, str | int) else tuple(given)
        try:
            if history_id not in of_history:
                of_history[history_id] = _history(recommender, key, given)
            places.append((row, history_id, recommender.vocabulary.idx(str(item))))
        except UnknownIdError as error:
            if not skip_unknown:
                # The header is line 1.
                error.where = f"row {row + 2}"
                raise
    return pairs.assign(score=_scores(recommender, of_history, places, len(pairs)))


def _history(recommender: Recommender, key: str, given: Any) -> np.ndarray:
    if key == "user_id":
        dataset = recommender.dataset
        return np.asarray(dataset.history(dataset.user_idx(str(given))), dtype=np.int64)
    items = parse_items(given) if isinstance(given, str) else list(given)
    if None in items:
        raise FormatError(f"the sequence {given!r} has a gap", fix="Give it without the gap.")
    return recommender.vocabulary.encode([str(item) for item in items])


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
    for start in range(0, len(histories), BATCH_ROWS):
        part = histories[start : start + BATCH_ROWS]
        is_here = (asked[:, 1] >= start) & (asked[:, 1] < start + len(part))
        rows, history, items = asked[is_here].T
        scores = recommender.scorer.scores(Histories.of(part)).cpu().numpy()
        found[rows] = scores[history - start, items - 1]
    return found


def write_pairs(pairs: pd.DataFrame, path: Path) -> None:
    """Write scored pairs as Parquet or, by any other ending than `.parquet`, as CSV."""
    with swapped_in(path) as temporary:
        if path.suffix == ".parquet":
            pairs.to_parquet(temporary, index=False)
        else:
            temporary.write_text(pairs_as_csv(pairs), encoding="utf-8")


def pairs_as_csv(pairs: pd.DataFrame) -> str:
    """Return scored pairs as CSV; no cell starts a formula in a spreadsheet."""
    safe = pairs.copy()
    for name in pairs.columns.drop("score"):
        safe[name] = [_cell(value) for value in pairs[name]]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value if np.isscalar(value) else json.dumps([str(item) for item in value])
    is_number = value.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{value}" if value.startswith(FORMULA_SIGNS) and not is_number else value
