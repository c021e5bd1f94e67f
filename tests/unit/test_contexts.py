from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.contexts import nearest


@pytest.mark.parametrize(
    ("position", "n_shown", "left", "at"),
    [
        (2, 1, [1, 2], 1),
        (2, 2, [1, 2, 3], 1),
        (2, 3, [0, 1, 2, 3], 2),
        (0, 3, [0, 1, 2, 3], 0),
        (5, 3, [2, 3, 4, 5], 3),
        (4, 4, [1, 2, 3, 4, 5], 3),
        (2, 0, [2], 0),
    ],
)
def test_the_nearest_items_are_left(position: int, n_shown: int, left: list[int], at: int) -> None:
    found, place = nearest(np.arange(6), position, n_shown)
    assert (found.tolist(), place) == (left, at)


@given(st.data())
def test_as_many_are_left_as_asked_for_and_both_sides_share_them(data: st.DataObject) -> None:
    n_items = data.draw(st.integers(1, 20))
    position = data.draw(st.integers(0, n_items - 1))
    n_shown = data.draw(st.integers(0, n_items - 1))
    found, place = nearest(np.arange(n_items), position, n_shown)
    assert len(found) == n_shown + 1
    assert found[place] == position
    n_before, n_after = place, len(found) - 1 - place
    if n_before > n_after + 1:
        assert n_after == n_items - 1 - position
    if n_after > n_before:
        assert n_before == position
