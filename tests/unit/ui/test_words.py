from __future__ import annotations

import pytest

from bert4rec.runs.folder import STATES
from bert4rec.trials import STATES as TRIAL_STATES
from bert4rec.ui.words import (
    STATE_WORDS,
    contained,
    duration,
    escape,
    number,
    percent,
    sentence,
    size,
    state_word,
    time_span,
    training_words,
    unique_labels,
    when,
)

NOTHING = "–"


def test_every_state_of_a_run_has_a_word_an_icon_and_a_colour() -> None:
    assert set(STATE_WORDS) == {*STATES, *TRIAL_STATES}
    assert all(word.icon.startswith(":material/") for word in STATE_WORDS.values())


def test_states_differ_without_their_colour() -> None:
    assert len({(word.label, word.icon) for word in STATE_WORDS.values()}) == len(STATE_WORDS)


def test_a_state_of_a_newer_version_is_shown_by_its_name() -> None:
    assert state_word("sleeping").label == "Sleeping"


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


def test_runs_of_one_minute_are_told_apart_by_their_seconds() -> None:
    assert when("2024-05-17T20:15:07+00:00", with_seconds=True) == "17 May 2024, 20:15:07 UTC"


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


@pytest.mark.parametrize("sign", list("*_`[]()#<>$~|:!\\"))
def test_signs_of_markdown_are_escaped(sign: str) -> None:
    assert escape(f"a{sign}b") == f"a\\{sign}b"


@pytest.mark.parametrize(
    "text",
    [
        ":smile: x",
        ":material/home: x",
        ":red[x]",
        "https://example.org",
        "www.example.org",
        "a@b.c",
        "a -> b",
        "<- a",
        "a <->",
        "a -- b",
        "a >= b",
    ],
)
def test_codes_and_addresses_that_outlive_escapes_are_broken_by_a_joiner(text: str) -> None:
    assert "\u2060" in escape(text)


def test_a_line_break_cannot_start_a_new_block() -> None:
    assert escape("a\n\n# b") == "a \\# b"


def test_plain_titles_stay_as_they_are() -> None:
    assert escape("Ode to Joy 9") == "Ode to Joy 9"
    assert contained("Ode to Joy 9") == "Ode to Joy 9"
    assert escape("a->b, c--d") == r"a\-\>b\, c\-\-d"


@pytest.mark.parametrize(
    "title",
    [
        "\u202eab",
        "\u202a\u202bab",
        "a\u2067b",
        "\u202e\u2066\u202cab\u2069",
        "\u2069\u202eab\u2068",
    ],
)
def test_a_title_that_turns_the_direction_turns_its_own_alone(title: str) -> None:
    shown = escape(title)
    assert shown.startswith(title)
    assert open_directions(shown) == []


def open_directions(text: str) -> list[str]:
    """The beginnings that are left without an end, by the rules of Unicode's annex 9."""
    opened: list[str] = []
    for sign in text:
        if sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068":
            opened.append(sign)
        elif sign == "\u202c" and opened and opened[-1] < "\u2066":
            opened.pop()
        elif sign == "\u2069" and any(inner >= "\u2066" for inner in opened):
            while opened.pop() < "\u2066":
                pass
    return opened


@pytest.mark.parametrize(
    ("text", "told"), [("no file", "No file."), ("Which?", "Which?"), ("", "")]
)
def test_a_message_becomes_a_sentence(text: str, told: str) -> None:
    assert sentence(text) == told


def test_what_was_trained_on_is_told_by_how_much_of_a_history_it_is() -> None:
    assert "not trained on these" in training_words(3, 5)
    assert "trained on all of it" in training_words(2, 2)
    assert "not trained on this user" in training_words(0, 5)
