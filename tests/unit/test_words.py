from __future__ import annotations

import pytest

from bert4rec.words import (
    duration,
    number,
    numbered_labels,
    percent,
    ranged,
    sentence,
    signed,
    size,
    time_span,
    training_words,
    unique_labels,
    when,
)

NOTHING = "–"


@pytest.mark.parametrize("show", [number, percent, duration])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_not_known_is_a_dash(show, value) -> None:
    assert show(value) == NOTHING


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (9.96, "10 s"), (59.6, "1 min"), (60, "1 min"), (3600, "1 h"), (86_400, "1 d")],
)
def test_a_duration_on_an_edge_takes_the_larger_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_rounded_nothing_has_no_sign() -> None:
    assert number(-0.0002, 3) == "0.000"
    assert ranged(-0.0002, -0.0004, 0.0003, 3) == "0.000 (0.000 to 0.000)"
    assert ranged(None, -1.0, 1.0, 0) == "– (−1 to 1)"


def test_a_difference_of_a_rounded_nothing_is_no_loss() -> None:
    assert signed(-0.00004) == signed(0.0) == "+0.0000"
    assert signed(-0.00006) == "−0.0001"


def test_a_share_that_is_nearly_the_whole_is_not_the_whole() -> None:
    assert percent(1.0) == percent(1.0, 1) == "100%"
    assert percent(223_900 / 224_218) == "99.9%"
    assert percent(0.99996) == percent(0.99996, 1) == ">99.9%"
    assert percent(1.001) == "100%"


def test_a_share_that_is_nearly_nothing_is_not_nothing() -> None:
    assert percent(0.0) == "0%"
    assert percent(0.00001) == "0.001%"
    assert percent(3e-7) == percent(1e-300) == "<0.001%"


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(999, "999 B"), (1000, "1.0 kB"), (10**9, "1.0 GB")]
)
def test_sizes_count_in_thousands(n_bytes: int, words: str) -> None:
    assert size(n_bytes) == words


def test_a_moment_is_shown_in_utc() -> None:
    assert when("2024-05-17T22:15:00+02:00") == "17 May 2024, 20:15 UTC"
    assert when("2024-05-17T22:15:00+02:00", with_time=False) == "17 May 2024"


def test_no_two_options_of_a_box_have_the_same_label() -> None:
    labels = {"a-1": "mine", "a-2": "mine", "b": "yours"}
    assert unique_labels(labels) == {"a-1": "mine · a-1", "a-2": "mine · a-2", "b": "yours"}
    assert unique_labels({}) == {}


def test_what_is_no_moment_is_shown_as_it_is() -> None:
    assert when("yesterday") == "yesterday"


def test_a_span_without_times_is_a_dash() -> None:
    assert time_span(None, "2024-01-01") == NOTHING


def test_a_span_of_hours_is_told_in_hours() -> None:
    assert time_span("2024-01-01T00:00:00", "2024-01-01T05:00:00") == "5 h"


@pytest.mark.parametrize(
    ("text", "told"), [("no file", "No file."), ("Which?", "Which?"), ("", "")]
)
def test_a_message_becomes_a_sentence(text: str, told: str) -> None:
    assert sentence(text) == told


def test_what_was_trained_on_is_told_by_how_much_of_a_history_it_is() -> None:
    assert "not trained on these" in training_words(3, 5)
    assert "trained on all of it" in training_words(2, 2)
    assert "not trained on this user" in training_words(0, 5)


def test_labels_that_are_the_same_are_numbered_and_others_are_left_alone() -> None:
    labels = {"b": "demo", "a": "demo", "c": "other"}
    assert numbered_labels(labels) == {"b": "demo (2)", "a": "demo (1)", "c": "other"}
