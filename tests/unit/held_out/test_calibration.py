from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from bert4rec.contexts import CONTEXTS
from bert4rec.explain import occlusion, predict_masked
from bert4rec.held_out import calibration
from bert4rec.held_out.calibration import (
    Calibration,
    calibrate,
    fit_temperatures,
    judge_temperatures,
)
from bert4rec.held_out.calibration_words import (
    calibration_finding,
    divisor_words,
    temperature_finding,
)
from bert4rec.held_out.estimates import Estimate
from bert4rec.held_out.future_report import future_report
from bert4rec.held_out.places import Places, held_out_places, middle_places
from bert4rec.held_out.reliability import N_BINS, Bin, Listed, Reliability, reliability_of
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.temperatures import Shown
from tests.divided import LEASTS, alike

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
    found = judge_temperatures(recommender, few, {}).plain[context]
    probability, is_hidden, loss = plain_listed(recommender, few, context)
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, N_BINS)
    error = sum(len(p) * abs(probability[p].mean() - is_hidden[p].mean()) for p in parts) / 400
    assert found.error == pytest.approx(error, abs=1e-3)
    assert found.loss == pytest.approx(loss, abs=1e-4)
    assert sum(one.n for one in found.bins) == 400
    probabilities = [one.probability for one in found.bins]
    assert probabilities == sorted(probabilities)


def by_context(divisors: dict[str, float]) -> dict[Shown, float]:
    """The same temperature however many items are shown."""
    return {Shown(name, least): one for name, one in divisors.items() for least in LEASTS}


def test_each_temperature_is_found_again(recommender: Recommender, places: Places) -> None:
    """Scores that were divided by a number need that much less of a temperature."""
    divisors = [by_context({"past": 0.04, "future": 0.06}), by_context({"past": 0.06})]
    # As few of the others are certain of what they say, these are all the more so.
    divisors[1] |= by_context({"future": 0.05})
    one, other = (
        {
            shown: by[shown] * temperature
            for shown, temperature in fit_temperatures(
                recommender.with_temperatures(by), places
            ).items()
            if shown.context in UNSURE
        }
        for by in divisors
    )
    assert {shown.context for shown in one} == set(UNSURE)
    assert len({shown.least for shown in one}) > 1
    assert one == pytest.approx(other, rel=0.02)


def test_a_fitted_temperature_is_the_best_of_its_neighbours(
    recommender: Recommender, places: Places
) -> None:
    sharper = recommender.with_temperatures(alike(SHARP))
    fitted = fit_temperatures(sharper, places)

    def losses(factor: float) -> dict[Shown, float]:
        found = judge_temperatures(
            sharper, places, {shown: factor * one for shown, one in fitted.items()}
        )
        return {one.shown: one.scaled.loss for one in found.groups if one.context in UNSURE}

    lower, best, higher = (losses(factor) for factor in (0.9, 1.0, 1.1))
    assert best
    assert all(best[shown] < min(lower[shown], higher[shown]) for shown in best)


def test_the_places_whose_temperature_is_far_off_are_mended(
    recommender: Recommender, places: Places
) -> None:
    sharper = recommender.with_temperatures(alike(SHARP))
    fitted = fit_temperatures(sharper, places)
    divisors = {shown: SHARP * fitted.get(shown, 1.0) for shown in alike(SHARP)}
    off = Shown("future", 2)
    wrong = recommender.with_temperatures(divisors | {off: 0.2 * divisors[off]})
    drawn = held_out_places(wrong.dataset, wrong.settings, "trained", n_users=200)
    is_fitted = drawn.user_idx % 2 == 0
    temperatures = fit_temperatures(wrong, drawn.take(is_fitted))
    found = judge_temperatures(wrong, drawn.take(~is_fitted), temperatures)
    by_shown = {one.shown: one for one in found.groups}
    mended = by_shown.pop(off)
    assert mended.pays
    assert found.temperatures[off] == mended.temperature > 2
    assert mended.gain.low > 0
    assert mended.scaled.error < mended.plain.error
    # The items that were fitted first are others.
    assert by_shown[Shown("past", 2)].temperature == pytest.approx(1, abs=0.5)
    assert found.contexts["future"].loss < found.plain["future"].loss
    plain = found.using({})
    assert plain.temperatures == {}
    assert plain.contexts == found.plain


@pytest.mark.parametrize(
    ("items", "place", "shown"),
    [
        ([4, None, 6], 1, Shown("both", 2)),
        ([4, 5, None], 2, Shown("past", 2)),
        ([None, 5, 6], 0, Shown("future", 2)),
        ([None, None, 6], 1, Shown("future", 1)),
        ([4, None, None], 1, Shown("past", 1)),
        ([None, None, None], 1, Shown("past", 0)),
    ],
)
def test_a_place_is_divided_by_the_temperature_of_what_it_is_shown(
    recommender: Recommender, items: list[int | None], place: int, shown: Shown
) -> None:
    mask_idx = recommender.vocabulary.mask_idx
    encoded = np.array([mask_idx if item is None else item for item in items])
    divisors = {one: 2.0 + at for at, one in enumerate(alike(1.0))}
    plain = recommender.scores_at(encoded, [place])
    divided = recommender.with_temperatures(divisors).scores_at(encoded, [place])
    torch.testing.assert_close(divided * divisors[shown], plain)


def test_what_comes_next_is_divided_by_the_temperature_of_the_past(
    recommender: Recommender,
) -> None:
    histories = Histories.of([np.array([4, 5, 6]), np.arange(1, 21)])
    plain = recommender.scorer.scores(histories)
    # The longer one is read as far as the window of twelve goes.
    divisors = {Shown("past", 2): 2.0, Shown("past", 8): 3.0, Shown("both", 2): 5.0}
    divided = recommender.with_temperatures(divisors).scorer.scores(histories)
    torch.testing.assert_close(divided * torch.tensor([[2.0], [3.0]]), plain)


def test_an_item_less_is_not_taken_for_another_temperature(recommender: Recommender) -> None:
    """Of four items that are shown one is hidden in turn; three have a temperature of their own."""
    items = np.array([4, 5, 6, 7, 8])
    four = {Shown("both", 4): 1.5}
    alone, beside = (
        occlusion(recommender.with_temperatures(by), items, 2)
        for by in (four, four | {Shown("both", 2): 3.0})
    )
    np.testing.assert_array_equal(alone, beside)
    assert np.abs(alone).max() > 0


def test_a_temperature_that_changes_nothing_does_not_pay(
    recommender: Recommender, places: Places
) -> None:
    found = judge_temperatures(recommender, places, {})
    assert found.temperatures == {}
    assert found.contexts == found.plain
    assert all(one.plain == one.scaled for one in found.groups)


def test_one_reading_judges_as_two_networks_would(recommender: Recommender, places: Places) -> None:
    """The plain way divides what the network says by the temperatures and judges it anew."""
    temperatures = {shown: 0.5 + at / 10 for at, shown in enumerate(alike(1.0))}
    found = judge_temperatures(recommender, places, temperatures)
    divided = judge_temperatures(recommender.with_temperatures(temperatures), places, {})
    assert len(found.groups) == len(divided.groups) > len(CONTEXTS)
    for one, expected in zip(found.groups, divided.groups, strict=True):
        assert one.temperature == temperatures[one.shown]
        assert one.scaled.error == pytest.approx(expected.plain.error, abs=1e-6)
        assert one.scaled.loss == pytest.approx(expected.plain.loss, abs=1e-5)
        probabilities = [each.probability for each in expected.plain.bins]
        assert [each.probability for each in one.scaled.bins] == pytest.approx(
            probabilities, rel=1e-4
        )


def test_it_tells_how_far_it_is(recommender: Recommender) -> None:
    told: list[tuple[str, float]] = []
    found = calibrate(recommender, n_users=100, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[0] == ("drawing hidden items", 0.0)
    # Also places that are shown less than there is.
    n_lists = sum(one.n_places for one in found.groups)
    assert n_lists > found.n_places * len(CONTEXTS)
    assert told[-1] == ("judging probabilities", 1.0)
    for context in ("past only", "future only", "both sides"):
        assert f"{context}, fitting the temperature, reading 1" in [doing for doing, _ in told]


def test_places_are_also_shown_less_than_there_is(recommender: Recommender) -> None:
    """All users have nine items or more, and people show a network one or two."""
    found = calibrate(recommender, n_users=200)
    by_context = {
        name: [one.least for one in found.groups if one.context == name] for name in CONTEXTS
    }
    # The validation item has one item after it.
    assert by_context == {"past": [1, 2, 4, 8], "future": [1], "both": [2, 4, 8]}
    n_judged = {one.shown: one.n_places for one in found.groups}
    assert n_judged[Shown("past", 1)] == n_judged[Shown("both", 2)] == found.n_places
    # What is said of a context is about places that are shown all there is.
    assert sum(one.n for one in found.contexts["past"].bins) == 10 * found.n_places


@pytest.mark.parametrize(("enough", "n_judged"), [(50, 50), (51, 100)])
def test_where_enough_histories_are_short_by_themselves_none_is_cut(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch, enough: int, n_judged: int
) -> None:
    monkeypatch.setattr(calibration, "LEAST_CUT_USERS", enough)
    positions = np.where(np.arange(100) < 50, 1, 5)
    short_and_long = Places(recommender.dataset, "any", np.arange(100), positions)
    found = judge_temperatures(recommender, short_and_long, {})
    by_shown = {one.shown: one.n_places for one in found.groups}
    assert by_shown[Shown("past", 1)] == n_judged
    # Those of four items are all from within the long ones.
    assert by_shown[Shown("past", 4)] == 50


def test_temperatures_that_a_model_has_are_left_out(recommender: Recommender) -> None:
    warm = recommender.with_temperatures(alike(3.0))
    assert calibrate(warm, n_users=100) == calibrate(recommender, n_users=100)
    assert future_report(warm, n_users=50) == future_report(recommender, n_users=50)


def test_users_of_the_fit_are_not_judged_and_the_seed_repeats_it(recommender: Recommender) -> None:
    found = calibrate(recommender, n_users=100)
    assert found.n_fitted + found.n_places == 100
    assert found.n_users == 50
    assert found == calibrate(recommender, n_users=100)
    document = json.loads(json.dumps(found.as_dict()))["groups"]
    told = [(one["context"], one["least"], one["temperature"]) for one in document]
    assert told == [(one.context, one.least, one.temperature) for one in found.groups]


def test_few_users_give_neither_a_verdict_nor_a_temperature(recommender: Recommender) -> None:
    some, few = (calibrate(recommender, n_users=n_users) for n_users in (49, 24))
    for found in (some, few):
        assert (found.n_fitted, found.temperatures) == (0, {})
        assert all(one.temperature == 1.0 for one in found.groups)
        assert "it takes 50 users to fit and judge one" in temperature_finding(found)
    assert calibration_finding(some).startswith("The probabilities are")
    assert "fewer than 25 users" in calibration_finding(few)


def test_a_temperature_divides_the_scores_and_leaves_the_ranks(recommender: Recommender) -> None:
    items, at = np.array([4, 5, 6, 7, 8, 9]), 2
    (plain,) = predict_masked(recommender, items, [at])
    (warm,) = predict_masked(recommender.with_temperatures({Shown("both", 4): 2.0}), items, [at])
    assert warm.true_rank == plain.true_rank
    assert [one.item_idx for one in warm.top] == [one.item_idx for one in plain.top]
    shown = items.copy()
    shown[at] = recommender.vocabulary.mask_idx
    scores = recommender.scores_at(shown, [at])[0]
    expected = torch.softmax(scores / 2, dim=0)[items[at] - 1]
    assert warm.true_probability == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(
    ("n_pay", "said"),
    [
        (2, "Scores are divided by 1.05 to 1.60, by what is shown, which changes no rank. Fitted"),
        (
            1,
            "Scores are divided by 1.60 (past only, 2 to 3 items), which changes no rank. "
            "Elsewhere none pays. Fitted on ",
        ),
        (0, "No temperature is used: none of those that were fitted pays. Fitted on "),
    ],
)
def test_it_is_told_which_temperatures_are_used(
    recommender: Recommender, n_pay: int, said: str
) -> None:
    found = calibrate(recommender, n_users=100)
    first = found.groups[0]
    groups = (
        replace(first, least=2, temperature=1.6, pays=n_pay > 0),
        replace(first, least=1, temperature=1.05, pays=n_pay > 1),
    )
    finding = temperature_finding(replace(found, groups=groups))
    assert finding.startswith(said)
    assert finding.endswith("measured on 50 such items of 50 other users.")


@pytest.mark.parametrize(
    ("temperatures", "about", "said"),
    [
        ({Shown("future", 1): 1.6}, "", "1.60 (future only, 1 item)"),
        ({Shown("future", 1): 1.6}, "first", "1.60 (first, future only, 1 item)"),
        (
            {Shown("both", 8): 1.2, Shown("past", 8): 0.9},
            "first",
            "0.90 to 1.20 (first), by what is shown",
        ),
        ({Shown("both", 8): 1.2, Shown("past", 8): 1.2}, "", "1.20, by what is shown"),
    ],
)
def test_temperatures_are_told_in_few_words(
    temperatures: dict[Shown, float], about: str, said: str
) -> None:
    assert divisor_words(temperatures, None, about) == said


def test_one_temperature_names_no_more_items_than_the_window_holds() -> None:
    temperatures = {Shown("past", 32): 1.6}
    assert divisor_words(temperatures, None) == "1.60 (past only, 32 to 63 items)"
    assert divisor_words(temperatures, 49) == "1.60 (past only, 32 to 49 items)"


def test_findings_name_no_more_items_than_the_window_holds(recommender: Recommender) -> None:
    found = calibrate(recommender, n_users=100)
    assert found.most_shown is not None
    least = 2 ** (found.most_shown.bit_length() - 1)
    only = replace(found.groups[0], context="past", least=least, temperature=1.6, pays=True)
    said = temperature_finding(replace(found, groups=(only,)))
    assert f"1.60 (past only, {least} to {found.most_shown} items)" in said


def told(factor: float, *, n_places: int = 1000, share: float = 0.0125) -> str:
    """What is said of probabilities that are a factor of what they should be, in all bins alike."""
    shares = [share * two_parts for two_parts in (0.4, 1.6)]
    bins = tuple(Bin(5 * n_places, factor * one, Estimate(one, one, one)) for one in shares)
    error = abs(factor - 1) * share
    both = {"both": Reliability(error, 8.0, bins)}
    return calibration_finding(Calibration("test", 0, n_places, n_places, both, both, ()))


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


def test_of_a_bin_without_a_hit_no_more_is_thought_possible_than_lists_can_have() -> None:
    # Bins of seven users with all seven items of their lists, of which one is hidden at most.
    none = np.zeros((70, 7), dtype=bool)
    one = none.copy()
    one[0, 0] = True
    without, hit = (
        reliability_of(Listed(np.full((70, 7), 0.1), is_hidden, np.zeros(70)), np.arange(70))
        .bins[0]
        .share
        for is_hidden in (none, one)
    )
    assert without.mean == without.low == 0.0
    assert 0.0 < without.high <= hit.high <= 1 / 7
