from __future__ import annotations

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from bert4rec.negatives import AliasTable

WEIGHTS = st.lists(st.integers(1, 9) | st.integers(1, 10**9), min_size=1, max_size=40)


@given(WEIGHTS)
@example([1])
@example([1, 1])
@example([1, 3, 1, 3])
@example([2, 2, 2, 1, 3])
@example([10**9, 1, 1, 1])
def test_an_alias_table_holds_each_items_chance(weights: list[int]) -> None:
    table = AliasTable(torch.tensor(weights))
    assert ((table.stay >= 0) & (table.stay <= 1)).all()
    stay = table.stay.double()
    found = stay.index_add(0, table.alias.long(), 1 - stay) / len(weights)
    expected = torch.tensor(weights).double() / sum(weights)
    # float32 holds a share of a column up to 6e-8.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
