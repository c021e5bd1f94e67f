from __future__ import annotations

import math

import numpy as np
import pytest

from bert4rec.composer.reasons import Reason, find_reasons, strongest_neighbours
from bert4rec.contexts import CONTEXTS
from bert4rec.explain import occlusion, predict_masked
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from tests.factories import shelf_recommender

ITEMS = (3, 4, 5, 6, 7, 8)


@pytest.fixture(scope="module")
def ring(tiny_run: Run) -> Recommender:
    return load_model(tiny_run, device="cpu")


def reason_of(place: int, n_items: int, bits: dict[str, float]) -> Reason:
    """A reason with so many bits beyond popularity from each context."""
    log_p = {context: math.log(2) * one - 3.0 for context, one in bits.items()}
    return Reason(place, 1, n_items, log_p, -3.0)


def test_a_context_says_what_a_masked_prediction_says(ring: Recommender) -> None:
    for reason in find_reasons(ring, ITEMS, range(6)):
        for context in CONTEXTS:
            (one,) = predict_masked(ring, np.array(ITEMS), [reason.place], context=context, k=1)
            assert math.exp(reason.log_p[context]) == pytest.approx(one.true_probability, rel=1e-3)
            assert reason.bits(context) == pytest.approx(one.bits, abs=1e-2)


@pytest.mark.parametrize(
    ("past", "future", "both", "carried_by"),
    [
        (4.0, 1.0, 4.5, "past"),
        (1.0, 4.0, 4.5, "future"),
        (1.0, 2.0, 5.0, "both"),
        (4.0, 4.5, 5.0, "either"),
        (0.2, -1.0, 0.9, "popularity"),
        (5.0, 1.0, 4.5, "past"),
        (5.0, 1.0, 4.0, "past"),
        # Together they make it less than half as probable as one does alone.
        (5.0, 1.0, 2.0, "less"),
        (1.0, 5.0, 2.0, "less"),
        (5.0, 4.5, 3.0, "less"),
        (5.0, -3.0, -1.0, "less"),
        (1.5, -3.0, 0.4, "less"),
        # 0.9% beside 0.8% is no difference, also where only one of them is twice the popularity.
        (1.05, -3.0, 0.9, "past"),
        (-3.0, 1.5, 0.8, "future"),
        (1.05, 1.0, 0.9, "either"),
    ],
)
def test_what_carries_a_choice_is_told_by_clear_bits(
    past: float, future: float, both: float, carried_by: str
) -> None:
    bits = {"past": past, "future": future, "both": both}
    assert reason_of(1, 3, bits).carried_by == carried_by


@pytest.mark.parametrize(
    ("place", "n_items", "bits", "carried_by"),
    [
        (2, 3, {"past": 2.0, "future": 4.0, "both": 2.0}, "past"),
        (2, 3, {"past": 4.0, "future": 4.0, "both": 4.0}, "past"),
        (2, 3, {"past": 0.5, "future": 4.0, "both": 0.5}, "popularity"),
        (0, 3, {"past": 4.0, "future": 2.0, "both": 2.0}, "future"),
        (0, 1, {"past": 4.0, "future": 4.0, "both": 4.0}, "popularity"),
        (0, 3, {"past": 4.0}, "popularity"),
    ],
)
def test_a_side_on_which_nothing_stands_carries_nothing(
    place: int, n_items: int, bits: dict[str, float], carried_by: str
) -> None:
    assert reason_of(place, n_items, bits).carried_by == carried_by


def test_a_model_of_the_past_is_asked_from_the_past_alone() -> None:
    model = shelf_recommender(attention="causal")
    for reason in find_reasons(model, ITEMS, range(6)):
        assert list(reason.log_p) == ["past"]
        is_told = reason.place > 0 and reason.bits("past") >= 1
        told = "past" if is_told else "popularity"
        assert reason.carried_by == told
    # What comes after a place says nothing of it.
    (whole,) = find_reasons(model, ITEMS, [2])
    (alone,) = find_reasons(model, ITEMS[:3], [2])
    assert whole.log_p == pytest.approx(alone.log_p, abs=1e-5)


def test_the_strongest_neighbours_are_those_of_the_occlusion(ring: Recommender) -> None:
    fall = occlusion(ring, np.array(ITEMS), 3)
    found = strongest_neighbours(ring, ITEMS, 3)
    assert found
    assert [at for at, _ in found] == np.argsort(-fall, kind="stable")[: len(found)].tolist()
    assert all(bits == pytest.approx(fall[at]) for at, bits in found)


def test_a_place_before_the_newest_window_has_reasons_and_neighbours() -> None:
    model = shelf_recommender(4)
    items = list(range(1, 11))
    (whole,) = find_reasons(model, items, [2])
    (alone,) = find_reasons(model, items[:4], [2])
    assert whole.log_p == pytest.approx(alone.log_p, abs=1e-5)
    assert {at for at, _ in strongest_neighbours(model, items, 2)} <= {0, 1, 3}
    assert find_reasons(model, items, []) == []
