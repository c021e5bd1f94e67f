"""Partitions: folders such as day=2024-05-17, which are a column of the files in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as pq

from bert4rec.data.layout import LINE_FORMS, Layout

# How many folders above a file may name partitions.
MOST_PARTITIONS = 4
# What Hive and Spark write where a row has no value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(file: Path, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the folders of a file, such as `day=2024-05-17`, that become columns.

    They do where the file has no columns of their names itself.
    """
    above = file.parts[:-1][-MOST_PARTITIONS:]
    folders = tuple(part for part in above if re.fullmatch("[^=]+=[^=]*", part))
    own = {name.casefold() for name in columns}
    return () if own & {name.casefold() for name in names_of(folders)} else folders


def names_of(partitions: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that partitions become.

    Example:
        >>> names_of(["day=2024-05-17", "hour=7"])
        ('day', 'hour')
    """
    return tuple(folder.partition("=")[0] for folder in partitions)


def parquet_partitions(file: Path) -> tuple[str, ...]:
    """Return the partitions of a Parquet file.

    Raises:
        ArrowException, OSError: the file is damaged.
    """
    return partitions_of(file, pq.read_schema(file).names) if partitions_of(file, ()) else ()


def with_partitions(layout: Layout, file: Path) -> Layout:
    """Return the layout of a file of text with its partitions as the last columns.

    Lines that hold whole histories get none.
    """
    folders = () if layout.form in LINE_FORMS else partitions_of(file, layout.columns)
    values = tuple(folder.partition("=")[2] for folder in folders)
    cells = tuple("" if value == NO_VALUE else unquote(value) for value in values)
    return replace(
        layout,
        columns=(*layout.columns, *names_of(folders)),
        rows=tuple((*row, *cells) for row in layout.rows),
        partitions=names_of(folders),
    )
