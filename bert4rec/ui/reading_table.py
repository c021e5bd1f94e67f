"""Tables that are read from top to bottom, as plain HTML.

A browser draws one in a millisecond where `st.dataframe` takes twenty-five, wraps what is long, and
reads it aloud. Tables to sort, search or pick from stay with Streamlit (decision 0029).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from bert4rec.plain_text import contained
from bert4rec.words import number, percent

# Longer headings, as names of runs, are broken into lines.
MAX_HEAD = 24


class Column(NamedTuple):
    """A column of a table.

    Args:
        name: Of the column in the frame.
        title: Its heading.
        about: What is told to who points at the heading.
        words: How a value is written, if not as text.
        is_number: Whether it stands at the right.
        full: Value at which a bar beside the words is full; None for no bar.
        is_signed: Whether bars begin in the middle, at a marked 0, and go to either side.
        is_id: Whether it may be cut where there is little room; pointing at it tells the whole.
        below: Column of the frame whose text stands small below; nothing for none.
    """

    name: str
    title: str
    about: str = ""
    words: Callable[[Any], str] = str
    is_number: bool = False
    full: float | None = None
    is_signed: bool = False
    is_id: bool = False
    below: str = ""


def count_column(name: str, title: str, about: str = "") -> Column:
    """Return a column of whole numbers."""
    return Column(name, title, about, words=number, is_number=True)


def share_column(name: str, title: str, about: str = "", *, full: float = 1.0) -> Column:
    """Return a column of shares of 1, each with a bar that is full at `full`."""
    return Column(name, title, about, words=percent, full=full or 1.0)


def draw_table(
    table: pd.DataFrame,
    columns: Sequence[Column],
    *,
    alt: str,
    is_tinted: Sequence[bool] = (),
    width_px: int | None = None,
) -> None:
    """Draw a table.

    Args:
        table: One row a line.
        columns: What is shown of it, from left to right.
        alt: Name of the table for those who cannot see it.
        is_tinted: Whether a row stands out, by row; none does without it.
        width_px: How wide it is at most; as wide as its place without it.
    """
    st.html(table_html(table, columns, alt=alt, is_tinted=is_tinted), width=width_px or "stretch")


def table_html(
    table: pd.DataFrame, columns: Sequence[Column], *, alt: str, is_tinted: Sequence[bool] = ()
) -> str:
    """Return a table as HTML in which nothing from a log is more than text; see `draw_table`."""
    heads = "".join(_head(column) for column in columns)
    # Not by rows of the frame, which would make whole numbers floating.
    cells = [_cells(table, column) for column in columns]
    rows = "".join(
        f"<tr{' class=tinted' if at < len(is_tinted) and is_tinted[at] else ''}>{''.join(row)}</tr>"
        for at, row in enumerate(zip(*cells, strict=True))
    )
    return (
        f'<div class="reading-table"><table aria-label="{_text(alt)}">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _head(column: Column) -> str:
    about = f' title="{_text(column.about)}"' if column.about else ""
    kind = " class=long" if len(column.title) > MAX_HEAD else _kind(column)
    return f'<th scope="col"{kind}{about}>{_text(column.title)}</th>'


def _cells(table: pd.DataFrame, column: Column) -> list[str]:
    below = table[column.below] if column.below else [""] * len(table)
    pairs = zip(table[column.name], below, strict=True)
    return [_cell(column, value, str(small)) for value, small in pairs]


def _cell(column: Column, value: Any, below: str) -> str:
    words = "–" if pd.isna(value) else _text(column.words(value))
    if column.full is None:
        whole = f' title="{words}"' if column.is_id else ""
        small = f"<small>{_text(below)}</small>" if below else ""
        return f"<td{_kind(column)}{whole}>{words}{small}</td>"
    bar = _bar(column, 0.0 if pd.isna(value) else float(value))
    return f"<td{_kind(column)}><div>{bar}<span>{words}</span></div></td>"


def _bar(column: Column, value: float) -> str:
    share = min(1.0, max(-1.0, value / (column.full or 1.0)))
    if not column.is_signed:
        return f'<div class="track"><div style="width:{max(share, 0.0):.1%}"></div></div>'
    place = f"margin-left:{min(0.5, 0.5 + share / 2):.1%};width:{abs(share) / 2:.1%}"
    return f'<div class="track signed"><div style="{place}"></div></div>'


def _kind(column: Column) -> str:
    if column.full is not None:
        return " class=bar"
    if column.is_id:
        return " class=id"
    return " class=number" if column.is_number else ""


def _text(words: str) -> str:
    return escape(contained(words))
