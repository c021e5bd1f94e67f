"""What room names take in tables of Streamlit, which cut without a sign what is wider than a cell.

Where they would be, the middle of a name is left out; the whole one is in the table's own file and
in the box that opens by a double click.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from math import ceil
from typing import NamedTuple
from unicodedata import east_asian_width

from bert4rec.plain_text import contained, shortened_within

# What a cell takes beside its text; a sign of it, a thin, a wide one, one as wide as it is high.
CELL_PX, LETTER_PX, THIN_PX, WIDE_PX, SQUARE_PX = 16, 7, 5, 10, 14
THIN_LETTERS, WIDE_LETTERS = "fijlrtI .,:;'!|()[]-", "mw@%…—"
# The column of names of runs, and that of names of their data.
MIN_NAME_PX, MAX_NAME_PX = 140, 200
MIN_DATA_PX, MAX_DATA_PX = 84, 130
# Streamlit breaks text into lines in rows of more than 64 pixels, which hold three.
ROW_PX, TALL_ROW_PX, N_LINES = 35, 66, 3
MAX_ROWS, MAX_TALL = 11, 8


class NameRoom(NamedTuple):
    """What names take in a list: the width of their column, the height of a row; in pixels."""

    width: int
    row: int

    def text(self, name: str) -> str:
        """Return a name as its cell shows it: without its middle where it is too long."""
        room = self.width - CELL_PX
        if self.row == ROW_PX:
            return text_within(name, room)
        # Each line but the last may end before it is full.
        return text_within(name, N_LINES * room - (N_LINES - 1) * 3 * LETTER_PX)

    def height(self, n_rows: int) -> int:
        """Return the height of a table of so many rows; it scrolls where that is much.

        It ends within a row then: where it ends between two, nothing says that more are there.
        """
        most = MAX_ROWS if self.row == ROW_PX else MAX_TALL
        return ROW_PX + 2 + self.row * min(n_rows, most) - (self.row // 2 if n_rows > most else 0)


def name_room(names: Iterable[str]) -> NameRoom:
    """Return what room most names of runs need: a line, or three, in a wider column if need be.

    Rows are all of one height. Those of one line cut a few long names of many, unless these would
    look alike then.

    Example:
        >>> long = "the same with half of the dropout"
        >>> name_room(["first"]), name_room([*"abcdefgh", long]), name_room(["first", long])
        (NameRoom(width=140, row=35), NameRoom(width=200, row=35), NameRoom(width=140, row=66))
    """
    names = list(names)
    widest = max(map(text_px, names), default=0)
    low = NameRoom(_between(widest + CELL_PX, MIN_NAME_PX, MAX_NAME_PX), ROW_PX)
    n_long = sum(text_px(name) > MAX_NAME_PX - CELL_PX for name in names)
    are_apart = len({*map(low.text, names)}) == len({*names})
    if not n_long or (len(names) > MAX_TALL and 2 * n_long <= len(names) and are_apart):
        return low
    # A line may end before it is full.
    wanted = ceil(widest / N_LINES) + CELL_PX + 3 * LETTER_PX
    return NameRoom(_between(wanted, MIN_NAME_PX, MAX_NAME_PX), TALL_ROW_PX)


def data_room(names: Iterable[str], row: int) -> NameRoom:
    """Return what room the names of datasets have in rows that names of runs made so high.

    Example:
        >>> data_room(["log"], ROW_PX), data_room(["listens of the last spring"], ROW_PX)
        (NameRoom(width=84, row=35), NameRoom(width=130, row=35))
    """
    widest = max(map(text_px, names), default=0)
    lines = 1 if row == ROW_PX else N_LINES
    slack = 0 if lines == 1 else 3 * LETTER_PX
    return NameRoom(_between(ceil(widest / lines) + CELL_PX + slack, MIN_DATA_PX, MAX_DATA_PX), row)


def cell_text(width: int) -> Callable[[object], str]:
    """Return what writes a name into a cell of one line that is so wide, in pixels."""
    return lambda name: text_within(str(name), width - CELL_PX)


def cell_beginning(width: int) -> Callable[[object], str]:
    """Return what writes text into a cell so wide, in pixels: of a longer one its beginning.

    Example:
        >>> cell_beginning(120)("Ode to Joy, then another one"), cell_beginning(120)(None)
        ('Ode to Joy, th…', '')
    """
    return lambda text: "" if text is None else _beginning(str(text), width - CELL_PX)


def _beginning(text: str, room: int) -> str:
    ends = list(accumulate(map(_sign_px, text)))
    if not ends or ends[-1] <= room:
        return contained(text)
    n = bisect_right(ends, room - _sign_px("…"))
    return contained(text[:n].rstrip(" ,;→") + "…")


def text_px(text: str) -> int:
    """Return about how wide a text is in a cell, rather too much than too little.

    Example:
        >>> text_px("balanced"), text_px("BALANCED"), text_px("春")
        (54, 80, 14)
    """
    return sum(map(_sign_px, text))


def text_within(text: str, room: int) -> str:
    """Return a text that is at most about so wide, in pixels, if need be without its middle.

    Example:
        >>> text_within("the same with half of the dropout", 120), text_within("first", 120)
        ('the same…dropout', 'first')
    """
    n = len(text)
    while n > 1 and text_px(shown := shortened_within(text, n)) > room:
        # As many signs at once as surely must go.
        n -= max(1, (text_px(shown) - room) // (2 * SQUARE_PX))
    return shortened_within(text, n)


def _sign_px(sign: str) -> int:
    if east_asian_width(sign) in "WF":
        return SQUARE_PX
    if sign in THIN_LETTERS:
        return THIN_PX
    return WIDE_PX if sign.isupper() or sign in WIDE_LETTERS else LETTER_PX


def _between(px: int, least: int, most: int) -> int:
    return min(max(px, least), most)
