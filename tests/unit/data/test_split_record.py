from __future__ import annotations

import json

import pytest

from bert4rec.data.split import TimeCuts, global_time, split_dataset
from bert4rec.data.split_record import (
    asked_words,
    counts_words,
    few_words,
    moment,
    split_record,
)
from tests.factories import random_dataset, small_settings, timed_dataset


def test_a_record_counts_what_trains_and_what_is_asked_for() -> None:
    settings = small_settings(split_strategy="last_k", held_out_items=2)
    record = split_record(split_dataset(random_dataset([7, 5, 1]), settings), settings)
    assert record == {
        "strategy": "last_k",
        "held_out_items": 2,
        "n_train": 3 + 1 + 1,
        "n_train_users": 3,
        "n_valid": 4,
        "n_test": 4,
        "n_unseen": 0,
    }


def test_a_record_of_a_split_in_time_names_moments_and_share_and_survives_json() -> None:
    dataset = timed_dataset([20] * 30)
    settings = small_settings(split_strategy="global_time", held_out_share=0.25)
    cuts = TimeCuts(1.7e9 + 3600 * 30, 1.7e9 + 3600 * 40)
    record = split_record(global_time(dataset, cuts), settings)
    assert record["held_out_share"] == 0.25
    assert record["valid_at"] == "2023-11-16T04:13:20+00:00"
    assert json.loads(json.dumps(record)) == record
    assert {"n_cold_valid", "n_cold_test", "test_at"} <= record.keys()


def test_a_counter_is_no_moment() -> None:
    assert moment(17.0) == 17.0


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "each user's last item"),
        ({"strategy": "leave_one_out"}, "each user's last item"),
        ({"strategy": "last_k", "held_out_items": 1}, "each user's last item"),
        ({"strategy": "global_time"}, "each user's first item after the second cut in time"),
    ],
)
def test_what_the_test_asks_for_is_told_in_words(
    record: dict[str, object] | None, words: str
) -> None:
    assert asked_words(record) == words


def test_users_held_out_and_users_without_a_past_are_counted_in_words() -> None:
    counts = {"n_train": 7, "n_train_users": 2, "n_valid": 1, "n_test": 1}
    words = counts_words(counts | {"n_unseen": 5, "n_cold_valid": 2, "n_cold_test": 1})
    assert "5 of users held out whole" in words
    assert words.endswith("not judged: 3.")


def test_a_part_in_which_most_users_have_no_past_is_warned_of() -> None:
    record = {"n_valid": 9, "n_test": 1, "n_cold_valid": 3, "n_cold_test": 602}
    assert "602 users of the test began after its cut and cannot be judged" in few_words(record)
    assert few_words(record).endswith("as short in time as this, leave-one-out says more.")
    assert few_words(record | {"n_cold_test": 1}) == few_words(None) == ""
