from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bert4rec.composer.decoding import compose
from bert4rec.composer.outline import OPEN, Limit, Outline, Rules
from bert4rec.composer.room import best_set
from bert4rec.composer.rules import GroupLimit, bind_rules
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.recommender import Recommender
from tests.factories import small_recommender

# Each of these rings of three holds one item where a value comes once, though by halves one and a
# half would fit.
RINGS = ["a|b", "b|c", "c|a", "d|e", "e|f", "f|d"]
ONCE = Rules(limits=(Limit("genre", 1),))


def world(cells: Sequence[str], tones: Sequence[str] | None = None) -> Recommender:
    made = SequenceDataset.from_sequences([[1, 2, 3]], n_items=len(cells), name="wide")
    table = made.vocabulary.table.assign(genre=cells, tone=tones or [""] * len(cells))
    return small_recommender(replace(made, vocabulary=Vocabulary(table)))


def drawn_cells(seed: int) -> list[str]:
    chance = np.random.default_rng(seed)
    sizes = chance.integers(2, 4, size=40)
    return ["|".join(chance.choice([*"ABCDEFGH"], size=size, replace=False)) for size in sizes]


def test_where_only_items_of_one_value_each_fill_all_gaps_they_are_found() -> None:
    names = "ABCDEFGHIJ"
    model = world([*names, *("|".join(three) for three in combinations(names, 3))])
    found = compose(model, Outline.of([None] * 10, ONCE))
    assert sorted(found.items) == [*range(1, 11)]


def test_room_is_counted_in_items_and_not_in_values() -> None:
    cells = ["calm|wild", "odd|sad", "calm|odd", *["wild|calm"] * 7]
    rule = GroupLimit(Limit("genre", 1), world(cells).vocabulary)
    room, takes = rule.room(np.array([OPEN, OPEN]), np.ones(10, dtype=bool))
    assert room == pytest.approx(2)
    assert takes == pytest.approx(np.ones(10))


def test_what_no_choice_can_fill_is_refused_with_the_gaps_that_can_be_filled() -> None:
    said = "at most 1 of the same genre leaves room for 2 items, but there are 3 gaps"
    with pytest.raises(SettingsError, match=said) as refused:
        compose(world(RINGS), Outline.of([None] * 3, ONCE))
    assert "taken back" not in str(refused.value)
    assert len(compose(world(RINGS), Outline.of([None] * 2, ONCE)).choices) == 2


def test_where_a_kept_item_uses_up_every_value_no_gap_can_be_filled() -> None:
    with pytest.raises(SettingsError, match="leaves room for 0 items, but there is 1 gap"):
        compose(world(["a|b", "a", "b"]), Outline.of([1, None], ONCE))


def test_limits_that_fail_only_together_are_named_together() -> None:
    rules = Rules(limits=(Limit("genre", 1), Limit("tone", 1)))
    # Each column alone has room for three; together, every item is an a or an x.
    model = world([*"aaabc"], [*"xyzxx"])
    assert len(compose(model, Outline.of([None] * 2, rules)).choices) == 2
    said = (
        r"at most 1 of the same genre and at most 1 of the same tone together leave room for "
        r"2 items, but there are 3 gaps\. Raise a limit"
    )
    with pytest.raises(SettingsError, match=said):
        compose(model, Outline.of([None] * 3, rules))


@pytest.mark.parametrize(("seed", "n_gaps"), [(0, 11), (1, 10), (6, 10), (12, 10)])
def test_the_search_that_goes_astray_is_helped_by_items_that_fit(seed: int, n_gaps: int) -> None:
    cells = drawn_cells(seed)
    model, rules = world(cells), Rules(limits=(Limit("genre", 3),))
    found = compose(model, Outline.of([None] * n_gaps, rules))
    counts = Counter(value for item in found.items for value in cells[item - 1].split("|"))
    assert len(set(found.items)) == n_gaps
    assert max(counts.values()) <= 3


@pytest.mark.parametrize("seed", range(6))
def test_the_best_set_is_the_best_of_all_sets(seed: int) -> None:
    cells = drawn_cells(seed)[:12]
    model, items = world(cells), np.array([OPEN] * 4)
    rules = bind_rules(Outline.of([None] * 4, Rules(limits=(Limit("genre", 2),))), model.vocabulary)
    worth = np.random.default_rng(seed).normal(-5.0, 3.0, size=12)
    worth[3] = -np.inf

    def fits(some: tuple[int, ...]) -> bool:
        counts = Counter(value for item in some for value in cells[item].split("|"))
        return max(counts.values()) <= 2 and 3 not in some

    sums = [worth[list(some)].sum() for some in combinations(range(12), 4) if fits(some)]
    found = best_set(rules, items, worth)
    assert (found is None) == (not sums)
    if found is not None:
        assert fits(tuple(np.flatnonzero(found)))
        assert worth[found].sum() == pytest.approx(max(sums))
