from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import (
    Segments,
    TimeCuts,
    global_time,
    last_k,
    leave_one_out,
    split_dataset,
    time_cuts,
)
from bert4rec.errors import DatasetError
from tests.factories import random_dataset, small_settings, timed_dataset


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


def test_of_the_last_items_each_is_asked_from_all_before_it() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5, 6, 7]])
    split = last_k(dataset, 2)
    assert pieces(dataset, split.train) == {0: [1, 2, 3]}
    assert dataset.items[split.valid.ends].tolist() == [4, 5]
    assert dataset.items[split.test.ends].tolist() == [6, 7]
    assert split.test.lengths.tolist() == [5, 6]


def test_a_history_too_short_for_all_last_items_holds_out_fewer() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5, 6], [1, 2, 3], [1, 2], [1]])
    split = last_k(dataset, 3)
    assert pieces(dataset, split.train) == {0: [1, 2], 1: [1], 2: [1, 2], 3: [1]}
    assert split.test.user_idx.tolist() == [0, 0, 1]
    assert split.valid.user_idx.tolist() == [0, 0, 1]


def times_of(dataset: SequenceDataset, *times: float) -> SequenceDataset:
    return replace(dataset, times_s=np.array(times, dtype=float))


def test_in_time_the_first_item_after_a_cut_is_asked_from_all_before_it() -> None:
    made = SequenceDataset.from_sequences([[1, 2, 3, 4, 5], [6, 7], [8, 9]])
    dataset = times_of(made, 1, 2, 10, 11, 20, 3, 21, 12, 22)
    split = global_time(dataset, TimeCuts(10, 20))
    assert pieces(dataset, split.train) == {0: [1, 2], 1: [6], 2: []}
    assert pieces(dataset, split.valid) == {0: [1, 2]}
    assert pieces(dataset, split.test) == {0: [1, 2, 3, 4], 1: [6], 2: [8]}
    # User 2 begins between the cuts: cold for validation, and known by the time of the test.
    assert (split.n_cold_valid, split.n_cold_test) == (1, 0)


def test_users_held_out_whole_without_a_past_are_counted_apart() -> None:
    # Each second user begins after the second cut.
    dataset = times_of(random_dataset([3] * 40), *([1, 3, 5, 6, 7, 8] * 20))
    split = global_time(dataset, TimeCuts(3, 5), train_ratio=0.25)
    assert split.n_cold_test + len(split.test) == 10
    assert split.n_cold_unseen + len(split.unseen) == 30
    assert split.n_cold_test + split.n_cold_unseen == 20


def test_the_cuts_leave_a_share_of_the_interactions_in_each_part() -> None:
    dataset = times_of(random_dataset([20]), *range(20))
    assert time_cuts(dataset, 0.1) == TimeCuts(16, 18)
    assert time_cuts(dataset, 0.25) == TimeCuts(10, 15)


def test_interactions_of_one_moment_are_never_parted_by_a_cut() -> None:
    dataset = times_of(random_dataset([6, 4]), 1, 1, 5, 5, 5, 6, 1, 5, 5, 6)
    cuts = time_cuts(dataset, 0.2)
    assert cuts == TimeCuts(5, 5 + 1)
    assert pieces(dataset, global_time(dataset, cuts).train).keys() == {0, 1}
    assert global_time(dataset, cuts).train.lengths.tolist() == [2, 1]


def test_without_times_there_is_no_split_by_time() -> None:
    settings = small_settings(split_strategy="global_time")
    with pytest.raises(DatasetError, match="has no times") as raised:
        split_dataset(random_dataset([5, 5]), settings)
    assert "use split_strategy=leave_one_out" in raised.value.fix


def test_cuts_that_leave_a_part_empty_are_refused_with_what_they_leave() -> None:
    dataset = times_of(random_dataset([4, 4]), *[7.0] * 8)
    with pytest.raises(DatasetError, match="0 interactions to train on, 0 users to validate"):
        split_dataset(dataset, small_settings(split_strategy="global_time"))
    apart = times_of(random_dataset([3, 3, 3]), 1, 2, 3, 11, 12, 13, 21, 22, 23)
    with pytest.raises(DatasetError, match="3 interactions to train on, 0 users to validate"):
        global_time(apart, TimeCuts(10, 20))


def test_the_settings_choose_the_split() -> None:
    dataset = timed_dataset([9] * 30)
    one = split_dataset(dataset, small_settings())
    assert len(one.test) == 30
    assert one.cuts is None
    several = split_dataset(dataset, small_settings(split_strategy="last_k", held_out_items=3))
    assert len(several.test) == 90
    in_time = split_dataset(
        dataset, small_settings(split_strategy="global_time", held_out_share=0.2)
    )
    assert in_time.cuts == time_cuts(dataset, 0.2)
    both = small_settings(
        split_strategy="last_k", held_out_items=2, sample_strategy="user_based", sample_ratio=0.8
    )
    assert len(split_dataset(dataset, both).unseen) == 2 * 6
