from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.errors import FormatError
from bert4rec.temperatures import (
    Shown,
    as_documents,
    count_around,
    divisors,
    least_shown,
    of_documents,
)


@given(st.integers(1, 4), st.integers(1, 7), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_what_is_shown_around_a_place_is_counted(
    n_rows: int, length: int, n_places: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    is_shown = chance.random((n_rows, length)) < 0.4
    places = chance.integers(0, length, (n_rows, n_places))
    n_before, n_after = count_around(is_shown, places)
    assert n_before.shape == n_after.shape == places.shape
    for row in range(n_rows):
        for at, place in enumerate(places[row]):
            assert n_before[row, at] == sum(is_shown[row, :place])
            assert n_after[row, at] == sum(is_shown[row, place + 1 :])


@pytest.mark.parametrize("least", [1, 2, 4, 8, 16, 32])
def test_items_are_counted_by_doubling(least: int) -> None:
    numbers = np.arange(least, 2 * least)
    assert set(least_shown(numbers).tolist()) == {least}
    assert Shown("both", least).most == numbers[-1]


def test_where_nothing_is_shown_that_is_a_group_of_its_own() -> None:
    assert least_shown(np.array([0])).tolist() == [0]
    assert Shown("past", 0).most == 0


def test_scores_are_divided_by_the_temperature_of_what_is_shown() -> None:
    temperatures = {
        Shown("past", 4): 2.0,
        Shown("future", 4): 3.0,
        Shown("both", 4): 5.0,
        Shown("past", 0): 7.0,
    }
    n_before = np.array([[4, 0, 3, 8], [7, 0, 1, 0]])
    n_after = np.array([[0, 5, 2, 0], [0, 8, 1, 0]])
    expected = [[2, 3, 5, 1], [2, 1, 1, 7]]
    assert divisors(temperatures, n_before, n_after).tolist() == expected


def test_temperatures_are_read_as_they_were_written() -> None:
    temperatures = {Shown("past", 1): 1.6, Shown("both", 32): 0.9}
    assert of_documents(json.loads(json.dumps(as_documents(temperatures)))) == temperatures
    assert of_documents([]) == {}


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        ["past"],
        [{"context": "past", "least": 1}],
        [{"context": "present", "least": 1, "temperature": 1.0}],
        [{"context": ["past"], "least": 1, "temperature": 1.0}],
        [{"context": "past", "least": -1, "temperature": 1.0}],
        [{"context": "past", "least": True, "temperature": 1.0}],
        [{"context": "past", "least": 1, "temperature": "1"}],
        [{"context": "past", "least": 1, "temperature": True}],
        [{"context": "past", "least": 1, "temperature": 0}],
        [{"context": "past", "least": 1, "temperature": -1.0}],
        [{"context": "past", "least": 1, "temperature": 1e9}],
    ],
)
def test_damaged_temperatures_are_refused(document: object) -> None:
    with pytest.raises(FormatError, match="temperatures are damaged"):
        of_documents(document)
