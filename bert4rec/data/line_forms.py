"""Logs of which a line holds a whole history: sequences, sessions, and pupils' three lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bert4rec.data.layout import Layout
from bert4rec.errors import LogError

# What parts the items of a line, as a regular expression, by the layout's delimiter.
PARTED_BY = {" ": r"\s+", ",": r"\s*,\s*"}
# How many items a line can hold, as a number.
COUNT = re.compile(r"\d{1,9}")


def sequences_layout(lines: Sequence[str], reason: str) -> Layout:
    """Cut lines of a user and then items."""
    delimiter, tokens = _tokens(lines)
    pairs = [(user, item) for user, *items in tokens for item in items]
    return Layout("sequences", reason, ("user", "item"), tuple(pairs), delimiter, "", False)


def sessions_layout(lines: Sequence[str], reason: str) -> Layout:
    """Cut lines of items alone; the number of the line stands for the user."""
    delimiter, tokens = _tokens(lines)
    pairs = [(str(n), item) for n, items in enumerate(tokens, start=1) for item in items]
    return Layout("sessions", reason, ("user", "item"), tuple(pairs), delimiter, "", False)


def _tokens(lines: Sequence[str]) -> tuple[str, list[list[str]]]:
    is_by_comma = sum("," in line for line in lines) * 2 > len(lines)
    delimiter = "," if is_by_comma else " "
    return delimiter, [re.split(PARTED_BY[delimiter], line.strip()) for line in lines]


def are_sequences(lines: Sequence[str]) -> bool:
    """Whether each line is a user that comes once and items, all of them plain ids."""
    rows = [line.split() for line in lines]
    users = [row[0] for row in rows]
    is_plain = all(re.fullmatch(r"[\w:/-]+", token) for row in rows for token in row)
    is_numeric = sum(token.isdigit() for row in rows for token in row) > 0
    longer = sum(len(row) > 1 for row in rows)
    return is_plain and is_numeric and longer * 2 > len(rows) and len(set(users)) == len(users)


def are_triples(lines: Sequence[str]) -> bool:
    """Whether the lines are a number, that many items, and that many values, again and again."""
    blocks = _blocks(lines)
    return bool(blocks) and all(_is_block(block) for block in blocks)


def _blocks(lines: Sequence[str]) -> list[Sequence[str]]:
    return [lines[start : start + 3] for start in range(0, len(lines) - 2, 3)]


def _is_block(block: Sequence[str]) -> bool:
    n, items, values = (_cells(line) for line in block)
    is_count = len(n) == 1 and COUNT.fullmatch(n[0]) is not None
    return is_count and int(n[0]) == len(items) == len(values)


def _cells(line: str) -> list[str]:
    return line.strip().rstrip(",").split(",")


def triples_layout(lines: Sequence[str], where: str) -> Layout:
    """Cut blocks of three lines: how many, the items, and a value for each.

    Raises:
        LogError: the first lines are no such block.
    """
    blocks = _blocks(lines)
    if not blocks or not _is_block(blocks[0]):
        raise LogError(
            "the first three lines are not a number, that many items and that many values",
            where=f"{where}, line 1",
            fix="Choose another form, or write three lines a user: 2, then x,y, then 1,0.",
        )
    rows = [
        (str(n), item, value)
        for n, (_, items, values) in enumerate(blocks, start=1)
        for item, value in zip(_cells(items), _cells(values), strict=False)
    ]
    reason = "three lines a user: how many, the items, and a value for each"
    return Layout("triples", reason, ("user", "item", "value"), tuple(rows), ",", "", False)
