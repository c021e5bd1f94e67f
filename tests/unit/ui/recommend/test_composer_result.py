from __future__ import annotations

import math

import pytest

from bert4rec.cli.composing import WHY
from bert4rec.composer.decoding import Choice, Composition
from bert4rec.composer.outline import Outline
from bert4rec.composer.reasons import Reason
from bert4rec.ui.recommend.composer_result import (
    REASON_ICONS,
    chosen_words,
    comparison_words,
    reason_words,
)
from bert4rec.ui.recommend.story_view import PLAIN_REASONS
from bert4rec.words import percent


def filled(*probabilities: float) -> Composition:
    """A sequence of gaps alone, filled with items 1, 2 and so on."""
    n = len(probabilities)
    choices = [Choice(at, at + 1, p, at, 9, ()) for at, p in enumerate(probabilities)]
    outline = Outline.of([None] * n)
    return Composition(outline, tuple(range(1, n + 1)), tuple(choices), n, 0)


def test_the_mean_of_the_probabilities_is_called_what_it_is() -> None:
    words = comparison_words(filled(0.4, 0.1), filled(0.1, 0.1), None)
    assert "geometric mean of 20%; it is 10% where gaps are filled one after another" in words
    assert "stood there" not in words


@pytest.mark.parametrize(
    ("original", "came_back", "is_marked"),
    [
        ({0: 1, 1: 7}, "1 came back with the surest first and 1 one after", True),
        ({0: 8}, "0 ", False),
    ],
)
def test_items_that_came_back_are_counted_for_each_way(
    original: dict[int, int], came_back: str, is_marked: bool
) -> None:
    words = comparison_words(filled(0.4, 0.1), filled(0.1, 0.1), original)
    assert came_back in words
    # They may have come back at another place than where they stood.
    assert words.endswith(" A ✓ marks these.") == is_marked


@pytest.mark.parametrize(
    ("original", "told"),
    [
        (
            {1: 7, 2: 4},
            "Of 2 items that stood there before, 1 stands elsewhere as well, so cannot be"
            " chosen again; of the other 1, 0 came back",
        ),
        (
            {1: 4, 2: 4},
            "Of 2 items that stood there before, 2 stand elsewhere as well, so cannot be"
            " chosen again.",
        ),
    ],
)
def test_an_item_that_is_kept_elsewhere_is_not_said_to_have_failed_to_come_back(
    original: dict[int, int], told: str
) -> None:
    choices = [Choice(at, at, 0.4, at, 9, ()) for at in (1, 2)]
    found = Composition(Outline.of([4, None, None]), (4, 1, 2), tuple(choices), 2, 0)
    assert told in comparison_words(found, found, original)


@pytest.mark.parametrize(
    ("round_", "words"),
    [
        (2, "chosen in round 3"),
        (3, "changed when all were looked at again"),
        (4, "changed when all were looked at again, the 2nd time"),
    ],
)
def test_a_choice_that_was_changed_is_given_no_round_that_did_not_fill(
    round_: int, words: str
) -> None:
    assert chosen_words(Choice(0, 1, 0.5, round_, 9, ()), 3) == words


def test_a_reason_says_that_its_probabilities_are_those_in_the_whole_catalogue() -> None:
    log_p = {"past": math.log(0.1), "future": math.log(0.2), "both": math.log(0.5)}
    for place, n_items in ((0, 1), (2, 3), (0, 3), (1, 3)):
        words = reason_words(Reason(place, 4, n_items, log_p, math.log(0.01)))
        assert "in the whole catalogue" in words.casefold()
    assert "10% from what comes before, 20% from what comes after and 50% from both" in words


@pytest.mark.parametrize(("past", "future", "side"), [(0.4, 0.01, "before"), (0.01, 0.4, "after")])
def test_no_side_is_said_to_carry_what_both_together_make_less_probable(
    past: float, future: float, side: str
) -> None:
    log_p = {"past": math.log(past), "future": math.log(future), "both": math.log(0.05)}
    said = reason_words(Reason(1, 4, 3, log_p, math.log(0.01)))
    assert said.startswith(
        f"What comes {side} alone says more for it than both sides together. In the whole catalogue"
    )


def test_every_reason_has_words_and_a_sign_wherever_it_is_told() -> None:
    names = {"past", "future", "both", "either", "popularity", "less"}
    assert names == REASON_ICONS.keys() == PLAIN_REASONS.keys() == WHY.keys()


def test_a_reason_of_a_model_of_the_past_tells_of_nothing_that_comes_after() -> None:
    for place, n_items, p in ((0, 1, 0.1), (0, 3, 0.1), (1, 3, 0.1), (2, 3, 0.01)):
        words = reason_words(Reason(place, 4, n_items, {"past": math.log(p)}, math.log(0.01)))
        assert percent(p) in words
        assert "in the whole catalogue" in words.casefold()
        assert "after" not in words


def test_what_is_said_of_popularity_holds_up_to_twice_as_probable() -> None:
    # From both sides it is 1.9 times as probable as it is anyway: that is more, yet not much.
    log_p = {name: math.log(p) for name, p in (("past", 0.01), ("future", 0.01), ("both", 0.019))}
    said = reason_words(Reason(1, 4, 3, log_p, math.log(0.01)))
    assert said.startswith("Nothing around it makes it twice as probable as its popularity does.")
    said = reason_words(Reason(1, 4, 3, {"past": math.log(0.019)}, math.log(0.01)))
    assert said.startswith("Nothing before it makes it twice as probable as its popularity does.")
