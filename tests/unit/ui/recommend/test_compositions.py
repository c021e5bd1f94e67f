from __future__ import annotations

import pandas as pd

from bert4rec.data.prepare import prepare
from bert4rec.ui.recommend.compositions import item_columns


def test_a_column_whose_name_holds_the_sign_between_names_in_a_link_is_not_offered() -> None:
    rows = pd.DataFrame({"user": ["a"] * 4 + ["b"] * 4, "item": ["1", "2", "3", "4"] * 2})
    items = pd.DataFrame(
        {
            "item_id": ["1", "2", "3", "4"],
            "title": ["One", "Two", "Three", "Four"],
            "series": ["A", "A", "B", "B"],
            "series_number": [1, 2, 1, 2],
            "book~_number": [1, 2, 1, 2],
            "author~s": ["x", "x", "y", "y"],
            "requires~all": ["", "1", "", "3"],
        }
    )
    columns, orders = item_columns(prepare(rows, items=items))
    assert columns == ["series"]
    assert [order.told_by for order in orders] == ["series_number"]
