from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from bert4rec.data.split import (
    Segments,
    Split,
    global_time,
    last_k,
    leave_one_out,
    time_cuts,
)
from bert4rec.data.split_picture import PARTS, TEST, TRAIN, UNSEEN, VALID, parts_at
from bert4rec.errors import DatasetError
from tests.factories import random_dataset, timed_dataset

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


@given(LENGTHS, st.integers(1, 5))
def test_the_last_items_are_disjoint_ordered_and_complete(lengths: list[int], k: int) -> None:
    dataset = random_dataset(lengths)
    split = last_k(dataset, k)
    used = [place for piece in places(split.train).values() for place in piece]
    used += [*split.valid.ends.tolist(), *split.test.ends.tolist()]
    assert sorted(used) == list(range(dataset.n_interactions))
    for user, length in enumerate(lengths):
        start, end = dataset.offsets[user : user + 2].tolist()
        valid, test = (
            rows.ends[rows.user_idx == user].tolist() for rows in (split.valid, split.test)
        )
        n = min(k, max(0, length - 1) // 2)
        assert test == list(range(end - n, end))
        assert valid == list(range(end - 2 * n, end - n))
        assert places(split.train)[user] == range(start, end - 2 * n)
    for rows in (split.valid, split.test):
        assert np.array_equal(rows.starts, dataset.offsets[rows.user_idx])
        assert (rows.lengths > 0).all()


@given(LENGTHS, st.floats(0.05, 1), st.integers(0, 99))
def test_one_last_item_is_leave_one_out(lengths: list[int], ratio: float, seed: int) -> None:
    dataset = random_dataset(lengths)
    try:
        one = leave_one_out(dataset, train_ratio=ratio, seed=seed)
    except DatasetError:
        assume(False)
    other = last_k(dataset, 1, train_ratio=ratio, seed=seed)
    for part in ("train", "valid", "test", "unseen"):
        assert places(getattr(one, part)) == places(getattr(other, part))


TIMED = st.lists(st.integers(0, 30), min_size=8, max_size=25).filter(any)


def in_time(lengths: list[int], share: float, seed: int, ratio: float = 1.0) -> Split:
    dataset = timed_dataset(lengths, seed=seed)
    try:
        return global_time(dataset, time_cuts(dataset, share), train_ratio=ratio, seed=seed)
    except DatasetError:
        assume(False)
        raise


@given(TIMED, st.floats(0.05, 0.4), st.integers(0, 99))
def test_nothing_trains_that_is_later_than_what_is_asked_for(
    lengths: list[int], share: float, seed: int
) -> None:
    split, times_s = in_time(lengths, share, seed), timed_dataset(lengths, seed=seed).times_s
    assert times_s is not None
    assert split.cuts is not None
    trained = [place for piece in places(split.train).values() for place in piece]
    valid_s, test_s = times_s[split.valid.ends], times_s[split.test.ends]
    assert times_s[trained].max() < split.cuts.valid_at_s <= valid_s.min()
    assert valid_s.max() < split.cuts.test_at_s <= test_s.min()
    for rows in (split.valid, split.test):
        # One row a user, with a past that is all earlier than the cut.
        assert len(set(rows.user_idx.tolist())) == len(rows)
        assert (rows.lengths > 0).all()
        cut = split.cuts.valid_at_s if rows is split.valid else split.cuts.test_at_s
        assert (times_s[rows.ends - 1] < cut).all()


@given(TIMED, st.floats(0.05, 0.4), st.integers(0, 99))
def test_in_time_all_that_is_early_trains_and_all_who_come_late_are_judged_or_cold(
    lengths: list[int], share: float, seed: int
) -> None:
    split, dataset = in_time(lengths, share, seed), timed_dataset(lengths, seed=seed)
    assert dataset.times_s is not None
    assert split.cuts is not None
    is_early = dataset.times_s < split.cuts.valid_at_s
    trained = [place for piece in places(split.train).values() for place in piece]
    assert trained == np.flatnonzero(is_early).tolist()
    owner = np.repeat(np.arange(dataset.n_users), lengths)
    is_late = dataset.times_s >= split.cuts.test_at_s
    for is_in, rows, n_cold in (
        (~is_early & ~is_late, split.valid, split.n_cold_valid),
        (is_late, split.test, split.n_cold_test),
    ):
        assert len(np.unique(owner[is_in])) == len(rows) + n_cold


@given(TIMED, st.floats(0.05, 0.4), st.floats(0.3, 1), st.integers(0, 99))
def test_in_time_users_held_out_give_nothing_to_training(
    lengths: list[int], share: float, ratio: float, seed: int
) -> None:
    split = in_time(lengths, share, seed, ratio)
    trained = set(split.train.user_idx.tolist())
    assert not trained & set(split.unseen.user_idx.tolist())
    assert set(split.valid.user_idx.tolist()) | set(split.test.user_idx.tolist()) <= trained


@given(TIMED, st.floats(0.05, 0.4), st.floats(0.3, 1), st.integers(0, 99))
def test_every_interaction_has_the_part_that_the_split_gives_it(
    lengths: list[int], share: float, ratio: float, seed: int
) -> None:
    split = in_time(lengths, share, seed, ratio)
    flat, owner = np.arange(sum(lengths)), np.repeat(np.arange(len(lengths)), lengths)
    counts = np.bincount(parts_at(split, owner, flat), minlength=len(PARTS))
    n_unseen = sum(lengths) - sum(lengths[user] for user in split.train.user_idx.tolist())
    assert counts[TRAIN] == split.train.lengths.sum()
    assert (counts[VALID], counts[TEST]) == (len(split.valid), len(split.test))
    assert counts[UNSEEN] == n_unseen
