"""Frames in memory as sources, and where in one a text is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from bert4rec.data.layout import N_EXAMPLES, Layout
from bert4rec.data.roles import dtype_of
from bert4rec.data.source import Source
from bert4rec.errors import LogError

# Half of a pair of surrogates, as a cut or an escape in JSON leaves it.
HALF = re.compile("[\ud800-\udfff]")
MENDED = ".str.encode('utf-16', 'surrogatepass').str.decode('utf-16', 'replace')"


def frame_source(frame: pd.DataFrame, name: str) -> Source:
    """Return a frame as a source; its columns are described as those of a file are."""
    names = tuple(str(column) for column in frame.columns)
    if len(set(names)) < len(names) or len(names) < 2:
        raise LogError(
            "the frame needs at least two columns, each with a name of its own",
            where=name,
            fix="Give a frame with user_id, item_id and, if known, timestamp.",
        )
    if not len(frame):
        raise LogError("the frame has no rows", where=name, fix="Give a frame with interactions.")
    for place, column_name in enumerate(names, start=1):
        if HALF.search(column_name):
            raise _no_text(f"{name}, the name of column {place}")
    head = frame.head(N_EXAMPLES)
    columns = [head.iloc[:, place] for place in range(len(names))]
    texts = [_texts(column) for column in columns]
    dtypes = tuple(
        "timestamp" if pd.api.types.is_datetime64_any_dtype(column.dtype) else dtype_of(text)
        for column, text in zip(columns, texts, strict=True)
    )
    rows = tuple(zip(*texts, strict=True))
    layout = Layout("frame", "a frame in memory", names, rows, dtypes=dtypes)
    renamed = frame.set_axis(list(names), axis=1)
    return Source(name, layout, frame=renamed, size_bytes=int(frame.memory_usage().sum()))


def _texts(column: pd.Series) -> list[str]:
    # As a column of text, pandas would refuse what may stand where nobody reads it.
    given = zip(column, column.notna(), strict=True)
    return [str(value) if is_given else "" for value, is_given in given]


@contextmanager
def text_checked(source: Source, columns: Sequence[str]) -> Iterator[None]:
    """Name the place of a text in a frame that no other library takes.

    Args:
        source: What is read, a frame or not.
        columns: Those of its columns that are.

    Raises:
        LogError: in place of their error.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        if source.frame is None:
            raise
        place = _first_half(source.frame[list(columns)])
        raise _no_text(f"{source.name}, {place}") from error


def _first_half(frame: pd.DataFrame) -> str:
    return next(
        f"row {row:,} of column {name!r}"
        for name, column in frame.items()
        for row, value in enumerate(column, start=1)
        if isinstance(value, str) and HALF.search(value)
    )


def _no_text(where: str) -> LogError:
    return LogError(
        "a text holds half of a pair of surrogates, which is no sign",
        where=where,
        fix=f"Join or replace such halves first: column{MENDED}.",
    )
