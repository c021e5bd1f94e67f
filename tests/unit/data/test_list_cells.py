from __future__ import annotations

import pytest

from bert4rec.data.list_cells import cell_values

CELLS = ["Science Fiction", "Fiction", "Science", "Drama", "Drama Fiction"]


def test_spaces_part_values_only_where_the_column_was_declared_to_be_lists() -> None:
    assert cell_values(CELLS, is_token_list=False) == [[cell] for cell in CELLS]
    assert cell_values(CELLS, is_token_list=True) == [cell.split() for cell in CELLS]


@pytest.mark.parametrize("cell", ["Drama|Film Noir", "Drama;Film Noir"])
def test_spaces_part_nothing_beside_another_separator(cell: str) -> None:
    assert cell_values([*CELLS, cell], is_token_list=True)[0] == ["Science Fiction"]
