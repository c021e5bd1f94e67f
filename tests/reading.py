"""Reading what a page says: its texts, and the tables and small charts that it draws as HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pyarrow as pa
from streamlit.testing.v1 import AppTest

from bert4rec.plain_text import WORD_JOINER


def texts(app: AppTest) -> str:
    """Return all that a page says, of every kind, as it was written in Markdown."""
    running = (app.markdown, app.caption, app.title, app.header, app.subheader)
    boxes = (app.error, app.warning, app.info, app.success, app.toast)
    kinds = (*running, *boxes, app.code, app.text)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def plain(app: AppTest) -> str:
    """Return the same as it is read, without the signs that keep Markdown from obeying it."""
    return texts(app).replace("\\", "").replace(WORD_JOINER, "")


def labels(app: AppTest) -> list[str]:
    """Return what stands on the buttons of a page, in its order."""
    return [button.label for button in app.button]


class TableReader(HTMLParser):
    """Collects headings, rows of cells, and which rows stand out, of one table."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.tinted: list[bool] = []
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self.tinted.append(("class", "tinted") in attrs)
        elif tag in ("th", "td"):
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td") and self._cell is not None:
            (self.headings if tag == "th" else self.rows[-1]).append("".join(self._cell))
            self._cell = None


def read_table(body: str) -> pd.DataFrame:
    """Return a table of HTML as texts by heading; `attrs["tinted"]` tells which rows stand out."""
    reader = TableReader()
    reader.feed(body)
    assert len(set(reader.headings)) == len(reader.headings)
    table = pd.DataFrame(reader.rows[1:], columns=reader.headings, dtype=str)
    table.attrs["tinted"] = reader.tinted[1:]
    return table


def tables(app: AppTest) -> list[pd.DataFrame]:
    """Return the tables of a page that are HTML, in its order."""
    bodies = [element.proto.body for element in app.get("html")]
    return [read_table(body) for body in bodies if "<table" in body]


def table_with(app: AppTest, heading: str) -> pd.DataFrame:
    """Return the first of those tables that has a column of this heading."""
    return next(table for table in tables(app) if heading in table.columns)


def small_charts(app: AppTest) -> list[str]:
    """Return the titles of the small charts of a page that are drawn, in its order."""
    body = "".join(element.proto.body for element in app.get("html"))
    return re.findall('<figure><strong>([^<]+)</strong><img src="data:image/svg', body)


def shown_cells(frame: Any, column: str) -> list[str]:
    """Return what the cells of a table show where its numbers or names are told in words."""
    at = list(frame.value).index(column)
    with pa.ipc.open_stream(frame.proto.arrow_data.styler.display_values) as read:
        return [str(cell) for cell in read.read_pandas().iloc[:, at]]
