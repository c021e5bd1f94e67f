from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from bert4rec.plain_text import WORD_JOINER
from bert4rec.spreadsheets import csv_text, harmless, unseen_harmless

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1-1",
    "@x",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "-",
    "+-1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_neither_a_cell_nor_a_name_of_a_column_starts_a_formula(text: str) -> None:
    table = pd.DataFrame({"id": ["a", "b"], text: [text, "plain"]})
    rows = list(csv.reader(io.StringIO(csv_text(table), newline="")))
    shown = "'" + text.replace("\r", "\n")
    assert rows == [["id", shown], ["a", shown], ["b", "plain"]]


@pytest.mark.parametrize("text", ["-5", "+1.5", "1e-7", "a=b", "", "'=1"])
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


def test_numbers_gaps_and_lists_keep_their_meaning() -> None:
    table = pd.DataFrame(
        {
            "n": [-1.0, 2.5],
            "gap": [None, "x"],
            "items": [["=a", "b"], None],
            "is_new": [True, False],
        }
    )
    lines = csv_text(table).splitlines()
    assert lines == ["n,gap,items,is_new", '-1.0,,"[""=a"", ""b""]",True', "2.5,x,,False"]


def test_columns_of_one_name_are_each_kept_safe() -> None:
    table = pd.DataFrame([["=a", "=b"]], columns=["x", "x"])
    assert csv_text(table) == "x,x\n'=a,'=b\n"


def test_a_line_end_inside_of_a_text_starts_no_line() -> None:
    table = pd.DataFrame({"x": ["a\r=1", "b\n=1", "c\r\n=1"]})
    assert len(list(csv.reader(io.StringIO(csv_text(table), newline="")))) == 4


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_a_table_that_others_write_as_csv_starts_no_formula_and_looks_the_same(
    text: str, dtype: str
) -> None:
    table = pd.DataFrame({text: pd.Series([text, "plain"], dtype=dtype), "n": [-1.0, 2.0]})
    safe = unseen_harmless(table)
    # Browsers quote no carriage return: what follows it would be a line of its own.
    shown = WORD_JOINER + text.replace("\r", "\n")
    assert [*safe.columns] == [shown, "n"]
    assert [*safe.iloc[:, 0]] == [shown, "plain"]
    assert [*safe["n"]] == [-1.0, 2.0]
    # The table itself is somebody else's.
    assert [*table.columns] == [text, "n"]
    assert table.iloc[0, 0] == text


def test_a_table_without_formulas_keeps_values_and_kinds() -> None:
    table = pd.DataFrame(
        {
            "text": ["a", None],
            "items": [["a", "b"], None],
            "at": pd.to_datetime(["2026-01-01", None]),
            "share": [0.5, None],
        }
    )
    pd.testing.assert_frame_equal(unseen_harmless(table), table)
    lists = pd.DataFrame({"x": [["=a", "b"], ["c", "d"]], "y": ["a\r=1", "b"]})
    safe = unseen_harmless(lists)
    assert [*safe["x"]] == [[f"{WORD_JOINER}=a", "b"], ["c", "d"]]
    assert [*safe["y"]] == ["a\n=1", "b"]
