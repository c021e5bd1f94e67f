from __future__ import annotations

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import TimeCuts, global_time, leave_one_out
from bert4rec.data.split_picture import TEST, TRAIN, UNSEEN, UNUSED, VALID, picture_of
from tests.factories import random_dataset, timed_dataset


def test_every_interaction_of_a_drawn_user_is_an_entry_with_its_part() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4], [5, 6]])
    picture = picture_of(dataset, leave_one_out(dataset))
    assert picture.user_idx.tolist() == [1, 0]
    assert picture.row.tolist() == [0, 0, 1, 1, 1, 1]
    assert picture.place.tolist() == [0, 1, 0, 1, 2, 3]
    assert picture.n_later.tolist() == [1, 0, 3, 2, 1, 0]
    assert picture.items.tolist() == [5, 6, 1, 2, 3, 4]
    assert picture.part.tolist() == [TRAIN, TRAIN, TRAIN, TRAIN, VALID, TEST]
    assert picture.times_s is None
    assert picture.counts().tolist() == [[2, 0, 0, 0, 0], [2, 1, 1, 0, 0]]


def test_of_a_long_history_the_newest_are_shown() -> None:
    dataset = random_dataset([100])
    picture = picture_of(dataset, leave_one_out(dataset), n_newest=5)
    assert picture.place.tolist() == [95, 96, 97, 98, 99]
    assert picture.part.tolist() == [TRAIN, TRAIN, TRAIN, VALID, TEST]


def test_users_who_were_held_out_are_told_from_those_who_train() -> None:
    dataset = random_dataset([6] * 20)
    split = leave_one_out(dataset, train_ratio=0.5)
    picture = picture_of(dataset, split, n_users=20)
    is_unseen = picture.part == UNSEEN
    assert set(picture.user_idx[picture.row[is_unseen]]) == set(split.unseen.user_idx)
    assert is_unseen.sum() == 60


def test_in_time_the_users_are_in_the_order_of_their_beginnings() -> None:
    dataset = timed_dataset([12] * 40)
    split = global_time(dataset, TimeCuts(1.7e9 + 3600 * 30, 1.7e9 + 3600 * 40))
    picture = picture_of(dataset, split)
    assert picture.times_s is not None
    begins = [picture.times_s[picture.row == row].min() for row in range(12)]
    assert begins == sorted(begins)
    assert (np.bincount(picture.part, minlength=5)[[TRAIN, VALID, TEST, UNUSED]] > 0).all()


def test_the_same_users_are_drawn_for_every_split_and_empty_histories_are_not() -> None:
    dataset = timed_dataset([0, 12, 0, *[9] * 30])
    in_time = global_time(dataset, TimeCuts(1.7e9 + 3600 * 30, 1.7e9 + 3600 * 40))
    shown = [set(picture_of(dataset, s).user_idx) for s in (leave_one_out(dataset), in_time)]
    assert shown[0] == shown[1]
    assert len(shown[0]) == 12
    assert not shown[0] & {0, 2}
