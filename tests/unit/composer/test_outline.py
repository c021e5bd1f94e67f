from __future__ import annotations

import numpy as np
import pytest

from bert4rec.composer.outline import MAX_PLACES, OPEN, Dials, Outline
from bert4rec.errors import SettingsError


def test_a_sequence_is_lengthened_opened_and_moved_without_changing_the_one_before() -> None:
    outline = Outline.of([4, None, 6])
    assert outline.places == (4, OPEN, 6)
    assert outline.gaps == [1]
    assert outline.with_gaps(1, 2).places == (4, OPEN, OPEN, OPEN, 6)
    assert outline.extended_to(5).places == (4, OPEN, 6, OPEN, OPEN)
    assert outline.inserted(3, 9).places == (4, OPEN, 6, 9)
    assert outline.locked(1, 5).opened(0).places == (OPEN, 5, 6)
    assert outline.moved(0, 99).places == (OPEN, 6, 4)
    assert outline.moved(2, -1).places == (6, 4, OPEN)
    assert outline.without(1).places == (4, 6)
    assert outline.places == (4, OPEN, 6)


def test_an_excluded_item_leaves_its_place() -> None:
    outline = Outline.of([4, 5]).excluding(5)
    assert outline.places == (4, OPEN)
    assert outline.rules.excluded == {5}


def test_a_target_below_the_length_is_refused_and_so_are_too_many_places() -> None:
    with pytest.raises(SettingsError, match="has 2 places, more than the target of 1"):
        Outline.of([1, 2]).extended_to(1)
    with pytest.raises(SettingsError, match=f"more than {MAX_PLACES}"):
        Outline.of([1]).extended_to(MAX_PLACES + 1)


@pytest.mark.parametrize("item", ["t392", "3", 1.5])
def test_what_is_no_index_is_refused_with_the_way_to_get_one(item: object) -> None:
    with pytest.raises(SettingsError, match="is no index of an item") as refused:
        Outline.of([1, item, None])  # type: ignore[list-item]
    assert "model.vocabulary.idx" in str(refused.value.fix)


def test_indices_may_be_those_of_an_array() -> None:
    assert Outline.of(np.array([3, 1])).places == (3, 1)


@pytest.mark.parametrize(
    ("dial", "value"), [("novelty", 1.5), ("diversity", -0.1), ("temperature", 11.0), ("seed", -1)]
)
def test_a_dial_out_of_range_is_refused(dial: str, value: float) -> None:
    with pytest.raises(SettingsError, match=dial):
        Dials(**{dial: value})  # type: ignore[arg-type]
