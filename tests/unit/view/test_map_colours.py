from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bert4rec.data.item_groups import group_places, places_by_size
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.view.group_colours import N_COLOURS, Theme
from bert4rec.view.map_colours import (
    CLUSTER,
    LOSS,
    POPULARITY,
    Scale,
    colouring,
    colours_of,
    group_rows,
    numbers_of,
    scale_marker,
)

N = 40


@pytest.fixture
def vocabulary() -> Vocabulary:
    years: list[object] = [1960 + at for at in range(N)]
    years[3] = ""
    table = {
        "item_id": [f"i{at}" for at in range(N)],
        "title": [f"Title {at}" for at in range(N)],
        "count": [at * at for at in range(N)],
        "genre": [("calm", "wild")[at % 2] for at in range(N)],
        "year": years,
        "stars": [at % 5 for at in range(N)],
        "code": [f"x{at}" for at in range(N)],
    }
    return Vocabulary(pd.DataFrame(table))


ALL = np.arange(1, N + 1)


def test_numbers_are_a_scale_unless_there_are_few_or_others_among_them(
    vocabulary: Vocabulary,
) -> None:
    years = numbers_of(vocabulary, "year")
    assert years is not None
    assert np.isnan(years[3])
    assert years[4] == 1964
    odd = Vocabulary(pd.concat([vocabulary.table] * 10).astype({"year": object}))
    odd.table["year"] = ["unknown", *odd.table["year"][1:]]
    years = numbers_of(odd, "year")
    assert years is not None
    assert np.isnan(years[0])
    odd.table["year"] = [*["unknown"] * (len(years) // 50), *odd.table["year"][len(years) // 50 :]]
    assert numbers_of(odd, "year") is None
    assert numbers_of(vocabulary, "stars") is None
    assert numbers_of(vocabulary, "code") is None


def test_each_choice_colours_every_point_once(vocabulary: Vocabulary) -> None:
    losses = np.linspace(1, 9, N)
    losses[0] = np.nan
    for colour in colours_of(vocabulary):
        found = colouring(colour, vocabulary, ALL[::-1], "light", losses=losses, clusters=["c"] * N)
        rows = np.concatenate([group.rows for group in found.groups])
        assert sorted(rows) == list(range(N)), colour
        assert (found.scale is not None) == (colour in ("year", POPULARITY, LOSS))


def test_a_colour_belongs_to_its_item_in_whatever_order_they_come(vocabulary: Vocabulary) -> None:
    found = colouring("year", vocabulary, np.array([11, 4, 1]), "dark")
    assert found.marker(0)["color"].tolist() == [1970.0, 1960.0]
    assert found.groups[1].name == "Not known"
    assert found.groups[1].rows.tolist() == [1]
    named = [f"c{at % 9}" for at in range(N)]
    assert (
        colouring(CLUSTER, vocabulary, np.array([5]), "dark", clusters=named).groups[0].name == "c4"
    )


def test_no_two_choices_look_alike_and_each_can_be_had() -> None:
    names = ["popularity", "Popularity", "cluster", "a_b", "a b"]
    table = pd.DataFrame({"item_id": ["a", "b"], "title": ["A", "B"], "count": [9, 1]})
    table[names] = [[f"{name} {at}" for name in names] for at in range(2)]
    vocabulary = Vocabulary(table)
    labels = colours_of(vocabulary)
    assert len(set(labels.values())) == len(labels) == len(names) + 3
    assert (labels[POPULARITY], labels["cluster"]) == (POPULARITY, "Cluster (column)")
    groups = {
        colouring(colour, vocabulary, np.array([1]), "light").groups[0].name
        for colour in labels
        if colour not in (CLUSTER, LOSS)
    }
    assert groups == {"Interactions", *(f"{name} 0" for name in names)}


def test_ids_are_no_choice_and_neither_is_what_is_different_for_nearly_every_item(
    vocabulary: Vocabulary,
) -> None:
    assert {"genre", "year", "stars"} <= set(colours_of(vocabulary))
    assert "code" not in colours_of(vocabulary)
    table = vocabulary.table.assign(
        address=["", "", *(f"http://a.b/{at}" for at in range(2, N))],
        shelf=[f"shelf {at // 2}" for at in range(N)],
        words=[f"{'one' if at % 2 else 'two'}, {at}" for at in range(N)],
        nothing=pd.Series([None] * N),
    )
    told = set(colours_of(Vocabulary(table)))
    assert "address" not in told
    assert {"shelf", "year"} <= told


def test_an_empty_cell_is_a_group_of_its_own() -> None:
    table = pd.DataFrame({"item_id": ["a", "b"], "title": ["A", "B"], "count": [1, 1]})
    table["second"] = pd.Series(["x", None], dtype="str")
    found = colouring("second", Vocabulary(table), np.array([1, 2]), "light")
    assert {group.name for group in found.groups} == {"x", "none"}


def test_one_odd_value_does_not_flatten_the_scale() -> None:
    values = np.append(np.linspace(0, 1, 999), 1e6)
    assert scale_marker(Scale("x", values), np.arange(1000), "dark")["cmax"] < 2


@pytest.mark.parametrize("is_log", [False, True])
def test_a_whole_number_stands_where_it_belongs_and_once(is_log: bool) -> None:
    bar = scale_marker(Scale("x", np.array([1.0, 2, 3, 2]), is_log), np.arange(4), "light")
    ticks = bar["colorbar"]["tickvals"]
    assert bar["colorbar"]["ticktext"] == ["1", "2", "3"]
    np.testing.assert_allclose(10**ticks if is_log else ticks, [1, 2, 3])
    assert (bar["cmin"], bar["cmax"]) == (ticks[0], ticks[-1])


NAMES = [f"g{at:02}" for at in range(15) for _ in range(15 - at)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_largest_groups_get_a_colour_each_and_the_others_are_grey_together(
    theme: Theme,
) -> None:
    groups = group_rows(NAMES, places_by_size(NAMES), theme)
    assert len(groups) == N_COLOURS + 1
    assert [group.name for group in groups[:2]] == ["g00", "g01"]
    assert groups[-1].name == "Other (3 groups)"
    assert len({group.look for group in groups}) == N_COLOURS + 1
    assert sorted(np.concatenate([group.rows for group in groups])) == list(range(len(NAMES)))
    assert [group.is_named for group in groups] == [True] * N_COLOURS + [False]


def test_both_themes_name_the_same_groups() -> None:
    light, dark = (group_rows(NAMES, places_by_size(NAMES), theme) for theme in ("light", "dark"))
    assert [group.name for group in light] == [group.name for group in dark]


def test_an_empty_value_is_a_group_with_a_name() -> None:
    values = ["", "a", " "]
    found = group_rows(values, places_by_size(values), "light")
    assert [group.name for group in found] == ["none", "a"]


def test_a_group_keeps_its_colour_where_only_some_of_its_items_are_shown(
    vocabulary: Vocabulary,
) -> None:
    whole = {group.name: group.look for group in colouring("stars", vocabulary, ALL, "dark").groups}
    few = colouring("stars", vocabulary, np.array([5, 10, 4]), "dark").groups
    assert [group.name for group in few] == ["3", "4"]
    assert all(group.look == whole[group.name] for group in few)


def test_groups_have_places_by_size_and_equal_ones_by_name(vocabulary: Vocabulary) -> None:
    assert list(group_places(vocabulary, "genre").items()) == [("calm", 0), ("wild", 1)]
    assert places_by_size(["b", "a", "c", "c"]) == {"c": 0, "a": 1, "b": 2}
