from __future__ import annotations

import pytest

from bert4rec.ui.sequences.user_box import another_user
from tests.factories import ring_dataset


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_user_drawn_at_random_is_another_one_than_before(at: int) -> None:
    dataset = ring_dataset(n_items=5, n_users=3)
    user = dataset.user_id(at)
    drawn = {another_user(dataset, user) for _ in range(60)}
    assert drawn == {dataset.user_id(n) for n in range(3)} - {user}


def test_of_one_user_that_one_is_drawn_and_beside_a_stranger_any() -> None:
    one = ring_dataset(n_items=5, n_users=1)
    assert another_user(one, one.user_id(0)) == one.user_id(0)
    three = ring_dataset(n_items=5, n_users=3)
    assert len({another_user(three, "") for _ in range(60)}) == 3
