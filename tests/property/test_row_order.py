from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.data import row_order
from bert4rec.data.row_order import OrderedRows, order_rows, user_blocks
from bert4rec.data.staged_rows import DTYPES, StagedRows

WHOLE = st.integers(0, 3).map(float)
# With the bits of users and places they are too many for one sort key.
LONG = st.sampled_from([0.0, 1.0, 2.0**40, 2.0**55])
BROKEN = st.sampled_from([-0.5, 0.25, 1e18, 3.0])


def staged(folder: Path, columns: dict[str, list[float]]) -> StagedRows:
    folder.mkdir()
    for name, values in columns.items():
        np.array(values, dtype=DTYPES[name]).tofile(folder / name)
    ids = {name: pa.array([str(code) for code in range(6)]) for name in "ui"}
    none = pa.array([], pa.string())
    return StagedRows(
        folder, len(columns["u"]), frozenset(columns), ids["u"], ids["i"], none, time_divisor=1.0
    )


def rows_in(ordered: OrderedRows, names: str) -> list[tuple[float, ...]]:
    n = int(ordered.offsets[-1])
    users = np.repeat(np.arange(len(ordered.offsets) - 1), np.diff(ordered.offsets))
    others = [ordered.at(name, np.arange(n)) if n else [] for name in names]
    return [tuple(float(cell) for cell in row) for row in zip(users, *others, strict=True)]


def ordered_by_hand(rows: list[tuple[float, ...]], *, is_deduped: bool) -> list[tuple[float, ...]]:
    ordered = sorted(rows, key=lambda row: (row[0], row[2] if len(row) > 2 else 0))
    return list(dict.fromkeys(ordered)) if is_deduped else ordered


@pytest.mark.parametrize(
    "times", [None, WHOLE, LONG, BROKEN], ids=["none", "whole", "long", "broken"]
)
@pytest.mark.parametrize("block_rows", [2, 1 << 20])
@given(data=st.data())
def test_rows_are_ordered_as_a_plain_sort_orders_them(
    times: st.SearchStrategy[float] | None, block_rows: int, data: st.DataObject
):
    code = st.integers(0, 5)
    cells = (code, code) if times is None else (code, code, times)
    rows = data.draw(st.lists(st.tuples(*cells), max_size=40))
    names = "uin"[: len(cells)]
    is_wanted = data.draw(
        st.none() | st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))
    )
    drops = data.draw(st.booleans())
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    with tempfile.TemporaryDirectory() as home, patch.object(row_order, "ROWS_SORTED", block_rows):
        ordered = order_rows(
            staged(Path(home) / "rows", columns),
            Path(home) / "ordered",
            is_wanted=None if is_wanted is None else np.array(is_wanted, dtype=bool),
            drop_duplicates=drops,
        )
        found = rows_in(ordered, names[1:])
    wanted = [row for n, row in enumerate(rows) if is_wanted is None or is_wanted[n]]
    expected = ordered_by_hand(wanted, is_deduped=drops and times is not None)
    assert found == [tuple(float(cell) for cell in row) for row in expected]
    assert ordered.n_duplicates == len(wanted) - len(expected)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 12))
def test_blocks_hold_each_user_once(lengths: list[int], block_rows: int):
    offsets = np.cumsum([0, *lengths])
    with patch.object(row_order, "ROWS_SORTED", block_rows):
        blocks = list(user_blocks(offsets))
    assert [user for first, end in blocks for user in range(first, end)] == list(
        range(len(lengths))
    )
