from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from bert4rec.comparing import list_figures as module
from bert4rec.comparing.categories import Categories, category_choices, find_categories
from bert4rec.comparing.list_figures import (
    ListContext,
    diversity,
    list_figures,
    miscalibration,
)
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import SettingsError
from bert4rec.histories import Histories
from tests.factories import SHELF

TRAIN = [[1, 2, 3], [1, 2], [3, 4], [4, 4, 5]]
GENRES = ["calm|wild", "wild", "calm", "calm | odd", "", "odd"]


def vocabulary(**columns: list[object]) -> Vocabulary:
    table = {"item_id": list("abcdef"), "title": list("ABCDEF"), "count": [2, 2, 2, 3, 1, 0]}
    return Vocabulary(pd.DataFrame(table | columns))


def context(histories: list[list[int]], categories: Categories | None = None) -> ListContext:
    train = Histories.of(TRAIN)
    counts = np.bincount(train.items, minlength=7)[1:]
    return ListContext(train, 6, counts, Histories.of(histories), categories)


def genres() -> Categories:
    found = find_categories(vocabulary(genre=GENRES))
    assert found is not None
    return found


def plain_genres(item: int) -> set[str]:
    return {name.strip() for name in GENRES[item - 1].split("|")} - {""}


def test_categories_part_cells_and_count_values() -> None:
    found = genres()
    assert found.column == "genre"
    assert found.names[0] == "calm"
    for item in range(1, 7):
        has = found.of_items[[item - 1]].toarray().ravel() > 0
        assert {name for name, is_it in zip(found.names, has, strict=True) if is_it} == (
            plain_genres(item)
        )


def test_names_amounts_and_columns_that_few_items_have_are_no_categories() -> None:
    assert find_categories(vocabulary()) is None
    assert find_categories(vocabulary(author=list("uvwxyz"))) is None
    assert find_categories(vocabulary(price=[1, 1, 2, 2, 3, 3])) is None
    assert find_categories(vocabulary(mood=["a", "b", "", "", "", ""])) is None
    both = find_categories(vocabulary(author=list("aabbcc"), genre=GENRES))
    assert both is not None
    assert both.column == "genre"
    shelf = find_categories(Vocabulary(SHELF))
    assert shelf is not None
    assert shelf.column == "genre"


def test_years_are_categories_only_where_no_words_are() -> None:
    table = pd.DataFrame({"item_id": range(24), "title": "x", "count": 1})
    # One odd cell makes no words of it.
    table["year"] = ["1996", "1997"] * 11 + ["1995", "unkonwn"]
    alone = find_categories(Vocabulary(table))
    both = find_categories(Vocabulary(table.assign(**{"class": ["calm", "wild", ""] * 8})))
    assert both is not None
    assert both.column == "class"
    assert alone is not None
    assert alone.column == "year"


def test_another_column_can_be_chosen_for_categories() -> None:
    items = vocabulary(author=list("aabbcc"), genre=GENRES, price=[1, 1, 2, 2, 3, 3])
    assert category_choices(items) == ["genre", "author"]
    chosen = find_categories(items, "author")
    assert chosen is not None
    assert chosen.names == list("abc")
    with pytest.raises(SettingsError, match="no categories by 'price'") as refused:
        find_categories(items, "price")
    assert "genre, author" in str(refused.value.fix)


def test_words_in_one_cell_are_parted_where_the_column_was_declared_to_be_lists() -> None:
    items = vocabulary(genre=["Science Fiction", "Fiction"] * 3)
    one = find_categories(items)
    assert one is not None
    assert sorted(one.names) == ["Fiction", "Science Fiction"]
    listed = find_categories(Vocabulary(items.table, ["genre"]))
    assert listed is not None
    assert sorted(listed.names) == ["Fiction", "Science"]


def test_diversity_by_categories_is_the_mean_jaccard_distance() -> None:
    top = np.array([[1, 2, 3], [2, 4, 6], [1, 2, 4]])
    wanted = np.mean(
        [
            1 - len(plain_genres(a) & plain_genres(b)) / len(plain_genres(a) | plain_genres(b))
            for row in top.tolist()
            for a, b in combinations(row, 2)
        ]
    )
    assert diversity(top, context([[1]] * 3, genres())) == pytest.approx(wanted)


def test_diversity_without_categories_is_by_who_met_both() -> None:
    top = np.array([[1, 2, 4], [3, 5, 6]])
    met = [{user for user, row in enumerate(TRAIN) if item in row} for item in range(1, 7)]
    wanted = np.mean(
        [
            1
            - len(met[a - 1] & met[b - 1])
            / max(math.sqrt(len(met[a - 1]) * len(met[b - 1])), 1e-12)
            for row in top.tolist()
            for a, b in combinations(row, 2)
        ]
    )
    assert diversity(top, context([[1]] * 2)) == pytest.approx(wanted)


def test_lists_of_one_item_and_no_lists_have_no_diversity() -> None:
    assert diversity(np.array([[1], [2]]), context([[1], [2]])) is None
    assert diversity(np.empty((0, 10), dtype=int), context([])) is None


def test_pairs_are_taken_in_parts_and_many_lists_are_drawn_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    top = np.random.default_rng(0).permuted(np.tile(np.arange(1, 7), (50, 1)), axis=1)[:, :4]
    made = context([[1]] * 50)
    whole = diversity(top, made)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 3)
    assert diversity(top, made) == pytest.approx(whole)
    monkeypatch.setattr(module, "MAX_LISTS", 20)
    assert diversity(top, made) == diversity(top, made) == pytest.approx(whole, abs=0.1)


def test_miscalibration_is_stecks_divergence() -> None:
    histories, top = [[1, 3], [2]], np.array([[2, 6], [2, 2]])
    # History 1: item 1 is half calm, half wild, item 3 calm. List: wild and odd.
    p = {"calm": 0.75, "wild": 0.25}
    q = {"wild": 0.5, "odd": 0.5}
    alpha = 0.01
    first = sum(
        share * math.log(share / ((1 - alpha) * q.get(name, 0) + alpha * share))
        for name, share in p.items()
    )
    found = miscalibration(top, context(histories, genres()))
    # The second list is made as its history is.
    assert found == pytest.approx(first / 2)


def test_rows_without_categories_are_left_out_of_miscalibration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = context([[5], [2], []], genres())
    assert miscalibration(np.array([[1, 2], [2, 2], [1, 1]]), made) == pytest.approx(0)
    assert miscalibration(np.array([[1, 2]]), context([[5]], genres())) is None
    assert miscalibration(np.array([[1, 2]]), context([[5]])) is None
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 1)
    assert miscalibration(np.array([[1, 2], [2, 2], [1, 1]]), made) == pytest.approx(0)


def test_popularity_of_lists_is_held_against_that_of_histories() -> None:
    # Counts of items 1..6 are 2, 2, 2, 3, 1, 0.
    made = context([[1, 5], [4]])
    found = list_figures(np.array([[4, 4], [1, 4]]), made)
    assert found["popularity"] == pytest.approx(11 / 4)
    assert found["history_popularity"] == pytest.approx((1.5 + 3) / 2)
    assert found["popularity_lift"] == pytest.approx(2.75 / 2.25 - 1)
    assert found["coverage"] == pytest.approx(2 / 6)
    assert found["miscalibration"] is None


@pytest.mark.parametrize("has_categories", [True, False])
def test_what_a_list_lacks_changes_no_figure(*, has_categories: bool) -> None:
    made = context([[1, 5], [4]], genres() if has_categories else None)
    top = np.array([[4, 2], [1, 4]])
    assert list_figures(np.pad(top, ((0, 0), (0, 3))), made) == list_figures(top, made)
    nothing = list_figures(top * 0, made)
    assert nothing["coverage"] == nothing["popularity"] == 0
    assert nothing["diversity"] is None
    # The second list has one item, and so no pair.
    short = np.array([[4, 2], [1, 0]])
    one = replace(made, histories=made.histories.take(slice(0, 1)))
    assert diversity(short, made) == diversity(top[:1], one)


def test_no_lists_have_figures_all_the_same() -> None:
    found = list_figures(np.empty((0, 10), dtype=int), replace(context([]), categories=genres()))
    assert found["coverage"] == found["popularity"] == 0
    assert found["diversity"] is None
    assert found["miscalibration"] is None
