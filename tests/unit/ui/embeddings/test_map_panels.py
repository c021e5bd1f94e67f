from __future__ import annotations

import numpy as np
import pytest

from bert4rec.ui.embeddings.map_panels import group_words
from bert4rec.ui.embeddings.maps import share_table


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ([0, 1, 4], "67% of them are Folk, against 40% of the map."),
        ([0, 2, 4], "No group has most of them: 3 have 1 item each."),
        ([2, 3, 0, 1, 4], "No group has most of them: 2 have 2 items each."),
    ],
)
def test_no_group_is_told_to_have_most_where_several_have_as_many(
    chosen: list[int], said: str
) -> None:
    groups = ["Folk", "Folk", "Rock", "Rock", "Pop"]
    assert group_words(share_table(groups, np.array(chosen))) == said


def test_where_all_are_of_one_group_it_is_told() -> None:
    told = group_words(share_table(["Folk", "Folk", "Rock"], np.array([0, 1])))
    assert told == "100% of them are Folk, against 67% of the map."
