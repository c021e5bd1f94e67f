from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bert4rec.comparing.categories import find_categories
from bert4rec.composer.columns import find_orders, limit_columns
from bert4rec.composer.decoding import compose
from bert4rec.composer.outline import Limit, Order, Outline, Rules
from bert4rec.composer.rules import GroupLimit, bind_rules, broken_rules, places_to_open
from bert4rec.data.samples import SAMPLES
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from tests.factories import SHELF, shelf_recommender, small_recommender

SERIES = Order("series", "series_number")
SHELVED = Vocabulary(SHELF)


def test_the_columns_that_limit_and_order_are_found_in_the_item_table() -> None:
    assert limit_columns(SHELVED) == ["author", "series", "genre"]
    assert find_orders(SHELVED) == [SERIES, Order("requires")]


@pytest.mark.parametrize(
    ("sample", "orders", "first"),
    [
        ("playlists", [Order("album", "track_number")], "artist"),
        ("reading", [SERIES], "author"),
        ("courses", [Order("prerequisites")], "subject"),
    ],
)
def test_the_samples_tell_their_orders(sample: str, orders: list[Order], first: str) -> None:
    table = pd.read_csv(SAMPLES[sample].folder / "items.csv").assign(count=1)
    assert find_orders(Vocabulary(table)) == orders
    assert limit_columns(Vocabulary(table))[0] == first


def test_a_table_of_ids_and_titles_tells_nothing() -> None:
    bare = Vocabulary(SHELF[["item_id", "title", "count"]].assign(number=[1, 1] * 5))
    assert find_orders(bare) == []
    assert limit_columns(bare) == []


def test_what_the_kept_items_break_is_named_with_titles_and_values() -> None:
    outline = Outline.of([3, 1, 2], Rules(limits=(Limit("author", 2),), orders=(SERIES,)))
    assert broken_rules(bind_rules(outline, SHELVED), outline.items) == [
        "3 of 'Ann' are kept, against at most 2 of the same author",
        "'Book 3' stands before 'Book 1', against the order of series number within series",
    ]
    needy = Outline.of([7, 4], Rules(orders=(Order("requires"),)))
    assert broken_rules(bind_rules(needy, SHELVED), needy.items) == [
        "'Book 7' stands before 'Book 4', which it requires"
    ]


def test_the_later_places_are_opened_to_keep_a_limit() -> None:
    outline = Outline.of([1, 4, 2, 3], Rules(limits=(Limit("author", 1),)))
    assert places_to_open(bind_rules(outline, SHELVED), outline.items) == [2, 3]


def test_what_is_kept_twice_is_not_opened_beside_what_is_excluded() -> None:
    outline = Outline.of([5, 3, 3, 5], Rules(excluded=frozenset({5})))
    assert places_to_open(bind_rules(outline, SHELVED), outline.items) == [0, 3]


def test_what_is_kept_beyond_a_limit_stays_and_no_more_is_chosen() -> None:
    rules = Rules(limits=(Limit("author", 1),))
    found = compose(shelf_recommender(), Outline.of([1, 2, None, None], rules))
    authors = [SHELF["author"][item - 1] for item in found.items]
    assert authors.count("Ann") == 2
    assert found.notes == ("2 of 'Ann' are kept, against at most 1 of the same author",)


def test_what_led_nowhere_is_told_apart_from_what_a_rule_bars() -> None:
    # Each of the first two requires the other, so there is no order of both.
    table = SHELF.assign(requires=["b2", "b1", *[""] * 8])
    dataset = replace(shelf_recommender().dataset, vocabulary=Vocabulary(table))
    rules = Rules(frozenset(range(4, 11)), orders=(Order("requires"),))
    said = r"7 are barred by being there already or excluded \(7\), 3 leave nothing for another gap"
    with pytest.raises(SettingsError, match=said):
        compose(small_recommender(dataset), Outline.of([None] * 3, rules))


@pytest.mark.parametrize(
    ("outline", "said"),
    [
        (Outline.of([1, None], Rules(excluded=frozenset({1}))), "'Book 1' is both kept"),
        (Outline.of([*range(1, 10), None, None]), "2 gaps, but only 1 item is left"),
        (
            Outline.of([None] * 6, Rules(limits=(Limit("author", 1),))),
            "at most 1 of the same author leaves room for 5 items, but there are 6 gaps",
        ),
        (
            Outline.of([3, None, 1], Rules(frozenset(range(4, 11)), orders=(SERIES,))),
            "nothing may stand at place 2: of 10 items, 9 are barred by being there already or "
            r"excluded \(7\), 1 are barred by the order of series number within series",
        ),
        (Outline.of([11, None]), "item number 11 is not in the catalogue"),
        (Outline.of([None], Rules(limits=(Limit("colour", 1),))), "no column 'colour'"),
        (Outline.of([None], Rules(limits=(Limit("author", 0),))), "limit of 'author' is 0"),
    ],
)
def test_what_cannot_be_met_is_named(outline: Outline, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        compose(shelf_recommender(), outline)


def test_a_limit_counts_the_values_that_a_comparison_counts() -> None:
    cells = ["Drama", "Action", "Action Drama", "Comedy", "", "Comedy Action", *["Drama"] * 4]
    parted = Vocabulary(SHELF.assign(genre=cells), ["genre"])
    outline = Outline.of([3, None], Rules(limits=(Limit("genre", 1),)))
    rule = bind_rules(outline, parted)[1]
    assert isinstance(rule, GroupLimit)
    categories = find_categories(parted, "genre")
    assert categories is not None
    assert sorted(rule.values) == sorted(categories.names) == ["Action", "Comedy", "Drama"]
    of_items = categories.of_items.toarray()
    assert rule.barred(outline.items, 1).tolist() == (of_items @ of_items[2] > 0).tolist()


def test_an_item_with_several_values_counts_for_each() -> None:
    outline = Outline.of([1, None], Rules(limits=(Limit("genre", 1),)))
    rule = bind_rules(outline, SHELVED)[1]
    assert np.flatnonzero(rule.barred(outline.items, 1)).tolist() == [0, 1, 2, 3, 4, 6, 7, 9]
