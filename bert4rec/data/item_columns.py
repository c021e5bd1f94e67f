"""The columns of an item table: which hold ids and titles, told by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bert4rec.data.layout import JSON_FORMS
from bert4rec.data.roles import ALIASES, guess_role, guess_roles, plain_name
from bert4rec.data.source import Source, open_source
from bert4rec.errors import LogError

TITLES = (
    "title name movietitle trackname tracktitle songtitle songname booktitle productname"
    " producttitle coursename coursetitle itemname itemtitle artistname skillname displayname"
    " originaltitle label track song"
).split()


@dataclass(frozen=True)
class ItemColumns:
    """The columns of an item table, and which are told by their names to hold id and title."""

    names: tuple[str, ...]
    key: str | None
    title: str | None


def item_columns(
    path: str | Path, *, log_item: str | None = None, max_bytes: int | None = None
) -> ItemColumns:
    """Read the head of an item table and tell its columns, as `read_item_table` does.

    Raises:
        LogError: the file is no table, or larger than `max_bytes`.
    """
    return told_columns(open_source(path, max_bytes=max_bytes, of_items=True), log_item)


def told_columns(
    source: Source, log_item: str | None, key: str | None = None, title: str | None = None
) -> ItemColumns:
    """Tell the columns of a table that is open; `key` and `title` are those that were named.

    Raises:
        LogError: there is no column of a name that was given.
    """
    names = _names(source)
    for column in filter(None, (key, title)):
        if column not in names:
            raise LogError(
                f"the item table has no column {column!r}",
                where=source.name,
                fix=f"Its columns are {', '.join(names)}.",
            )
    key = key or _told_key(source, names, log_item)
    return ItemColumns(names, key, title or _told_title(_own(names, source), key))


def _names(source: Source) -> tuple[str, ...]:
    """Return the columns' names; without a header the first is the id and the second the title."""
    layout = source.layout
    if _has_names(source):
        return layout.columns
    n = len(layout.columns)
    further = ("category",) if n == 3 else tuple(f"column{place}" for place in range(3, n + 1))
    return ("item_id", "title", *further)


def _has_names(source: Source) -> bool:
    return source.layout.has_header or source.layout.form in (*JSON_FORMS, "parquet", "frame")


def _own(names: Sequence[str], source: Source) -> list[str]:
    """Return the columns that say something of the item itself, not of the playlist it is in."""
    layout = source.layout
    levels = [level for level, _ in layout.paths] or [0] * len(names)
    return [n for n, level in zip(names, levels, strict=False) if level == len(layout.lists)]


def _told_key(source: Source, names: Sequence[str], log_item: str | None) -> str | None:
    if log_item is not None and log_item in names and _has_names(source):
        return log_item
    if "item_id" in names:
        return "item_id"
    columns = source.layout.described()
    # A log of playlists with their tracks serves as a table of the tracks, too.
    guess = guess_roles(columns)["item"] if source.layout.lists else guess_role("item", columns)
    certain = guess.column if guess.is_certain else None
    if certain is not None and plain_name(certain) in ALIASES["item"].partition("|")[0].split():
        return certain
    # Tables call their key just id; logs do not, as there it could be the id of the row. Beside it
    # a column such as `title` or `movie` holds titles.
    return next((name for name in names if plain_name(name) in ("id", "index", "key")), certain)


def _told_title(names: Sequence[str], key: str | None) -> str | None:
    by_name = {plain_name(name): name for name in reversed(names) if name != key}
    return next((by_name[alias] for alias in TITLES if alias in by_name), None)
