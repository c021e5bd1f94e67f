from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from bert4rec.data.check import Check
from bert4rec.data.checks import check_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.title_signs import shared_titles
from bert4rec.data.vocabulary import Vocabulary

OTHERS = ["Blue Train", "Kind of Blue", "A Love Supreme"]


def pairs_of(*titles: str) -> int:
    found = shared_titles([*titles, *OTHERS])
    return 0 if found is None else found.n_titles


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("múm", "MUM"),
        ("mu\u0301m", "múm"),
        ("DJ Shadow", "dj  shadow"),
        ("DJ\u00a0Shadow", "DJ Shadow"),
        ("Ёлка", "елка"),
        ("Sabrina", "Sabrina"),
    ],
)
def test_case_accents_and_spaces_make_no_other_title(one: str, other: str) -> None:
    assert pairs_of(one, other) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Two bands, of Brazil and of Poland.
        ("Ira!", "IRA"),
        ("ハハ", "パパ"),
        ("कि", "क"),
        ("Vol. 2", "Vol. 3"),
        ("", "  "),
    ],
)
def test_other_signs_make_another_title(one: str, other: str) -> None:
    assert pairs_of(one, other) == 0


def test_codes_are_no_names_that_only_case_could_tell_apart() -> None:
    assert shared_titles(["aB3x", "Ab3X", "zz91"] * 20) is None
    assert shared_titles(["aB3x", "Ab3X", "zz91"] * 20 + OTHERS) is None
    assert shared_titles([]) is None


def test_rows_of_all_and_an_example_of_unlike_spelling_are_told() -> None:
    found = shared_titles(["So What", "Café Del Mar", "Emma", "Cafe del Mar", "So What", "Emma"])
    assert found is not None
    assert found.rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert (found.n_titles, found.example) == (3, (1, 3))


def checked(titles: list[str], n_of_last: int) -> list[Check]:
    """Check a dataset in which the last item occurs as often as told, and others 60 times each."""
    n_items = len(titles)
    ring = [
        [(user + step) % (n_items - 1) + 1 for step in range(n_items - 1)] for user in range(60)
    ]
    sequences = [[*one, n_items] if user < n_of_last else one for user, one in enumerate(ring)]
    dataset = SequenceDataset.from_sequences(sequences, n_items=n_items)
    table = dataset.vocabulary.table.assign(title=titles)
    named = dataclasses.replace(dataset, vocabulary=Vocabulary(pd.DataFrame(table)))
    return [check for check in check_dataset(named) if "share 1 title" in check.message]


def test_items_that_share_a_title_are_told_by_their_share_of_the_interactions() -> None:
    names = [f"Song {n}" for n in range(20)]
    (check,) = checked([*names[:-1], "Múm", "mum"], 20)
    assert (check.level, check.count, check.fix_settings) == ("warning", 2, None)
    assert check.message == (
        "2 items share 1 title, case, accents and spaces aside, such as 'Múm' (20) and 'mum' (21);"
        " 6.6% of the interactions are with them"
    )
    assert checked(names, 20) == []
    (check,) = checked([*names[:-1], "Mum", "Mum"], 20)
    assert check.message.startswith("2 items share 1 title, such as 'Mum' (20) and 'Mum' (21);")


def test_few_interactions_with_them_are_a_note_or_nothing() -> None:
    few = [f"Song {n}" for n in range(199)]
    assert [check.level for check in checked([*few, "Múm", "mum"], 1)] == ["info"]
    many = [f"Song {n}" for n in range(1999)]
    assert checked([*many, "Múm", "mum"], 1) == []
