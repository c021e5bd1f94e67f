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
    ContextCalibration,
    Reliability,
    calibrate,
    fit_temperatures,
    judge_temperatures,
)
from bert4rec.held_out.calibration_words import calibration_finding, temperature_finding
from bert4rec.held_out.future_report import Estimate
from bert4rec.held_out.places import Places, middle_places
from bert4rec.histories import Histories
from bert4rec.recommender import Recommender, load_model
from bert4rec.runs.folder import Run

# So little trained, the network is far too unsure: its own best temperature lies below the lowest.
# Both sides tell what stands between them for certain: none is low enough for them.
SHARP = 0.05
UNSURE = ("past", "future")


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
    found = judge_temperatures(recommender, few, {}).contexts[context].plain
    probability, is_hidden, loss = plain_listed(recommender, few, context)
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, N_BINS)
    error = sum(len(p) * abs(probability[p].mean() - is_hidden[p].mean()) for p in parts) / 400
    assert found.error == pytest.approx(error, abs=1e-3)
    assert found.loss == pytest.approx(loss, abs=1e-4)
    assert sum(one.n for one in found.bins) == 400
    probabilities = [one.probability for one in found.bins]
    assert probabilities == sorted(probabilities)


def alike(divisor: float) -> dict[str, float]:
    """The same temperature for all contexts."""
    return dict.fromkeys(CONTEXTS, divisor)


def test_each_temperature_is_found_again(recommender: Recommender, places: Places) -> None:
    """Scores that were divided by a number need that much less of a temperature."""
    divisors = [
        {"past": 0.04, "future": 0.06},
        {"past": 0.06, "future": 0.05},
    ]
    one, other = (
        {
            context: by[context] * fitted[context]
            for fitted in [fit_temperatures(recommender.with_temperatures(by), places)]
            for context in UNSURE
        }
        for by in divisors
    )
    assert one == pytest.approx(other, rel=0.02)


@pytest.mark.parametrize("context", UNSURE)
def test_a_fitted_temperature_is_the_best_of_its_neighbours(
    recommender: Recommender, places: Places, context: str
) -> None:
    sharper = recommender.with_temperatures(alike(SHARP))
    fitted = fit_temperatures(sharper, places)[context]

    def loss(temperature: float) -> float:
        found = judge_temperatures(sharper, places, {context: temperature})
        return found.contexts[context].scaled.loss

    assert loss(fitted) < min(loss(0.9 * fitted), loss(1.1 * fitted))


def test_the_context_whose_temperature_is_far_off_is_mended(
    recommender: Recommender, places: Places
) -> None:
    fitted = fit_temperatures(recommender.with_temperatures(alike(SHARP)), places)
    divisors = {context: SHARP * by for context, by in fitted.items()} | {"future": 0.02}
    found = calibrate(recommender.with_temperatures(divisors), "trained", n_users=200)
    future = found.contexts["future"]
    assert future.pays
    assert found.temperatures["future"] == future.temperature > 2
    assert future.used == future.scaled
    assert future.gain.low > 0
    assert future.scaled.error < future.plain.error
    # The items that were fitted first are others.
    assert found.contexts["past"].temperature == pytest.approx(1, abs=0.4)
    plain = found.unused()
    assert plain.temperatures == {}
    assert plain.contexts["future"].used == future.plain


@pytest.mark.parametrize(
    ("items", "place", "context"),
    [
        ([4, None, 6], 1, "both"),
        ([4, 5, None], 2, "past"),
        ([None, 5, 6], 0, "future"),
        ([None, None, 6], 1, "future"),
        ([4, None, None], 1, "past"),
        ([None, None, None], 1, "past"),
    ],
)
def test_a_place_is_divided_by_the_temperature_of_what_it_is_shown(
    recommender: Recommender, items: list[int | None], place: int, context: str
) -> None:
    mask_idx = recommender.vocabulary.mask_idx
    encoded = np.array([mask_idx if item is None else item for item in items])
    divisors = {"past": 2.0, "future": 3.0, "both": 5.0}
    plain = recommender.scores_at(encoded, [place])
    divided = recommender.with_temperatures(divisors).scores_at(encoded, [place])
    torch.testing.assert_close(divided * divisors[context], plain)


def test_what_comes_next_is_divided_by_the_temperature_of_the_past(
    recommender: Recommender,
) -> None:
    history = Histories.of([np.array([4, 5, 6])])
    plain = recommender.scorer.scores(history)
    divided = recommender.with_temperatures({"past": 2.0, "both": 5.0}).scorer.scores(history)
    torch.testing.assert_close(2 * divided, plain)


def test_a_temperature_that_changes_nothing_does_not_pay(
    recommender: Recommender, places: Places
) -> None:
    found = judge_temperatures(recommender, places, {})
    assert found.temperatures == {}
    for one in found.contexts.values():
        assert one.used == one.plain == one.scaled


def test_one_reading_judges_as_two_networks_would(recommender: Recommender, places: Places) -> None:
    """The plain way divides what the network says by the temperatures and judges it anew."""
    temperatures = {"past": 0.5, "future": 2.0, "both": 1.5}
    found = judge_temperatures(recommender, places, temperatures)
    divided = judge_temperatures(recommender.with_temperatures(temperatures), places, {})
    for context, expected in divided.contexts.items():
        scaled = found.contexts[context].scaled
        assert scaled.error == pytest.approx(expected.plain.error, abs=1e-6)
        assert scaled.loss == pytest.approx(expected.plain.loss, abs=1e-5)
        probabilities = [one.probability for one in expected.plain.bins]
        assert [one.probability for one in scaled.bins] == pytest.approx(probabilities, rel=1e-4)


def test_it_tells_how_far_it_is(recommender: Recommender) -> None:
    told: list[tuple[str, float]] = []
    found = calibrate(recommender, n_users=100, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[0] == ("drawing hidden items", 0.0)
    n_lists = found.n_places * len(CONTEXTS)
    assert told[-1] == (f"judging probabilities: {n_lists:,} of {n_lists:,}", 1.0)
    for context in ("past only", "future only", "both sides"):
        begun = f"{context}, fitting the temperature, reading 1: "
        assert any(doing.startswith(begun) for doing, _ in told)


def test_users_of_the_fit_are_not_judged_and_the_seed_repeats_it(recommender: Recommender) -> None:
    found = calibrate(recommender, n_users=100)
    assert found.n_fitted + found.n_places == 100
    assert found.n_users == 50
    assert found == calibrate(recommender, n_users=100)
    document = json.loads(json.dumps(found.as_dict()))["contexts"]
    for context, one in found.contexts.items():
        assert document[context]["temperature"] == one.temperature


def test_few_users_give_neither_a_verdict_nor_a_temperature(recommender: Recommender) -> None:
    some, few = (calibrate(recommender, n_users=n_users) for n_users in (49, 24))
    for found in (some, few):
        assert (found.n_fitted, found.temperatures) == (0, {})
        assert {one.temperature for one in found.contexts.values()} == {1.0}
        assert "it takes 50 users to fit and judge one" in temperature_finding(found)
    assert calibration_finding(some).startswith("The probabilities are")
    assert "fewer than 25 users" in calibration_finding(few)


def test_a_temperature_divides_the_scores_and_leaves_the_ranks(recommender: Recommender) -> None:
    items, at = np.array([4, 5, 6, 7, 8, 9]), 2
    (plain,) = predict_masked(recommender, items, [at])
    (warm,) = predict_masked(recommender.with_temperatures({"both": 2.0}), items, [at])
    assert warm.true_rank == plain.true_rank
    assert [one.item_idx for one in warm.top] == [one.item_idx for one in plain.top]
    shown = items.copy()
    shown[at] = recommender.vocabulary.mask_idx
    scores = recommender.scores_at(shown, [at])[0]
    expected = torch.softmax(scores / 2, dim=0)[items[at] - 1]
    assert warm.true_probability == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(
    ("pays", "said"),
    [
        (
            ("past", "future", "both"),
            "Scores are divided by 1.05 (past only), 1.60 (future only) and 0.93 (both sides), "
            "which changes no rank. Fitted on ",
        ),
        (
            ("future",),
            "Scores are divided by 1.60 (future only), which changes no rank. None pays for past "
            "only and both sides. Fitted on ",
        ),
        ((), "No temperature is used: none of those that were fitted pays. Fitted on "),
    ],
)
def test_it_is_told_which_temperatures_are_used(
    recommender: Recommender, pays: tuple[str, ...], said: str
) -> None:
    found = calibrate(recommender, n_users=100)
    divisors = {"past": 1.05, "future": 1.6, "both": 0.93}
    contexts = {
        name: replace(one, temperature=divisors[name], pays=name in pays)
        for name, one in found.contexts.items()
    }
    finding = temperature_finding(replace(found, contexts=contexts))
    assert finding.startswith(said)
    assert finding.endswith("measured on 50 such items of 50 other users.")


def told(factor: float, *, n_places: int = 1000, share: float = 0.0125) -> str:
    """What is said of probabilities that are a factor of what they should be, in all bins alike."""
    shares = [share * two_parts for two_parts in (0.4, 1.6)]
    bins = tuple(Bin(5 * n_places, factor * one, Estimate(one, one, one)) for one in shares)
    error = abs(factor - 1) * share
    both = Reliability(error, 8.0, bins)
    context = ContextCalibration(1.0, Estimate(0.0, 0.0, 0.0), False, both, both)
    return calibration_finding(Calibration("test", 0, n_places, n_places, {"both": context}))


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
