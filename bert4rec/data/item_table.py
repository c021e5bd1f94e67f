"""The item table: titles, categories and whatever else is known of the items, for display."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_string_dtype

from bert4rec.data.column_types import (
    TEXT,
    id_text,
    id_texts,
    is_list_type,
    without_lists,
)
from bert4rec.data.connection import Connection, Scan, quote_name
from bert4rec.data.frames import frame_source, text_checked
from bert4rec.data.item_columns import told_columns
from bert4rec.data.list_cells import with_bars
from bert4rec.data.packing import hash_files
from bert4rec.data.rejects import (
    N_CHARACTERS_KEPT,
    N_REJECTS_KEPT,
    Reject,
    count_uncut,
    fill_raw,
    first_rejects,
)
from bert4rec.data.roles import Roles
from bert4rec.data.scan import NOT_A_RECORD
from bert4rec.data.source import Source, looked_through, open_source, scan_source
from bert4rec.errors import LogError
from bert4rec.id_columns import AROUND_ID

RESERVED = ("item_id", "title", "count")
# Neither 007 nor +49 nor 12E4 is a number to whoever wrote it, nor one of more digits than a float.
WHOLE_NUMBER = r"-?(?:0|[1-9]\d{0,14})"
NUMBER = rf"(?:{WHOLE_NUMBER}(?:\.\d*)?|-?\.\d+)(?:[eE][+-]?\d{{1,2}})?"


@dataclass(frozen=True, eq=False)
class ItemTable:
    """What is known of the items, and from where.

    Args:
        rows: One row an item, as `read_items` returns them.
        name: Name of the file, or `items` for a frame.
        form: Its form, as a layout says it; `frame` for a frame.
        key: The column that held the ids.
        title: The column that held the titles, None if there is none.
        n_rejected: Number of lines that could not be cut into columns or hold no id.
        rejects: The first of them.
        token_lists: Columns of the rows that are lists parted by spaces, as the file states.
    """

    rows: pd.DataFrame
    name: str
    form: str
    key: str
    title: str | None = None
    n_rejected: int = 0
    rejects: tuple[Reject, ...] = ()
    token_lists: tuple[str, ...] = ()


def read_items(
    path: str | Path | pd.DataFrame,
    *,
    key: str | None = None,
    title: str | None = None,
    max_bytes: int | None = None,
) -> pd.DataFrame:
    """Read an item table: any form of a log, MovieLens `movies.dat`, RecBole `.item`, `id::name`.

    Args:
        path: The file, or a frame.
        key: The column of raw item ids; told by its name if omitted.
        title: The column of titles; told by its name if omitted.
        max_bytes: Refuse a table that is larger.

    Returns:
        One row an item, with `item_id` and `title` (str) first and the other columns as they are,
        texts that are all plain numbers as numbers and lists, RecBole's `token_seq` among them, as
        text such as `a|b`. An item without a title is called by its id; of several rows of one item
        the first counts.

    Raises:
        LogError: the file is no table, or no column is certain to hold the item ids.
    """
    table = read_item_table(path, key=key, title=title, max_bytes=max_bytes)
    # A frame cannot say that spaces part the words of a cell; a number is no list.
    lists = {name for name in table.token_lists if is_string_dtype(table.rows[name].dtype)}
    return with_bars(table.rows, lists)


def read_item_table(
    path: str | Path | pd.DataFrame,
    *,
    log_item: str | None = None,
    key: str | None = None,
    title: str | None = None,
    max_bytes: int | None = None,
) -> ItemTable:
    """Read an item table as `read_items` does; say what was taken, and what could not be.

    A table with a column of the name `log_item`, that of the log's items, is joined on it.
    """
    if isinstance(path, pd.DataFrame):
        source = frame_source(path, "items")
    else:
        source = open_source(path, max_bytes=max_bytes, of_items=True)
    columns = told_columns(source, log_item, key, title)
    names, key, title = columns.names, columns.key, columns.title
    if key is None:
        raise LogError(
            "no column of the item table is clearly that of the item ids",
            where=source.name,
            fix="Call it item_id, or name it with --items-key, in the box of the page, or as"
            f" key=.... Its columns are {', '.join(names)}.",
        )
    with text_checked(source, source.layout.columns):
        if source.frame is None:
            found = _of_file(source, names, key, title)
        else:
            found = _of_frame(source.frame, key)
        rows = _arranged(found.table, key, title)
    if not len(rows):
        unread = f" that can be read, and {found.n_rejected:,} others" if found.n_rejected else ""
        raise LogError(
            f"the item table has no rows{unread}",
            where=source.name,
            fix="Choose a file with a row for each item.",
        )
    token_lists = [name for name in source.layout.token_lists if name not in (key, title)]
    return ItemTable(
        rows,
        source.name,
        source.layout.form,
        key,
        title,
        n_rejected=found.n_rejected,
        rejects=found.rejects,
        token_lists=tuple(map(_shown, token_lists)),
    )


def about_items(table: ItemTable, roles: Roles) -> ItemTable:
    """Return a table without what it tells of interactions.

    One that has the log's column of users is a log itself, often the same one: its times and values
    say nothing of an item.
    """
    if roles.user not in table.rows:
        return table
    told = [_shown(name) for role, name in roles.named().items() if role != "item"]
    return replace(table, rows=table.rows.drop(columns=told, errors="ignore"))


class _Found(NamedTuple):
    """All rows of a table, and how many of its lines are of no use."""

    table: pd.DataFrame
    n_rejected: int
    rejects: tuple[Reject, ...]


def _of_frame(frame: pd.DataFrame, key: str) -> _Found:
    n_refused, refused = _refused(frame, key)
    return _Found(frame, n_refused, tuple(Reject(*row) for row in refused))


def _of_file(source: Source, names: Sequence[str], key: str, title: str | None) -> _Found:
    source = looked_through(source)
    if source.is_packed:
        # Hashing looks through packed files to their end.
        hash_files(source.files)
    connection = Connection()
    try:
        return _read(connection, source, names, key, title)
    except duckdb.Error as error:
        raise LogError(
            f"the item table cannot be read: {str(error).splitlines()[0]}",
            where=source.name,
            fix="Check that the file is whole.",
        ) from error
    finally:
        connection.close()


def _read(
    connection: Connection, source: Source, names: Sequence[str], key: str, title: str | None
) -> _Found:
    scan = scan_source(source, connection.spill_folder)
    source = fill_raw(connection, source, scan, lambda columns: columns)
    called = dict(zip(names, source.layout.columns, strict=True))
    shown = [called[name] for name in (key, title) if name is not None]
    table = connection.duckdb.execute(_with_texts(connection, shown)).df()
    no_record = table.pop(NOT_A_RECORD) if NOT_A_RECORD in table else None
    table = table.set_axis(list(names), axis=1)
    n_refused, refused = _refused(table, key, no_record)
    n_rejected = n_refused + count_uncut(connection, source).total()
    return _Found(table, n_rejected, first_rejects(connection, source, refused))


def _with_texts(connection: Connection, shown: Collection[str]) -> str:
    """Return the SELECT of all rows, with ids, titles and bytes as text: a frame rounds numbers."""
    types = connection.types(Scan("SELECT * FROM raw"))
    told = [
        f"{id_text(quote_name(name), sql_type)} AS {quote_name(name)}"
        for name, sql_type in types.items()
        if (name in shown and not is_list_type(sql_type)) or sql_type == "BLOB"
    ]
    return f"SELECT * REPLACE ({', '.join(told)}) FROM raw"


def _refused(
    table: pd.DataFrame, key: str, no_record: pd.Series | None = None
) -> tuple[int, list[tuple[int, str, str]]]:
    """Return how many rows have no id, and of the first their numbers from 1, reasons and texts."""
    places = np.flatnonzero(_ids(table[key]) == "")
    refused = []
    for place in places[:N_REJECTS_KEPT]:
        text = None if no_record is None else no_record.iloc[place]
        reason = "no item id" if pd.isna(text) else "not a JSON object"
        if pd.isna(text):
            text = ", ".join(table.iloc[place].dropna().map(str))
        refused.append((int(place) + 1, reason, str(text)[:N_CHARACTERS_KEPT]))
    return len(places), refused


def _arranged(table: pd.DataFrame, key: str, title: str | None) -> pd.DataFrame:
    ids = _ids(table[key])
    titles = ids if title is None else _texts(without_lists(table[title]))
    others = [name for name in table.columns if name not in (key, title)]
    arranged = pd.DataFrame({"item_id": ids, "title": titles.where(titles != "", ids)})
    for name in others:
        arranged[_shown(name)] = _as_numbers(_of_one_type(without_lists(table[name])))
    is_first = (arranged["item_id"] != "") & ~arranged["item_id"].duplicated()
    return arranged[is_first].reset_index(drop=True)


def _shown(name: str) -> str:
    return f"table_{name}" if name in RESERVED else name


def _ids(column: pd.Series) -> pd.Series:
    return id_texts(column).fillna("").str.strip(AROUND_ID).astype("str")


def _texts(column: pd.Series) -> pd.Series:
    return id_texts(column).fillna("").str.strip().astype("str")


def _of_one_type(column: pd.Series) -> pd.Series:
    """Return a column as it is, or as text where Parquet has no type for all of its values."""
    try:
        table = pa.Table.from_pandas(column.to_frame(), preserve_index=False)
        # Of some types, such as bands of numbers, the schema is written but no row.
        pq.write_table(table.slice(0, 1), pa.BufferOutputStream())
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        return column.astype(object).map(str, na_action="ignore").astype(TEXT)
    return column


def _as_numbers(column: pd.Series) -> pd.Series:
    """Return texts as numbers where all are written as numbers are, and not as codes may be."""
    if not pd.api.types.is_string_dtype(column.dtype):
        return column
    texts = _texts(column)
    given = texts[texts != ""]
    form = NUMBER if given.str.contains(".", regex=False).any() else WHOLE_NUMBER
    is_number = len(given) and given.str.fullmatch(form).all()
    return pd.to_numeric(texts, errors="coerce") if is_number else column


def hash_items(table: ItemTable) -> str:
    """Return the hash of an item table: of its rows, and of which columns are lists."""
    rows = table.rows
    total = hashlib.sha256("\x1f".join(str(name) for name in rows.columns).encode())
    for name in rows.columns:
        column = rows[name].astype("string")
        total.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    total.update("\x1f".join(table.token_lists).encode())
    return total.hexdigest()
