from __future__ import annotations

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments, leave_one_out
from bert4rec.errors import DatasetError
from tests.factories import random_dataset


def pieces(dataset: SequenceDataset, segments: Segments) -> dict[int, list[int]]:
    rows = zip(segments.user_idx, segments.starts, segments.ends, strict=True)
    return {int(user): dataset.items[start:end].tolist() for user, start, end in rows}


def test_the_last_item_tests_and_the_one_before_validates() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5], [6, 7, 8]])
    split = leave_one_out(dataset)
    assert pieces(dataset, split.train) == {0: [1, 2, 3], 1: [6]}
    assert pieces(dataset, split.valid) == {0: [1, 2, 3], 1: [6]}
    assert pieces(dataset, split.test) == {0: [1, 2, 3, 4], 1: [6, 7]}
    assert dataset.items[split.valid.ends].tolist() == [4, 7]
    assert dataset.items[split.test.ends].tolist() == [5, 8]
    assert len(split.unseen) == 0


def test_short_histories_train_whole_and_are_not_judged() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2], [], [3], [4, 5, 6]])
    split = leave_one_out(dataset)
    assert pieces(dataset, split.train) == {0: [1, 2], 1: [], 2: [3], 3: [4]}
    assert split.valid.user_idx.tolist() == split.test.user_idx.tolist() == [3]


def test_a_share_of_the_users_is_held_out_whole() -> None:
    dataset = random_dataset([5] * 40 + [2] * 10)
    split = leave_one_out(dataset, train_ratio=0.6, seed=1)
    trained, unseen = set(split.train.user_idx), set(split.unseen.user_idx)
    assert len(trained) == 30
    assert not trained & unseen
    assert set(split.test.user_idx) == set(split.valid.user_idx) <= trained
    # Everyone else with a history long enough to be judged.
    assert unseen == set(range(40)) - trained
    assert pieces(dataset, split.unseen) == {
        user: dataset.history(user)[:-1].tolist() for user in unseen
    }


def test_the_seed_decides_who_is_held_out() -> None:
    dataset = random_dataset([5] * 40)
    held_out = [
        leave_one_out(dataset, train_ratio=0.5, seed=seed).unseen.user_idx.tolist()
        for seed in (1, 1, 2)
    ]
    assert held_out[0] == held_out[1] != held_out[2]


def test_a_dataset_that_cannot_be_judged_is_refused() -> None:
    with pytest.raises(DatasetError, match="no history of made has 3 interactions"):
        leave_one_out(random_dataset([2, 2, 1]))
    dataset = random_dataset([2] * 30 + [3])
    seeds = [s for s in range(40) if 30 not in _drawn(dataset.n_users, s)]
    with pytest.raises(DatasetError, match="larger sample_ratio"):
        leave_one_out(dataset, train_ratio=0.5, seed=seeds[0])


def _drawn(n_users: int, seed: int) -> set[int]:
    return set(np.random.default_rng(seed).permutation(n_users)[: round(0.5 * n_users)].tolist())


def test_chosen_rows_keep_their_users() -> None:
    segments = leave_one_out(random_dataset([3, 4, 5])).test
    assert segments.lengths.tolist() == [2, 3, 4]
    assert segments.take(np.array([2, 0])).user_idx.tolist() == [2, 0]
    assert segments.take(slice(1, 3)).lengths.tolist() == [3, 4]
