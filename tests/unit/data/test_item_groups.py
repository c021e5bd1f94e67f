from __future__ import annotations

import pandas as pd
import pytest

from bert4rec.composer.rules import texts_of
from bert4rec.data.item_groups import category_columns, cell_values, item_groups
from bert4rec.data.vocabulary import Vocabulary


def test_whole_numbers_with_a_gap_group_as_whole_numbers() -> None:
    known = {"item_id": list("abcdef"), "title": list("abcdef"), "count": 1}
    vocabulary = Vocabulary(pd.DataFrame(known | {"level": [1, 2, 1, 2, None, 2.5]}))
    groups = ["1", "2", "1", "2", "", "2.5"]
    assert "level" not in category_columns(vocabulary)
    assert item_groups(vocabulary, "level").tolist() == groups
    assert texts_of(vocabulary, "level") == groups


CELLS = ["Science Fiction", "Fiction", "Science", "Drama", "Drama Fiction"]


def test_spaces_part_values_only_where_the_column_was_declared_to_be_lists() -> None:
    assert cell_values(CELLS, is_token_list=False) == [[cell] for cell in CELLS]
    assert cell_values(CELLS, is_token_list=True) == [cell.split() for cell in CELLS]


@pytest.mark.parametrize("cell", ["Drama|Film Noir", "Drama;Film Noir"])
def test_spaces_part_nothing_beside_another_separator(cell: str) -> None:
    assert cell_values([*CELLS, cell], is_token_list=True)[0] == ["Science Fiction"]
