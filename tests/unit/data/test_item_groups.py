from __future__ import annotations

import pandas as pd

from bert4rec.data.item_cells import texts_of
from bert4rec.data.item_groups import category_columns, item_groups
from bert4rec.data.vocabulary import Vocabulary


def test_whole_numbers_with_a_gap_group_as_whole_numbers() -> None:
    known = {"item_id": list("abcdef"), "title": list("abcdef"), "count": 1}
    vocabulary = Vocabulary(pd.DataFrame(known | {"level": [1, 2, 1, 2, None, 2.5]}))
    groups = ["1", "2", "1", "2", "", "2.5"]
    assert "level" not in category_columns(vocabulary)
    assert item_groups(vocabulary, "level").tolist() == groups
    assert texts_of(vocabulary, "level") == groups
