from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bert4rec.contexts import CONTEXTS
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.errors import SettingsError
from bert4rec.held_out.places import LONG_PAST, PARTS, Places, held_out_places, middle_places
from bert4rec.hyperparameters import Hyperparameters
from tests.factories import random_dataset, small_settings, timed_dataset

LENGTHS = [10] * 40 + [2, 3, 4]


def places_of(places: Places, user: int) -> list[int]:
    return sorted(places.positions[places.user_idx == user].tolist())


def all_places(
    dataset: SequenceDataset, settings: Hyperparameters, part: str | None = None
) -> Places:
    return held_out_places(dataset, settings, part, n_users=10**6, n_places=10**6)


def test_leave_one_out_holds_one_item_with_a_future_the_one_before_the_last() -> None:
    places = all_places(random_dataset(LENGTHS), small_settings())
    assert places.part == "validation"
    assert places_of(places, 0) == [8]
    # Two items are all trained on; of three the second is held out.
    assert places_of(places, 40) == []
    assert places_of(places, 41) == [1]


def test_the_last_k_items_are_asked_from_test_items_alone() -> None:
    settings = small_settings(split_strategy="last_k", held_out_items=3)
    places = all_places(random_dataset(LENGTHS), settings)
    assert places.part == "test"
    assert places_of(places, 0) == [7, 8]
    assert places_of(all_places(random_dataset(LENGTHS), settings, "validation"), 0) == [4, 5, 6]


def test_users_who_are_held_out_whole_come_before_ends_of_those_who_train() -> None:
    settings = small_settings(sample_strategy="user_based", sample_ratio=0.3)
    places = all_places(random_dataset(LENGTHS), settings)
    assert places.part == "unseen_users"
    first = int(places.user_idx[0])
    assert places_of(places, first) == list(range(1, 9))
    others = all_places(random_dataset(LENGTHS), settings, "validation")
    assert not set(places.user_idx) & set(others.user_idx)


def test_few_users_held_out_whole_are_passed_over_unless_asked_for() -> None:
    settings = small_settings(sample_strategy="user_based", sample_ratio=0.9)
    dataset = random_dataset([10] * 40)
    assert all_places(dataset, settings).part == "validation"
    assert all_places(dataset, settings, "unseen_users").n_users == 4


def test_who_begins_after_a_cut_in_time_is_unseen() -> None:
    known, late = [1, 2, 3, 4, 5], [6, 7, 8, 9]
    dataset = SequenceDataset.from_sequences([known] * 40 + [late] * 10, n_items=9)
    times = [[0, 1, 2, 60 + n, 110 + n] for n in range(40)] + [[150, 151, 152, 153]] * 10
    timed = replace(dataset, times_s=np.concatenate(times).astype(float))
    settings = small_settings(split_strategy="global_time", held_out_share=0.2)
    assert split_dataset(timed, settings).n_cold_test == 10
    validation, unseen = (all_places(timed, settings, part) for part in PARTS[2::-2])
    assert places_of(unseen, 45) == [1, 2]
    assert set(unseen.user_idx) == set(range(40, 50))
    assert not set(validation.user_idx) & set(unseen.user_idx)


def test_a_split_by_time_asks_for_what_came_after_the_cuts() -> None:
    dataset = timed_dataset([12] * 60)
    settings = small_settings(split_strategy="global_time", held_out_share=0.2)
    places = all_places(dataset, settings)
    assert places.part == "test"
    at = dataset.offsets[places.user_idx] + places.positions
    assert dataset.times_s is not None
    assert dataset.times_s[at].min() >= np.quantile(dataset.times_s, 0.75)


@pytest.mark.parametrize("part", PARTS)
def test_every_place_has_an_item_before_and_after_it(part: str) -> None:
    settings = small_settings(
        sample_strategy="user_based", sample_ratio=0.5, split_strategy="last_k", held_out_items=2
    )
    places = all_places(random_dataset(LENGTHS), settings, part)
    assert (places.positions >= 1).all()
    assert (places.positions <= places.dataset.lengths[places.user_idx] - 2).all()


def test_what_was_trained_on_is_asked_with_a_future_that_was() -> None:
    places = all_places(random_dataset(LENGTHS), small_settings(), "trained")
    assert places_of(places, 0) == list(range(1, 7))


def test_a_part_without_places_and_one_that_is_not_known_are_told() -> None:
    with pytest.raises(SettingsError, match="no history of made has a place of the part 'test'"):
        held_out_places(random_dataset(LENGTHS), small_settings(), "test")
    with pytest.raises(SettingsError, match="no part 'nosuch'"):
        held_out_places(random_dataset(LENGTHS), small_settings(), "nosuch")


@pytest.mark.parametrize("sampling", [{}, {"sample_strategy": "user_based", "sample_ratio": 1}])
def test_where_every_user_trains_it_is_said_what_would_hold_some_out(
    sampling: dict[str, Any],
) -> None:
    with pytest.raises(SettingsError, match="every user of made was trained on") as caught:
        held_out_places(random_dataset(LENGTHS), small_settings(**sampling), "unseen_users")
    assert "sample_strategy: user_based" in str(caught.value.fix)


def test_a_draw_takes_so_many_users_and_places_and_repeats_with_its_seed() -> None:
    settings = small_settings(sample_strategy="user_based", sample_ratio=0.2)
    drawn = [
        held_out_places(random_dataset(LENGTHS), settings, n_users=26, n_places=2, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert drawn[0].n_users == 26
    assert np.bincount(drawn[0].user_idx).max() == 2
    assert np.array_equal(drawn[0].positions, drawn[1].positions)
    assert not np.array_equal(drawn[0].positions, drawn[2].positions)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_shows_its_side_of_the_window_and_hides_the_place(context: str) -> None:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5], [6, 7, 8]])
    places = middle_places(dataset, length=12)
    shown = [(items.tolist(), at) for items, at in places.shown(context, 12)]
    mask = dataset.vocabulary.mask_idx
    assert (
        shown
        == {
            "past": [([1, 2, mask], 2), ([6, mask], 1)],
            "future": [([mask, 4, 5], 0), ([mask, 8], 0)],
            "both": [([1, 2, mask, 4, 5], 2), ([6, mask, 8], 1)],
        }[context]
    )
    assert places.targets.tolist() == [3, 7]


def test_a_long_history_is_cut_to_a_window_around_the_place() -> None:
    dataset = SequenceDataset.from_sequences([list(range(1, 21))])
    places = Places(dataset, "test", np.array([0, 0, 0]), np.array([1, 10, 18]))
    assert [window.tolist() for window in places.windows(6)] == [
        [1, 2, 3, 4, 5, 6],
        [8, 9, 10, 11, 12, 13],
        [15, 16, 17, 18, 19, 20],
    ]
    long = [items[:-1].tolist() for items, _ in places.shown(LONG_PAST, 6)]
    assert long == [[1], [6, 7, 8, 9, 10], [14, 15, 16, 17, 18]]


def test_the_middle_is_that_of_the_newest_items() -> None:
    dataset = SequenceDataset.from_sequences([list(range(1, 21)), [1, 2], [1, 2, 3]])
    places = middle_places(dataset, length=6)
    assert places.user_idx.tolist() == [0, 2]
    assert places.positions.tolist() == [17, 1]
    assert places.windows(6)[0].tolist() == list(range(15, 21))
