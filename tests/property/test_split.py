from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from bert4rec.data.split import Segments, leave_one_out
from bert4rec.errors import DatasetError
from tests.factories import random_dataset

LENGTHS = st.lists(st.integers(0, 9), min_size=1, max_size=25).filter(lambda x: max(x) >= 3)


def places(segments: Segments) -> dict[int, range]:
    rows = zip(segments.user_idx, segments.starts, segments.ends, strict=True)
    return {int(user): range(start, end) for user, start, end in rows}


@given(LENGTHS)
def test_the_parts_are_disjoint_ordered_and_complete(lengths: list[int]) -> None:
    dataset = random_dataset(lengths)
    split = leave_one_out(dataset)
    train, valid, test = places(split.train), places(split.valid), places(split.test)
    used = [place for piece in train.values() for place in piece]
    used += [piece.stop for piece in valid.values()]
    used += [piece.stop for piece in test.values()]
    assert sorted(used) == list(range(dataset.n_interactions))
    for user, whole in enumerate(zip(dataset.offsets[:-1], dataset.offsets[1:], strict=True)):
        assert train[user].start == whole[0]
        assert (user in test) == (user in valid) == (lengths[user] >= 3)
        if user in test:
            assert train[user] == valid[user]
            assert test[user].stop == valid[user].stop + 1 == whole[1] - 1


@given(LENGTHS, st.floats(0.05, 1), st.integers(0, 2**32 - 1))
def test_held_out_users_give_nothing_to_training(
    lengths: list[int], ratio: float, seed: int
) -> None:
    dataset = random_dataset(lengths)
    try:
        split = leave_one_out(dataset, train_ratio=ratio, seed=seed)
    except DatasetError:
        assume(False)
    assert len(split.train) == max(1, round(ratio * len(lengths)))
    trained = set(split.train.user_idx.tolist())
    unseen = set(split.unseen.user_idx.tolist())
    assert set(split.test.user_idx.tolist()) == {u for u in trained if lengths[u] >= 3}
    assert unseen == {u for u in range(len(lengths)) if lengths[u] >= 3} - trained
    assert np.array_equal(split.unseen.ends, dataset.offsets[split.unseen.user_idx + 1] - 1)
    assert np.array_equal(split.unseen.starts, dataset.offsets[split.unseen.user_idx])
