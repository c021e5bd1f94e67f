from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.checks import check_dataset
from bert4rec.data.like_ids import like_ids
from bert4rec.data.prepare import prepare


@pytest.mark.parametrize(
    ("ids", "rows", "ways"),
    [
        (["Anna", "Bo", "anna", "ANNA"], [0, 2, 3], "case"),
        (["1", "1.0", "10", "2.00"], [0, 1], "a final .0"),
        (["ann lee", "ann  lee", "ann\u00a0lee", " bo", "bo"], [0, 1, 2, 3, 4], "spaces"),
        (["a", "A ", "7", "7.0"], [0, 1, 2, 3], "case, spaces or a final .0"),
        (["Ärger", "ärger", "Arger"], [0, 1], "case"),
    ],
)
def test_ids_that_differ_in_how_they_are_written_are_found(
    ids: list[str], rows: list[int], ways: str
) -> None:
    found = like_ids(ids)
    assert found is not None
    assert found.rows.tolist() == rows
    assert found.ways == ways


@pytest.mark.parametrize(
    "ids",
    [
        ["1", "2", "10", "1.5", "01"],
        ["1 2", "12"],
        ["", " "],
        # Codes, in which case tells one from the other.
        ["aB3x", "ab3x", "aB3X", "Qw9e", "rTy2"],
        [],
    ],
)
def test_other_ids_are_not(ids: list[str]) -> None:
    assert like_ids(ids) is None


def test_where_case_tells_codes_apart_spaces_and_numbers_are_looked_at_all_the_same() -> None:
    found = like_ids(["aB3x", "ab3x", "aB3x ", "rTy2", "5", "5.0"])
    assert found is not None
    assert found.rows.tolist() == [0, 2, 4, 5]


def test_a_dataset_says_how_many_users_and_items_have_such_ids(workspace: Path) -> None:
    users = [*(f"user{n}" for n in range(30)), "Eve", "eve", "EVE"]
    rows = [(user, f"i{step}", step) for user in users for step in range(5)]
    rows += [("user0", "i1.0", 9), ("user0", "7", 10), ("user1", "7.0", 11)]
    dataset = prepare(pd.DataFrame(rows, columns=["user", "item", "time"]), workspace=workspace)
    said = [check for check in check_dataset(dataset) if "differ only in" in check.message]
    assert [(check.level, check.count) for check in said] == [("warning", 3), ("warning", 2)]
    users_said, items_said = said[0].message, said[1].message
    assert users_said == (
        "3 users have ids that differ only in case from one another, such as 'Eve' and 'eve'; 8.9%"
        " of the interactions are theirs"
    )
    assert items_said.startswith("2 items have ids that differ only in a final .0")
    assert "If they are 1 user, write each id in one way in the log" in said[0].fix


def test_items_without_titles_are_told_of_once(workspace: Path) -> None:
    items = ["Song One", "song one", *(f"song {n}" for n in range(20))]
    rows = [(f"u{user}", item, step) for user in range(30) for step, item in enumerate(items)]
    dataset = prepare(pd.DataFrame(rows, columns=["user", "item", "time"]), workspace=workspace)
    said = [check.message for check in check_dataset(dataset) if "Song One" in check.message]
    assert len(said) == 1
