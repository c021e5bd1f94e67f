"""Whatever is asked for: what is kept stays, the rules are respected, or it is said why not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert4rec.composer.decoding import METHODS, Composition, compose
from bert4rec.composer.outline import OPEN, Dials, Limit, Order, Outline, Rules
from bert4rec.composer.rules import bind_rules, broken_rules, places_to_open
from bert4rec.errors import SettingsError
from bert4rec.recommender import Recommender
from tests.factories import SHELF, shelf_recommender

N = len(SHELF)
ORDERS = (Order("series", "series_number"), Order("requires"))
ROWS = SHELF.to_dict("records")


@cache
def recommender(n_places: int = 12) -> Recommender:
    return shelf_recommender(n_places)


@st.composite
def outlines(draw: st.DrawFn, max_gaps: int = 5) -> Outline:
    kept = draw(st.lists(st.integers(1, N), max_size=4, unique=True))
    places = draw(st.permutations([*kept, *[OPEN] * draw(st.integers(0, max_gaps))]))
    limits = draw(st.dictionaries(st.sampled_from(["author", "genre"]), st.integers(1, 3)))
    rules = Rules(
        draw(st.frozensets(st.integers(1, N), max_size=5)),
        tuple(Limit(column, n) for column, n in limits.items()),
        tuple(draw(st.lists(st.sampled_from(ORDERS), unique=True))),
    )
    dials = Dials(
        novelty=draw(st.sampled_from([0.0, 0.5, 1.0])),
        diversity=draw(st.sampled_from([0.0, 0.5, 1.0])),
        temperature=draw(st.sampled_from([0.0, 1.0, 5.0])),
        seed=draw(st.integers(0, 3)),
    )
    return Outline(tuple(places), rules, dials)


def groups(item: int, column: str) -> set[str]:
    return set(str(ROWS[item - 1][column] or "").split("|")) - {""}


def is_right(items: tuple[int, ...], outline: Outline) -> bool:
    """Whether a whole sequence is what was asked for; written without the library's rules."""
    chosen = [item for item, kept in zip(items, outline.places, strict=True) if kept == OPEN]
    if any(kept not in (OPEN, item) for item, kept in zip(items, outline.places, strict=True)):
        return False
    if len(set(items)) < len(items) or set(items) & outline.rules.excluded:
        return False
    assert len(chosen) == len(outline.gaps)
    for limit in outline.rules.limits:
        counts = Counter(value for item in items for value in groups(item, limit.column))
        added = {value for item in chosen for value in groups(item, limit.column)}
        if any(counts[value] > limit.n for value in added):
            return False
    pairs = [(a, b) for at, a in enumerate(items) for b in items[at + 1 :]]
    pairs = [pair for pair in pairs if set(pair) & set(chosen)]
    return not any(is_wrong_way(a, b, outline.rules.orders) for a, b in pairs)


def is_wrong_way(earlier: int, later: int, orders: tuple[Order, ...]) -> bool:
    a, b = ROWS[earlier - 1], ROWS[later - 1]
    if ORDERS[0] in orders and a["series"] and a["series"] == b["series"]:
        return bool(a["series_number"] > b["series_number"])
    return ORDERS[1] in orders and b["item_id"] in a["requires"].split(";")


def possible(outline: Outline) -> list[tuple[int, ...]]:
    """All right sequences, by trying all."""
    left = [item for item in range(1, N + 1) if item not in outline.places]
    found = []
    for chosen in permutations(left, len(outline.gaps)):
        given_ = iter(chosen)
        items = tuple(kept if kept != OPEN else next(given_) for kept in outline.places)
        if is_right(items, outline):
            found.append(items)
    return found


def composed(outline: Outline, method: str) -> Composition | None:
    try:
        return compose(recommender(), outline, method=method)
    except SettingsError:
        return None


@settings(max_examples=300)
@given(outlines(), st.sampled_from(list(METHODS)))
def test_what_is_composed_keeps_what_is_kept_repeats_nothing_and_respects_the_rules(
    outline: Outline, method: str
) -> None:
    found = composed(outline, method)
    assert found is None or is_right(found.items, outline)


@settings(max_examples=100)
@given(outlines(max_gaps=3), st.sampled_from(list(METHODS)))
def test_it_fails_only_where_trying_everything_fails_too(outline: Outline, method: str) -> None:
    assert (composed(outline, method) is None) == (not possible(outline))


@given(outlines(), st.sampled_from(list(METHODS)))
def test_the_same_outline_is_filled_the_same_way(outline: Outline, method: str) -> None:
    assert composed(outline, method) == composed(outline, method)


@given(outlines(), st.sampled_from(list(METHODS)))
def test_rounds_are_counted_without_those_of_which_nothing_stayed(
    outline: Outline, method: str
) -> None:
    unswept = replace(METHODS[method], max_sweeps=0)
    try:
        found = compose(recommender(), outline, method=unswept)
    except SettingsError:
        return
    assert {choice.round for choice in found.choices} == set(range(found.n_rounds))


@given(outlines(max_gaps=3))
def test_probabilities_are_shares_of_what_may_stand_at_a_place(outline: Outline) -> None:
    found = composed(outline, "confidence")
    for choice in found.choices if found else ():
        listed = [choice.probability, *(share for _, share in choice.alternatives)]
        assert all(0 <= share <= 1 + 1e-9 for share in listed)
        items = [choice.item_idx, *(item for item, _ in choice.alternatives)]
        assert len(set(items)) == len(items) == min(choice.n_allowed, 6)
        if choice.n_allowed <= 6:
            assert sum(listed) == pytest.approx(1)
        for item, _ in choice.alternatives:
            other = (*found.items[: choice.place], item, *found.items[choice.place + 1 :])
            assert is_right(other, outline)


@given(outlines(max_gaps=3), st.sampled_from(list(METHODS)))
def test_a_sequence_longer_than_the_window_is_filled_as_well(outline: Outline, method: str) -> None:
    try:
        found = compose(recommender(3), outline, method=method)
    except SettingsError:
        assert not possible(outline)
    else:
        assert is_right(found.items, outline)


@given(outlines(max_gaps=0))
def test_where_the_named_places_are_opened_nothing_kept_breaks_a_rule(outline: Outline) -> None:
    rules = bind_rules(outline, recommender().vocabulary)
    opened = outline
    for place in places_to_open(rules, outline.items):
        opened = opened.opened(place)
    assert broken_rules(rules, opened.items) == []
    assert (opened == outline) == (broken_rules(rules, outline.items) == [])
    kept = Outline(tuple(item for item in opened.places if item != OPEN), outline.rules)
    assert is_right(kept.places, replace(kept, places=(OPEN,) * len(kept)))
