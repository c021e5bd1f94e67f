from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert4rec.data.column_types import id_text, id_texts
from bert4rec.errors import FormatError
from bert4rec.id_columns import IdLookup, as_codes, as_ids, raw_id

COLUMNS = [
    pa.array(["7", "007", " é", None]),
    pa.array([7, -7, 2**62, None]),
    pa.array([2**64 - 1, 0, None], pa.uint64()),
    pa.array([7.0, -0.0, 0.5, -1e-5, 4e15 + 1, 2.0**53 - 1, 2.0**53, 1e16, 1e300, None]),
    pa.array([float("nan"), float("inf"), float("-inf")]),
    pa.array([Decimal("7.00"), Decimal("-7.50"), Decimal("0.00"), Decimal("0.01"), None]),
    pa.array([Decimal("0.0000001"), Decimal("1E+5")], pa.decimal128(20, 7)),
    pa.array([True, False, None]),
    pa.array([b"i0", "é".encode(), b"a\xff'\\\"\x00", b"", None]),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type))
def test_an_id_is_the_same_text_by_sql_by_value_and_in_a_frame(
    column: pa.Array, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"id": column}), tmp_path / "ids.parquet")
    table = duckdb.from_parquet(str(tmp_path / "ids.parquet"))
    by_sql = table.project(id_text("id", str(table.types[0])) + " AS id").fetchall()
    by_value = [raw_id(value) for value in column.to_pylist()]
    assert [row[0] for row in by_sql] == by_value
    assert as_ids(column).cast(pa.string()).to_pylist() == by_value
    framed = id_texts(pd.Series(column.to_pylist(), dtype="object"))
    assert framed.astype(object).where(framed.notna(), None).tolist() == by_value


@pytest.mark.parametrize("kind", ["int8", "int64", "uint64", "float32", "float64"])
def test_numbers_of_a_frame_are_put_into_words_as_one_by_one(kind: str) -> None:
    numbers = [3, 0, 7, 3, 100] if "int" in kind else [7.0, -0.0, 0.1, np.nan, 0.1, 1e16, np.inf]
    column = pd.Series(np.array(numbers, dtype=kind), index=range(5, 5 + len(numbers)), name="at")
    found = id_texts(column)
    plain = [raw_id(value) for value in column.tolist()]
    assert found.astype(object).where(found.notna(), None).tolist() == plain
    assert (found.index.tolist(), found.name) == (column.index.tolist(), "at")
    assert found.dtype == id_texts(column.astype(object)).dtype


@pytest.mark.parametrize(
    ("value", "known"),
    [(Decimal("7.00"), "7"), (True, "true"), (4e15 + 1, "4000000000000001"), (b"ab", "ab")],
)
def test_values_of_other_types_are_found_as_a_log_wrote_them(value: Any, known: str) -> None:
    codes, values = as_codes(pa.array([value]))
    assert IdLookup({known: 3}.get).of(values)[codes].tolist() == [3]


def test_a_column_of_lists_is_refused_in_words() -> None:
    with pytest.raises(FormatError, match="list<item: string>, not one value a row"):
        as_codes(pa.array([["a"], ["b"]]))
