from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bert4rec.errors import SettingsError
from bert4rec.held_out import future_report as reporting
from bert4rec.held_out.estimates import Estimate
from bert4rec.held_out.future_report import (
    ContextFigures,
    Gain,
    future_report,
    judge_gain,
    report_places,
)
from bert4rec.held_out.future_words import finding, limits
from bert4rec.held_out.judgement import judge_places
from bert4rec.held_out.places import LONG_PAST, Places, held_out_places, middle_places
from bert4rec.loaded_model import load_model
from bert4rec.metrics import gains, interval
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from tests.factories import shelf_recommender


@pytest.fixture(scope="module")
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def estimate(mean: float, reach: float = 0.01) -> Estimate:
    return Estimate(mean, mean - reach, mean + reach)


def figures(ndcg: float, bits: float = 2.0) -> ContextFigures:
    return ContextFigures({}, estimate(ndcg), estimate(ndcg), estimate(bits))


def judged(
    past: float, gain: Estimate, *, bits: float = 2.0, n_users: int = 500
) -> tuple[str, str]:
    contexts = {"past": figures(past, bits), "future": figures(past, bits)}
    contexts["both"] = figures(past + gain.mean, bits)
    return judge_gain(contexts, Gain(gain, gain, gain, 3, 2, 1), n_users)


def test_a_clear_gain_matters() -> None:
    assert judged(0.3, estimate(0.1)) == ("matters", "")


def test_a_gain_that_is_sure_but_tiny_does_not() -> None:
    assert judged(0.3, estimate(0.005, reach=0.001)) == ("does_not", "")


def test_a_loss_does_not() -> None:
    assert judged(0.3, estimate(-0.1)) == ("does_not", "")
    assert judged(0.3, Estimate(0, 0, 0)) == ("does_not", "")


def test_where_nothing_is_found_from_either_context_it_cannot_be_told() -> None:
    assert judged(0.0, Estimate(0, 0, 0)) == ("not_enough", "no_hit")
    assert judged(0.0, estimate(0.1)) == ("matters", "")


def test_a_wide_interval_is_not_enough() -> None:
    assert judged(0.3, estimate(0.02, reach=0.05)) == ("not_enough", "wide")
    assert judged(0.3, estimate(0.0, reach=0.1)) == ("not_enough", "wide")


def test_few_users_are_not_enough_however_large_the_gain() -> None:
    assert judged(0.3, estimate(0.5), n_users=24) == ("not_enough", "few_users")


def test_a_model_that_knows_no_more_than_popularity_cannot_tell() -> None:
    assert judged(0.3, estimate(0.0, 0.001), bits=-0.5) == ("not_enough", "nothing_learnt")
    # What is found from both sides was learned, however sure of itself the model is elsewhere.
    assert judged(0.3, estimate(0.1), bits=-0.5) == ("matters", "")


@pytest.mark.parametrize("n_users", [25, 60, 120])
def test_a_future_that_helps_is_seldom_said_not_to_where_few_are_found(n_users: int) -> None:
    chance, users, n_wrong = np.random.default_rng(6), np.arange(n_users), 0
    for _ in range(100):
        # From both sides half as many again are found.
        past = np.where(chance.random(n_users) < 0.1, 3, 50)
        both = np.where((past == 50) & (chance.random(n_users) < 0.05), 3, past)
        one, other = (gains(ranks, "ndcg", 10) for ranks in (past, both))
        gain = Estimate.of_difference(other, one, users)
        contexts = {"past": figures(one.mean()), "both": figures(other.mean())}
        n_wrong += judge_gain(contexts, Gain(gain, gain, gain, 0, 0, 0), n_users)[0] == "does_not"
    assert n_wrong <= 5


@pytest.mark.parametrize("n_users", [25, 50])
def test_hits_that_move_by_a_place_do_not_hide_those_that_were_not_met(n_users: int) -> None:
    chance, n_wrong = np.random.default_rng(7), 0
    for _ in range(100):
        past = np.where(chance.random(n_users) < 0.3, chance.integers(1, 9, n_users), 50)
        both = np.where(past < 50, past + chance.integers(-1, 2, n_users), 50)
        both[(past == 50) & (chance.random(n_users) < 0.03)] = 3
        ndcg = {"past": gains(past, "ndcg", 10), "both": gains(both, "ndcg", 10)}
        gain = Estimate.of_difference(ndcg["both"], ndcg["past"], np.arange(n_users))
        contexts = {name: figures(found.mean()) for name, found in ndcg.items()}
        n_wrong += judge_gain(contexts, Gain(gain, gain, gain, 0, 0, 0), n_users)[0] == "does_not"
    assert n_wrong <= 3


def test_the_figures_are_those_of_the_places(recommender: Recommender) -> None:
    places = held_out_places(recommender.dataset, recommender.settings, n_users=60)
    report = report_places(recommender, places)
    ranks = {name: judge_places(recommender, places, name).ranks for name in report.contexts}
    ndcg = {name: gains(found, "ndcg", 10) for name, found in ranks.items()}
    for name, one in report.contexts.items():
        assert one.ndcg.mean == pytest.approx(ndcg[name].mean())
        assert one.ndcg.low <= one.ndcg.mean <= one.ndcg.high
        assert one.metrics["ndcg@10"] == pytest.approx(one.ndcg.mean)
    assert report.gain.ndcg.mean == pytest.approx((ndcg["both"] - ndcg["past"]).mean())
    assert report.gain.n_better == (ranks["both"] < ranks["past"]).sum()
    assert report.gain.n_better + report.gain.n_worse + report.gain.n_equal == len(places)
    assert report.part == "validation"
    assert report.n_after == 1.0


def test_groups_of_a_kind_make_up_all_places(recommender: Recommender) -> None:
    report = future_report(recommender, n_users=60)
    for by in ("place in the history", "popularity of the item"):
        assert sum(one.n_places for one in report.slices if one.by == by) == report.n_places
    for one in report.slices:
        assert one.gain.mean == pytest.approx(one.ndcg["both"] - one.ndcg["past"])


def test_items_are_grouped_by_their_category() -> None:
    shelf = shelf_recommender()
    report = report_places(shelf, middle_places(shelf.dataset, 12), by="author")
    groups = {one.group: one.n_places for one in report.slices if one.by == "author"}
    assert groups == {"Ann": 1, "Bo": 1}
    # The column that groups items best stands in for none.
    default = report_places(shelf, middle_places(shelf.dataset, 12))
    assert default == report


def test_the_same_seed_gives_the_same_report(recommender: Recommender) -> None:
    one, two, other = (future_report(recommender, n_users=50, seed=seed) for seed in (0, 0, 1))
    assert one == two
    assert one != other


@pytest.mark.parametrize(
    ("asked", "answer", "n_drawn"),
    [
        (None, ("not_enough", "wide"), 60),
        (None, ("not_enough", "nothing_learnt"), 30),
        (None, ("matters", ""), 30),
        (30, ("not_enough", "wide"), 30),
    ],
)
def test_more_users_are_drawn_where_there_are_more_and_the_first_cannot_tell(
    recommender: Recommender,
    monkeypatch: pytest.MonkeyPatch,
    asked: int | None,
    answer: tuple[str, str],
    n_drawn: int,
) -> None:
    monkeypatch.setattr(reporting, "FIRST_USERS", 30)
    monkeypatch.setattr(reporting, "MOST_USERS", 60)
    monkeypatch.setattr(reporting, "judge_gain", lambda *_: answer)
    assert future_report(recommender, n_users=asked).n_users == n_drawn


@pytest.mark.parametrize(("n_scored", "n_drawn"), [(45, 45), (29, 30)])
def test_of_a_large_catalogue_fewer_more_users_are_drawn(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch, n_scored: int, n_drawn: int
) -> None:
    monkeypatch.setattr(reporting, "FIRST_USERS", 30)
    monkeypatch.setattr(reporting, "MOST_SCORES", n_scored * recommender.dataset.n_items)
    monkeypatch.setattr(reporting, "judge_gain", lambda *_: ("not_enough", "wide"))
    assert future_report(recommender).n_users == n_drawn


def test_where_all_were_drawn_nobody_is_asked_again(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "judge_gain", lambda *_: ("not_enough", "wide"))
    told: list[str] = []
    report = future_report(recommender, watch=lambda doing, _: told.append(doing))
    assert report.n_users < reporting.FIRST_USERS
    assert told.count("drawing hidden items") == 1


def test_it_tells_how_far_the_places_of_all_contexts_are_done(recommender: Recommender) -> None:
    told: list[tuple[str, float]] = []
    future_report(recommender, n_users=40, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("looking for hidden items", 1.0)


@pytest.mark.parametrize("reason", ["wide", ""])
def test_two_looks_are_told_as_one_way_and_the_second_one_by_its_name(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(reporting, "FIRST_USERS", 20)
    monkeypatch.setattr(reporting, "MOST_USERS", 60)
    monkeypatch.setattr(reporting, "judge_gain", lambda *_: ("not_enough", reason))
    told: list[tuple[str, float]] = []
    future_report(recommender, watch=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == (1.0 if reason else 0.25)
    second = [share for doing, share in told if doing.startswith(f"{reporting.SECOND_LOOK}: ")]
    assert bool(second) == bool(reason)
    assert not second or (second[0], len(set(second)) > 2) == (0.25, True)


def test_a_report_is_plain_data(recommender: Recommender) -> None:
    report = future_report(recommender, n_users=30)
    again = json.loads(json.dumps(report.as_dict()))
    assert again["gain"]["ndcg"]["mean"] == report.gain.ndcg.mean


def test_a_longer_past_is_asked_only_where_it_is_as_long_as_the_window(tiny_run: Run) -> None:
    model = load_model(tiny_run)
    length = model.settings.max_seq_length
    all_users = np.arange(model.dataset.n_users)
    late = Places(model.dataset, "any", all_users, model.dataset.lengths - 2)
    is_far = late.positions >= length - 1
    assert 25 <= is_far.sum() < len(late)
    report = report_places(model, late)
    assert report.over_long_past is not None
    far = late.take(is_far)
    # There, and nowhere else, it shows as many items as both sides do.
    assert report.over_long_past == report_places(model, far).over_long_past
    n_shown = {len(items) for items, _ in far.shown(LONG_PAST, length)}
    assert n_shown == {len(items) for items, _ in far.shown("both", length)} == {length}
    assert f"which {is_far.sum()} places have" in finding(replace(report, verdict="matters"))
    few = late.take(np.concatenate([np.flatnonzero(is_far)[:24], np.flatnonzero(~is_far)]))
    assert report_places(model, few).over_long_past is None


def test_a_network_that_sees_the_past_alone_is_told(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recommender, "contexts", ("past",))
    with pytest.raises(SettingsError, match="the past alone"):
        future_report(recommender)


@pytest.mark.parametrize("by", ["nosuch", ""])
def test_an_unknown_column_is_told_with_those_that_are_there(
    by: str, recommender: Recommender
) -> None:
    with pytest.raises(SettingsError, match=f"no column '{by}'"):
        future_report(recommender, by=by)


def test_every_figure_of_the_sentence_is_one_of_the_report(recommender: Recommender) -> None:
    report = future_report(recommender, n_users=60)
    said = finding(report)
    gain = report.gain.ndcg
    for value in (report.contexts["past"].ndcg.mean, abs(gain.mean), abs(gain.low), abs(gain.high)):
        assert f"{value:.3f}" in said
    assert f"{report.n_places} places of {report.n_users} users" in said
    assert "one item long" in " ".join(limits(report))


def test_a_loss_keeps_its_sign_as_do_the_ends_of_its_interval(recommender: Recommender) -> None:
    said = told(recommender, Estimate(-0.05, -0.08, -0.02), "does_not")
    assert ": a change of −0.050 (95% interval −0.080 to −0.020), over" in said
    assert said.endswith("The whole interval lies below 0.")


@pytest.mark.parametrize(
    ("past", "gain", "way"),
    [
        (0.0456, -0.0032, "falls from 0.0456 to 0.0424: a change of −0.0032"),
        (0.0456, 0.0008, "rises from 0.0456 to 0.0464: by 0.0008"),
        (0.0035, 0.0009, "rises from 0.0035 to 0.0044: by 0.0009"),
        (0.3, 0.0, "stays at 0.300: a change of 0.000"),
    ],
)
def test_the_figures_of_the_sentence_add_up(
    recommender: Recommender, past: float, gain: float, way: str
) -> None:
    said = told(recommender, Estimate(gain, gain - 0.02, gain + 0.02), "not_enough", "wide", past)
    assert way in said
    assert "0.000 or more" not in said


def test_a_bound_is_told_however_little_the_past_reaches(recommender: Recommender) -> None:
    said = told(recommender, Estimate(0.0001, -0.0001, 0.0001), "does_not", past=0.0035)
    assert "(95% interval −0.0001 to 0.0001)" in said
    assert said.endswith("The whole interval lies below 0.0002, 5% of what the past reaches.")


def test_an_interval_is_seen_to_lie_below_the_bound_that_is_told(recommender: Recommender) -> None:
    said = told(recommender, Estimate(-0.0003, -0.0028, 0.0016), "does_not", past=0.0348)
    assert "(95% interval −0.0028 to 0.0016)" in said
    assert said.endswith("The whole interval lies below 0.0017, 5% of what the past reaches.")


def told(
    recommender: Recommender,
    ndcg: Estimate,
    verdict: str,
    reason: str = "",
    past: float = 0.3,
) -> str:
    """What is said of a gain over what a past reaches."""
    report = future_report(recommender, n_users=60)
    contexts = report.contexts | {"past": figures(past), "both": figures(past + ndcg.mean)}
    gain = replace(report.gain, ndcg=ndcg)
    changed = {"contexts": contexts, "gain": gain, "verdict": verdict, "reason": reason}
    return finding(replace(report, **changed, has_more_users=True))


@pytest.mark.parametrize("low", [0.0, -0.022])
def test_an_interval_that_ends_at_0_does_not_lie_below_it(
    recommender: Recommender, low: float
) -> None:
    said = told(recommender, Estimate(low / 3, low, 0.0), "does_not")
    assert said.endswith("The whole interval lies below 0.015, 5% of what the past reaches.")


def test_an_interval_without_0_holds_too_small_a_gain_and_not_none(
    recommender: Recommender,
) -> None:
    said = told(recommender, Estimate(0.014, 0.013, 0.020), "not_enough", "wide")
    assert "0.015 or more, as well as one too small to count: more users" in said
    said = told(recommender, Estimate(0.014, -0.013, 0.040), "not_enough", "wide")
    assert "0.015 or more, as well as none: more users" in said


def test_more_users_are_asked_for_only_where_there_are_some(recommender: Recommender) -> None:
    n_users = recommender.dataset.n_users
    some = future_report(recommender, n_users=n_users // 2)
    assert some.has_more_users
    assert some.as_dict()["has_more_users"]
    every = replace(future_report(recommender, n_users=n_users), verdict="not_enough")
    assert not every.has_more_users
    said = finding(replace(every, reason="wide"))
    assert said.endswith(
        "all users with such an item were asked, so only a log of more would tell."
    )


def test_a_model_without_a_hit_is_told_to_be_trained_longer(recommender: Recommender) -> None:
    said = told(recommender, Estimate(0, 0, 0), "not_enough", "no_hit")
    assert said.startswith("This is not enough to tell. With the future, NDCG@10")
    assert "No hidden item is among the first ten" in said


def test_popularity_is_told_as_what_it_is_that_in_training(
    recommender: Recommender,
) -> None:
    said = told(recommender, Estimate(0, -0.01, 0.01), "not_enough", "nothing_learnt")
    assert "no better than their popularity in training does, from the past" in said


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Estimate(0.05, 0.01, 0.09), "Beside as many items from the past alone it is +0.050"),
        (Estimate(-0.08, -0.10, -0.06), "from the past alone do better: beside these it is −0.080"),
        (Estimate(0.05, -0.002, 0.10), "from the past alone may do as well: beside these it is"),
    ],
)
def test_a_longer_past_is_better_worse_or_perhaps_as_good(
    recommender: Recommender, gain: Estimate, words: str
) -> None:
    report = future_report(recommender, n_users=60)
    over = replace(report.gain, ndcg=gain)
    assert words in finding(replace(report, verdict="matters", over_long_past=over))


def test_what_a_longer_past_does_keeps_its_sign_as_it_is_told(recommender: Recommender) -> None:
    report = future_report(recommender, n_users=60)
    for sign, said in ((-1, "−0.0002"), (1, "+0.0002")):
        ends = sorted((sign * 0.0002, sign * 0.004))
        over = replace(report.gain, ndcg=Estimate(sign * 0.002, *ends))
        assert said in finding(replace(report, verdict="matters", over_long_past=over))


def test_only_a_future_of_one_item_is_said_to_be_one_item_long(recommender: Recommender) -> None:
    report = future_report(recommender, n_users=60)
    assert "one item long" in limits(report)[0]
    longer = limits(replace(report, n_after=3.8))
    assert "one item long" not in longer[0]
    assert "validation items, each with the items after it as its future" in longer[0]


def test_what_was_trained_on_is_said_to_compare_contexts_only(recommender: Recommender) -> None:
    report = future_report(recommender, "trained", n_users=40)
    assert "compare the contexts with each other" in limits(report)[0]


def test_rows_of_a_group_are_drawn_together() -> None:
    chance = np.random.default_rng(0)
    of_user = chance.normal(size=50)
    values, users = np.repeat(of_user, 20), np.repeat(np.arange(50), 20)
    low, high = interval(values, users, is_signed=True)
    expected = interval(of_user, is_signed=True)
    assert (low, high) == pytest.approx(expected, abs=0.05)
    # As if all rows were independent, it would be several times narrower.
    naive = interval(values, is_signed=True)
    assert high - low > 3 * (naive[1] - naive[0])
    assert interval(np.empty(0), np.empty(0)) == (0.0, 0.0)
