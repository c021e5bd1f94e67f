from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bert4rec.data.vocabulary import PAD_IDX, Vocabulary
from bert4rec.errors import UnknownIdError


@pytest.fixture
def vocabulary() -> Vocabulary:
    table = pd.DataFrame(
        {
            "item_id": ["b7", "a1", "c3", "d4"],
            "title": ["Blue Train", "Airbag", "Cherokee", "blue train"],
            "count": [5, 9, 1, 9],
            "genre": ["jazz", "rock", "jazz", "jazz"],
        }
    )
    return Vocabulary(table)


def test_items_are_counted_from_one_between_pad_and_mask(vocabulary: Vocabulary) -> None:
    assert [vocabulary.idx(item) for item in ("b7", "a1", "c3", "d4")] == [1, 2, 3, 4]
    assert PAD_IDX == 0
    assert vocabulary.mask_idx == len(vocabulary) + 1 == 5


def test_an_index_leads_back_to_its_id_and_title(vocabulary: Vocabulary) -> None:
    for idx in range(1, len(vocabulary) + 1):
        assert vocabulary.idx(vocabulary.item_id(idx)) == idx
    assert vocabulary.title(2) == "Airbag"


def test_a_title_stands_for_its_item_in_any_case(vocabulary: Vocabulary) -> None:
    assert vocabulary.idx("AIRBAG") == 2
    assert vocabulary.named("cherokee") == [3]
    assert vocabulary.find("Airbag") is None


def test_a_title_that_several_items_have_stands_for_none_of_them(vocabulary: Vocabulary) -> None:
    assert vocabulary.named("Blue train") == [1, 4]
    with pytest.raises(UnknownIdError, match="title of 2 items, with the ids 'b7', 'd4'") as caught:
        vocabulary.idx("Blue train")
    assert caught.value.details == {"item": "Blue train"}
    table = pd.DataFrame({"item_id": list("abcdefgh"), "title": ["One"] * 8, "count": [1] * 8})
    with pytest.raises(UnknownIdError, match=r"'e' and 3 more\. Give the id of one"):
        Vocabulary(table).idx("one")


def test_items_of_one_title_are_found_in_their_order_among_many_others() -> None:
    chance = np.random.default_rng(0)
    titles = [
        f"{'Tune' if at % 2 else 'TUNE'} {n}" for at, n in enumerate(chance.integers(0, 60, 100))
    ]
    ids = [f"i{at}" for at in range(100)]
    table = pd.DataFrame({"item_id": ids, "title": titles, "count": [1] * 100})
    vocabulary = Vocabulary(table)
    for title in {*titles, "tune 0", "tune 61"}:
        same = [at for at, one in enumerate(titles, start=1) if one.lower() == title.lower()]
        assert vocabulary.named(title) == same


def test_an_id_goes_before_a_title_of_another_item() -> None:
    table = pd.DataFrame({"item_id": ["1", "2"], "title": ["2", "1"], "count": [1, 1]})
    assert Vocabulary(table).idx("2") == 2


def test_a_sequence_is_encoded_in_order_and_an_empty_one_too(vocabulary: Vocabulary) -> None:
    encoded = vocabulary.encode(["c3", "Airbag", "c3"])
    assert encoded.tolist() == [3, 2, 3]
    empty = vocabulary.encode([])
    assert (empty.shape, empty.dtype) == ((0,), np.int64)


def test_an_unknown_item_is_an_error_that_names_near_misses(vocabulary: Vocabulary) -> None:
    with pytest.raises(UnknownIdError, match="Did you mean 'Airbag'") as caught:
        vocabulary.idx("Airbgag")
    assert caught.value.details == {"item": "Airbgag"}
    with pytest.raises(KeyError, match="Check the id"):
        vocabulary.idx("zzzzzzzz")


def test_a_search_finds_parts_of_ids_and_titles_most_frequent_first(
    vocabulary: Vocabulary,
) -> None:
    assert vocabulary.search("BLUE") == [4, 1]
    assert vocabulary.search("c3") == [3]
    assert vocabulary.search("") == [2, 4, 1, 3]
    assert vocabulary.search("", limit=2) == [2, 4]
    assert vocabulary.search("a.b") == []


def test_membership_means_raw_ids(vocabulary: Vocabulary) -> None:
    assert "a1" in vocabulary
    assert "Airbag" not in vocabulary
    assert 1 not in vocabulary


def test_the_other_columns_are_kept(vocabulary: Vocabulary) -> None:
    assert vocabulary.table["genre"].tolist() == ["jazz", "rock", "jazz", "jazz"]
    assert vocabulary.counts.tolist() == [5, 9, 1, 9]


@pytest.mark.parametrize("kind", ["str", "object", "string", "category", "Int64", "float64"])
def test_ids_and_titles_are_the_cells_as_texts_whatever_the_column_holds(kind: str) -> None:
    cells = pd.Series(["3", "10", "7"])
    column = (cells.astype(int) if kind in ("Int64", "float64") else cells).astype(kind)
    vocabulary = Vocabulary(pd.DataFrame({"item_id": column, "title": column, "count": [1, 2, 3]}))
    assert vocabulary.item_ids == [str(value) for value in column]
    assert vocabulary.titles == vocabulary.item_ids
    assert [vocabulary.find(item) for item in vocabulary.item_ids] == [1, 2, 3]
