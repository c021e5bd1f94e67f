"""Sequences of items as they are typed or stand in a file, one or a column of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import FormatError, UnknownIdError
from bert4rec.histories import Histories
from bert4rec.id_columns import as_codes, raw_id
from bert4rec.words import counted

# Rows that are named of each kind of problem.
MAX_NAMED_ROWS = 20
UNKNOWN_ITEM, UNKNOWN_USER, UNREADABLE = "unknown item", "unknown user", "unreadable"
SHARED_TITLE = "title of several items"
# In place of an index: what is wrong with an item.
IS_UNKNOWN, IS_GAP, IS_EMPTY, IS_SHARED = 0, -1, -2, -3


def parse_items(text: str) -> list[str | None]:
    """Return the items of a sequence as typed: separated by commas, or a JSON list; `_` is a gap.

    Raises:
        FormatError: an item is empty, or the JSON list is damaged.

    Example:
        >>> parse_items("a, _, c"), parse_items('["one, two", null]')
        (['a', None, 'c'], ['one, two', None])
    """
    if text.lstrip().startswith("["):
        try:
            return [raw_id(item) for item in json.loads(text)]
        except (ValueError, RecursionError) as error:
            raise FormatError(
                f"{text!r} is not a JSON list", fix='Write ["a", null, "c"], or a,_,c.'
            ) from error
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise FormatError(f"{text!r} holds an empty item", fix="Write a,b,c, with _ for a gap.")
    return [None if part == "_" else part for part in parts]


@dataclass
class Problems:
    """What was wrong with some rows of a file: counts by kind, and the first rows of each.

    Args:
        counts: Rows by kind of problem.
        rows: The numbers of the first ones, as a spreadsheet counts.
        first: What the very first one is, with its row.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[int]] = field(default_factory=dict)
    first: str = ""

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, found: dict[int, tuple[str, str]], first_row: int) -> None:
        """Take down problems of a batch, kind and words by place, that starts at a row."""
        for place in sorted(found):
            kind, words = found[place]
            self.first = self.first or f"{words}, in row {first_row + place}"
            self.counts[kind] += 1
            named = self.rows.setdefault(kind, [])
            if len(named) < MAX_NAMED_ROWS:
                named.append(first_row + place)

    def as_dict(self) -> dict[str, Any]:
        """Return counts and rows as plain data."""
        return {
            kind: {"count": count, "first_rows": self.rows[kind]}
            for kind, count in self.counts.items()
        }

    def lines(self) -> list[str]:
        """Return a line for each kind: how many, and where."""
        return [
            f"{kind}: {counted(count, 'row')} ({self._named(kind)})"
            for kind, count in self.counts.items()
        ]

    def _named(self, kind: str) -> str:
        named = self.rows[kind]
        more = f" and {self.counts[kind] - len(named):,} more" * (self.counts[kind] > len(named))
        return f"row {', '.join(map(str, named))}{more}"

    def refuse(self, n_rows: int) -> None:
        """Say that rows cannot be used, where there are any.

        Raises:
            UnknownIdError: some name an unknown item or user.
            FormatError: some cannot be read, and no other problem is there.
        """
        if not self:
            return
        kind = FormatError if set(self.counts) == {UNREADABLE} else UnknownIdError
        raise kind(
            f"{self.first}; {len(self):,} of {n_rows:,} rows cannot be used: "
            + "; ".join(self.lines()),
            fix="Mend them, or leave them empty with --skip-unknown (skip_unknown=True).",
            problems=self.as_dict(),
        )


def encode_sequences(
    column: pa.ChunkedArray | pa.Array, vocabulary: Vocabulary
) -> tuple[Histories, dict[int, tuple[str, str]]]:
    """Return a column of sequences as indices.

    Args:
        column: Text as `parse_items` reads it, or lists of ids or titles.
        vocabulary: The items.

    Returns:
        The histories, empty where a row has a problem; and those problems, kind and words by row.

    Raises:
        FormatError: the column holds neither text nor lists.

    Cost: one look into the vocabulary for each different item of the column.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if _is_list(array.type):
        return _encode(array, vocabulary, is_typed=False)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise FormatError(
            f"the sequences are of type {array.type}", fix="Give them as text or as lists."
        )
    is_json = pc.fill_null(pc.starts_with(pc.utf8_ltrim_whitespace(array), "["), False)
    if not pc.any(is_json).as_py():
        return _encode(pc.split_pattern(array, ","), vocabulary, is_typed=True)
    return _encode_mixed(array, np.asarray(is_json), vocabulary)


def _encode_mixed(
    texts: pa.Array, is_json: np.ndarray, vocabulary: Vocabulary
) -> tuple[Histories, dict[int, tuple[str, str]]]:
    """Encode the JSON lists among texts apart from the others, and put all into their order."""
    json_rows, text_rows = np.flatnonzero(is_json), np.flatnonzero(~is_json)
    lists, problems = [], {}
    for row in json_rows:
        try:
            lists.append(parse_items(texts[row].as_py()))
        except FormatError as error:
            lists.append([])
            problems[int(row)] = (UNREADABLE, error.message[:200])
    typed = pc.split_pattern(texts.take(pa.array(text_rows)), ",")
    parts = [
        (json_rows, *_encode(pa.array(lists, pa.list_(pa.string())), vocabulary, is_typed=False)),
        (text_rows, *_encode(typed, vocabulary, is_typed=True)),
    ]
    found: list[np.ndarray] = [np.empty(0, dtype=np.int64)] * len(texts)
    for rows, histories, wrong in parts:
        for place, row in enumerate(rows):
            found[row] = histories.items[histories.offsets[place] : histories.offsets[place + 1]]
        problems |= {int(rows[place]): problem for place, problem in wrong.items()}
    return Histories.of(found), problems


def _is_list(kind: pa.DataType) -> bool:
    return any(
        is_one(kind)
        for is_one in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    )


def _encode(
    lists: pa.Array, vocabulary: Vocabulary, *, is_typed: bool
) -> tuple[Histories, dict[int, tuple[str, str]]]:
    """Return lists of items as indices, and what is wrong with some of them.

    Args:
        lists: The items of each row.
        vocabulary: The items.
        is_typed: Whether spaces around an item are no part of it, and `_` is a gap.
    """
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    codes, values = as_codes(pc.list_flatten(lists))
    known = [_look_up(value, vocabulary, is_typed=is_typed) for value in values]
    items = np.array([*known, IS_GAP], dtype=np.int64)[codes]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    problems: dict[int, tuple[str, str]] = {
        int(row): (UNREADABLE, "there is no sequence")
        for row in np.flatnonzero(np.asarray(lists.is_null()))
    }
    rows = np.repeat(np.arange(len(lengths)), lengths)
    bad = np.flatnonzero(items <= IS_UNKNOWN)
    for place in bad[::-1]:
        given = values[codes[place]] if codes[place] >= 0 else None
        problems[int(rows[place])] = _problem(int(items[place]), given, vocabulary)
    if not problems:
        return Histories(items, offsets), problems
    is_good = np.ones(len(lengths), dtype=bool)
    is_good[list(problems)] = False
    offsets = np.concatenate([[0], np.cumsum(lengths * is_good)]).astype(np.int64)
    return Histories(items[is_good[rows]], offsets), problems


def _look_up(value: Any, vocabulary: Vocabulary, *, is_typed: bool) -> int:
    text = raw_id(value)
    if text is None:
        return IS_GAP
    if is_typed:
        text = text.strip()
        if text in ("", "_"):
            return IS_GAP if text else IS_EMPTY
    found = vocabulary.named(text)
    if len(found) > 1:
        return IS_SHARED
    return found[0] if found else IS_UNKNOWN


def _problem(code: int, given: Any, vocabulary: Vocabulary) -> tuple[str, str]:
    if code == IS_GAP:
        return UNREADABLE, "the sequence has a gap"
    if code == IS_EMPTY:
        return UNREADABLE, "the sequence holds an empty item"
    text = str(given).strip()
    if code == IS_SHARED:
        return SHARED_TITLE, vocabulary.shared_words(text)
    shown = text[:80]
    return UNKNOWN_ITEM, f"item {shown!r} is not in the catalogue of {len(vocabulary):,} items"
