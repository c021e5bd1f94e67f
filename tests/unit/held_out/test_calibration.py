from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from bert4rec.contexts import CONTEXTS
from bert4rec.explain import predict_masked
from bert4rec.held_out.calibration import (
    N_BINS,
    Bin,
    Calibration,
    Reliability,
    calibrate,
    fit_temperature,
    judge_temperature,
)
from bert4rec.held_out.calibration_words import calibration_finding, temperature_finding
from bert4rec.held_out.future_report import Estimate
from bert4rec.held_out.places import Places, middle_places
from bert4rec.recommender import Recommender, load_model
from bert4rec.runs.folder import Run

# So little trained, the network is far too unsure: its own best temperature lies below the lowest.
SHARP = 0.05


@pytest.fixture(scope="module")
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


@pytest.fixture(scope="module")
def places(recommender: Recommender) -> Places:
    return middle_places(recommender.dataset, recommender.settings.max_seq_length)


def plain_listed(
    recommender: Recommender, places: Places, context: str
) -> tuple[np.ndarray, np.ndarray, float]:
    """Probabilities of listed items, whether each is the hidden one, and the mean loss in bits."""
    probability, is_hidden, losses = [], [], []
    for window, target in zip(places.windows(12), places.targets, strict=True):
        (found,) = predict_masked(recommender, window, [len(window) // 2], context=context, k=10)
        probability += [one.probability for one in found.top]
        is_hidden += [one.item_idx == target for one in found.top]
        losses.append(-np.log2(found.true_probability))
    return np.array(probability), np.array(is_hidden), float(np.mean(losses))


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_error_is_that_of_single_predictions(
    recommender: Recommender, places: Places, context: str
) -> None:
    few = places.take(slice(0, 40))
    found = judge_temperature(recommender, few, 1.0).plain[context]
    probability, is_hidden, loss = plain_listed(recommender, few, context)
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, N_BINS)
    error = sum(len(p) * abs(probability[p].mean() - is_hidden[p].mean()) for p in parts) / 400
    assert found.error == pytest.approx(error, abs=1e-3)
    assert found.loss == pytest.approx(loss, abs=1e-4)
    assert sum(one.n for one in found.bins) == 400
    probabilities = [one.probability for one in found.bins]
    assert probabilities == sorted(probabilities)


def test_a_temperature_is_found_again(recommender: Recommender, places: Places) -> None:
    """Scores that were divided by a number need that much less of a temperature."""
    found = [
        divisor * fit_temperature(recommender.with_temperature(divisor), places)
        for divisor in (0.04, 0.05, 0.06)
    ]
    assert found == pytest.approx([found[0]] * 3, rel=0.02)


def test_the_fitted_temperature_is_the_best_of_its_neighbours(
    recommender: Recommender, places: Places
) -> None:
    sharper = recommender.with_temperature(SHARP)
    fitted = fit_temperature(sharper, places)

    def loss(temperature: float) -> float:
        found = judge_temperature(sharper, places, temperature)
        return sum(one.loss for one in found.scaled.values())

    assert loss(fitted) < min(loss(0.9 * fitted), loss(1.1 * fitted))


def test_a_temperature_that_is_far_off_is_mended(recommender: Recommender, places: Places) -> None:
    best = SHARP * fit_temperature(recommender.with_temperature(SHARP), places)
    found = calibrate(recommender.with_temperature(0.4 * best), "trained", n_users=200)
    assert found.pays
    assert found.used == found.scaled
    assert found.gain.low > 0
    errors = [sum(one.error for one in by.values()) for by in (found.scaled, found.plain)]
    assert errors[0] < errors[1]


def test_a_temperature_that_changes_nothing_does_not_pay(
    recommender: Recommender, places: Places
) -> None:
    found = judge_temperature(recommender, places, 1.0)
    assert not found.pays
    assert found.used == found.plain == found.scaled


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_one_reading_judges_as_two_networks_would(
    recommender: Recommender, places: Places, temperature: float
) -> None:
    """The plain way divides all that the network says by the temperature and judges it anew."""
    found = judge_temperature(recommender, places, temperature)
    divided = recommender.with_temperature(temperature)
    expected = judge_temperature(divided, places, 1.0).plain
    for context, scaled in found.scaled.items():
        assert scaled.error == pytest.approx(expected[context].error, abs=1e-6)
        assert scaled.loss == pytest.approx(expected[context].loss, abs=1e-5)
        probabilities = [one.probability for one in expected[context].bins]
        assert [one.probability for one in scaled.bins] == pytest.approx(probabilities, rel=1e-4)


def test_it_tells_how_far_it_is(recommender: Recommender) -> None:
    told: list[tuple[str, float]] = []
    found = calibrate(recommender, n_users=100, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[0] == ("drawing hidden items", 0.0)
    n_lists = found.n_places * len(CONTEXTS)
    assert told[-1] == (f"judging probabilities: {n_lists:,} of {n_lists:,}", 1.0)
    assert any(doing.startswith("fitting the temperature, reading 1: ") for doing, _ in told)


def test_users_of_the_fit_are_not_judged_and_the_seed_repeats_it(recommender: Recommender) -> None:
    found = calibrate(recommender, n_users=100)
    assert found.n_fitted + found.n_places == 100
    assert found.n_users == 50
    assert found == calibrate(recommender, n_users=100)
    assert json.loads(json.dumps(found.as_dict()))["temperature"] == found.temperature


def test_few_users_give_neither_a_verdict_nor_a_temperature(recommender: Recommender) -> None:
    some, few = (calibrate(recommender, n_users=n_users) for n_users in (49, 24))
    for found in (some, few):
        assert (found.n_fitted, found.temperature, found.pays) == (0, 1.0, False)
        assert "it takes 50 users to fit and judge one" in temperature_finding(found)
    assert calibration_finding(some).startswith("The probabilities are")
    assert "fewer than 25 users" in calibration_finding(few)


def test_a_temperature_divides_the_scores_and_leaves_the_ranks(recommender: Recommender) -> None:
    items, at = np.array([4, 5, 6, 7, 8, 9]), 2
    (plain,) = predict_masked(recommender, items, [at])
    (warm,) = predict_masked(recommender.with_temperature(2.0), items, [at])
    assert warm.true_rank == plain.true_rank
    assert [one.item_idx for one in warm.top] == [one.item_idx for one in plain.top]
    shown = items.copy()
    shown[at] = recommender.vocabulary.mask_idx
    scores = recommender.scores_at(shown, [at])[0]
    expected = torch.softmax(scores / 2, dim=0)[items[at] - 1]
    assert warm.true_probability == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Estimate(0.02, 0.01, 0.03), "saves 0.020 bits an item (95% interval 0.010 to 0.030)"),
        (Estimate(-0.001, -0.011, 0.009), "costs 0.001 bits an item (95% interval −0.009 to"),
        (Estimate(-0.0001, -0.0002, 0.0001), "costs 0.000 bits an item (95% interval 0.000 to"),
    ],
)
def test_a_temperature_that_makes_it_worse_costs_bits_and_saves_none(
    recommender: Recommender, gain: Estimate, said: str
) -> None:
    found = replace(calibrate(recommender), gain=gain, pays=False)
    assert said in temperature_finding(found)


def told(factor: float, *, n_places: int = 1000, share: float = 0.0125) -> str:
    """What is said of probabilities that are a factor of what they should be, in all bins alike."""
    shares = [share * two_parts for two_parts in (0.4, 1.6)]
    bins = tuple(Bin(5 * n_places, factor * one, Estimate(one, one, one)) for one in shares)
    error = abs(factor - 1) * share
    context = {"both": Reliability(error, 8.0, bins)}
    none = Estimate(0.0, 0.0, 0.0)
    return calibration_finding(
        Calibration("test", 0, n_places, n_places, 1.0, none, False, context, context)
    )


def test_probabilities_that_are_six_times_too_low_are_so_however_rarely_items_are_found() -> None:
    assert told(1 / 6).startswith(
        "The probabilities are too low: on average those of the ten listed items say 0.2%, and "
        "1.2% of these items are the hidden one; they are off by 1.0 percentage points."
    )
    assert "are too low:" in told(1 / 6, share=0.001)
    assert "are too high:" in told(2, share=0.001)
    assert "are too high:" in told(2)


def test_probabilities_that_differ_no_more_than_chance_are_about_what_they_say() -> None:
    assert "are about what they say" in told(1.1)
    assert "are about what they say" in told(0.8)
    # Half of so few hits may come from chance.
    assert "are about what they say" in told(0.6, n_places=25)
    assert "are too low:" in told(0.6)
    assert "are about what they say" in told(1 + 1e-7, share=1 / 1.6)
