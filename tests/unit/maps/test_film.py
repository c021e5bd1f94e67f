from __future__ import annotations

import pandas as pd
import pytest

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import DatasetError
from bert4rec.maps.film import items_of_both


def catalogue(first: int, word: str = "Film") -> Vocabulary:
    """Six items from an id on, each with a title."""
    ids = [f"i{at}" for at in range(first, first + 6)]
    titles = [f"{word} {item_id}" for item_id in ids]
    return Vocabulary(pd.DataFrame({"item_id": ids, "title": titles, "count": 1}))


def test_the_items_of_two_catalogues_are_found_in_each() -> None:
    common, there = items_of_both(catalogue(0), catalogue(2))
    assert common.tolist() == [2, 3, 4, 5]
    assert there.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (catalogue(3), "have 3 items in common"),
        (catalogue(0, "Book"), "know other items by the same ids"),
    ],
)
def test_catalogues_of_other_items_share_none_for_a_map(other: Vocabulary, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        items_of_both(catalogue(0), other)
