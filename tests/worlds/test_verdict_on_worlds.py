"""The verdict on worlds whose right answer is known."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert4rec.comparing.compare import compare
from bert4rec.comparing.comparison import Comparison
from bert4rec.comparing.judging import JudgedPart
from bert4rec.comparing.verdict import Verdict, reach_verdict
from bert4rec.comparing.verdict_findings import FutureGain
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.pipeline import train
from bert4rec.words import signed
from tests.factories import bridge_dataset, ring_dataset, shuffled_dataset, small_settings

QUICK = {"hidden_size": 32, "initializer_range": 0.1, "learning_rate": 1e-2}
KINDS = {"popularity": "everyone", "item-knn": "similarity", "transitions": "order"}


def compared(dataset: SequenceDataset, workspace: Path, **settings: Any) -> Comparison:
    run = train(dataset, small_settings(**(QUICK | settings)), workspace=workspace)
    return compare(run, ["popularity", "transitions", "ease"], workspace=workspace)


def test_on_a_ring_counting_what_follows_does_as_well(tmp_path: Path) -> None:
    made = compared(ring_dataset(), tmp_path, n_epochs=40, eval_step=2, early_stopping_step=4)
    found = reach_verdict(made)
    assert found.name == "next_item"
    assert "Transitions" in told(found)


def test_in_the_shuffled_world_the_model_is_never_said_to_suit(tmp_path: Path) -> None:
    dataset = shuffled_dataset(n_users=900)
    made = compared(
        dataset, tmp_path, n_epochs=12, eval_step=1, early_stopping_step=3, learning_rate=1e-3
    )
    found = reach_verdict(made)
    assert found.name in ("popularity", "not_enough")


def test_on_the_bridge_counts_tell_what_comes_next_and_only_both_sides_fill_gaps(
    tmp_path: Path,
) -> None:
    # Of users held out whole any place can be asked for, not the last but one alone.
    made = compared(
        bridge_dataset(),
        tmp_path,
        n_epochs=20,
        eval_step=2,
        max_seq_length=6,
        mask_rate=0.3,
        sample_strategy="user_based",
    )
    (run_id,) = made.facts["future"]
    gain = FutureGain("matters", past=0.3, both=0.95, low=0.6, high=0.7)
    found = reach_verdict(knowing(made, run_id, gain))
    # After a left any of four middles may come, which transitions count as well.
    assert found.name == "gaps"
    assert "0.9500 from both sides, +0.6500" in told(found)
    assert reach_verdict(knowing(made, run_id, None)).name == "next_item"
    # Asked of the run itself, it says the same.
    assert made.facts["future"][run_id]["verdict"] == "matters"
    found = reach_verdict(made)
    assert found.name == "gaps"
    assert "Hidden were items of users of whom nothing was trained on." in told(found)


def knowing(made: Comparison, model: str, gain: FutureGain | None) -> Comparison:
    """The comparison with another answer to whether the future matters."""
    future = {model: asdict(gain) if gain else None}
    return replace(made, facts=made.facts | {"future": future})


def told(verdict: Verdict) -> str:
    return " ".join(f"{finding.text} {finding.detail}" for finding in verdict.findings)


def invented(
    hits: dict[str, float],
    *,
    n_users: int = 3000,
    median: float = 20,
    uses: dict[str, str] | None = None,
    training: dict[str, Any] | None = None,
) -> Comparison:
    """Entrants that put the true item first for a share of the users, the same ones as far as can
    be, and nowhere for the others."""
    kinds = KINDS | {"model": "both sides"} | (uses or {})
    ranks = {
        key: np.where(np.arange(n_users) < share * n_users, 0, 50) for key, share in hits.items()
    }
    rows = Segments(np.arange(n_users), np.arange(n_users), np.arange(n_users) + 1)
    part = JudgedPart(rows, np.ones(n_users, dtype=int), n_users, ranks)
    entrants = [
        {
            "key": key,
            "title": key.capitalize(),
            "kind": "run" if kinds[key] in ("both sides", "past") else "baseline",
            "about": "",
            "source": "",
            "parameters": "",
            "uses": kinds[key],
        }
        for key in hits
    ]
    facts = {
        "entrants": entrants,
        "reference": "model",
        "seed": 0,
        "dataset": {"median_length": median, "n_users": n_users},
        "training": {"model": training} if training else {},
    }
    return Comparison(facts, {"test": part}, {})


FAR = {"popularity": 0.1, "item-knn": 0.2, "transitions": 0.25, "model": 0.4}


@pytest.mark.parametrize(
    ("hits", "wanted"),
    [
        (FAR, "suits"),
        (FAR | {"transitions": 0.4}, "next_item"),
        (FAR | {"transitions": 0.5}, "next_item"),
        (FAR | {"item-knn": 0.4}, "similarity"),
        (FAR | {"item-knn": 0.4, "transitions": 0.45}, "next_item"),
        (FAR | {"popularity": 0.4, "item-knn": 0.39, "transitions": 0.39}, "popularity"),
    ],
)
def test_the_simplest_that_does_as_well_decides(hits: dict[str, float], wanted: str) -> None:
    found = reach_verdict(invented(hits))
    assert found.name == wanted
    assert found.model == "model"
    for finding in found.findings[:3]:
        # Each sentence holds the figures that it was made of.
        assert f"{finding.figures['score']:.3f}" in finding.text
        assert signed(finding.figures["lead"]) in finding.detail


@pytest.mark.parametrize(
    ("hits", "wanted"),
    [
        (FAR, "BERT4Rec suits these data"),
        (FAR | {"transitions": 0.4}, "A next-item model does as well here"),
        (FAR | {"transitions": 0.5}, "A next-item model does better here"),
        (FAR | {"item-knn": 0.5}, "Likeness of items does better here"),
        (FAR | {"popularity": 0.5}, "Popularity does better here"),
    ],
)
def test_the_headline_says_whether_the_simpler_model_is_better_or_as_good(
    hits: dict[str, float], wanted: str
) -> None:
    assert reach_verdict(invented(hits)).headline == wanted


def test_short_histories_are_told_where_no_sequence_helps() -> None:
    hits = FAR | {"item-knn": 0.4}
    assert reach_verdict(invented(hits, median=3)).name == "short"
    found = reach_verdict(invented(FAR, median=3))
    assert "3 items or fewer, which leaves little order" in told(found)
    assert found.name == "suits"


def test_few_users_and_missing_rivals_give_no_verdict() -> None:
    few = reach_verdict(invented(FAR, n_users=60))
    assert few.name == "not_enough"
    assert "Users that are judged: 60" in told(few)
    without = {key: share for key, share in FAR.items() if key != "item-knn"}
    found = reach_verdict(invented(without))
    assert found.name == "undecided"
    assert "item-knn or ease" in told(found)
    alone = reach_verdict(invented(FAR, uses={"model": "past"}))
    assert (alone.name, alone.model) == ("undecided", "")


def test_a_difference_that_may_be_anything_gives_no_verdict() -> None:
    made = invented(FAR, n_users=200)
    hits = np.random.default_rng(0).random((2, 200)) < 0.4
    ranks = made.parts["test"].ranks | {
        key: np.where(row, 0, 50) for key, row in zip(("model", "transitions"), hits, strict=True)
    }
    wide = replace(made, parts={"test": replace(made.parts["test"], ranks=ranks)})
    found = reach_verdict(wide)
    assert found.name == "not_enough"
    assert "More users are needed" in told(found)


def test_a_model_that_was_still_getting_better_is_not_judged_against() -> None:
    ended = {"best_epoch": 6, "n_epochs_done": 6, "reason": "completed"}
    trend = {"state": "rising", "metric": "ndcg@10", "n": 5, "first": 0.1, "last": 0.31}
    rising = ended | {"trend": trend}
    hits = FAR | {"item-knn": 0.45}
    found = reach_verdict(invented(hits, training=rising))
    assert found.name == "train_longer"
    assert (
        "Model was still getting better: in its last 5 validations NDCG@10 rose from 0.1000 to"
        " 0.3100, by more than chance. Train it longer before you judge."
    ) in told(found)
    # One that beats all is good enough as it is, and one that levelled off was trained out, be its
    # last validation the best by a trifle.
    assert reach_verdict(invented(FAR, training=rising)).name == "suits"
    level = ended | {"trend": trend | {"state": "level"}}
    assert reach_verdict(invented(hits, training=level)).name == "similarity"
    # What ended for want of gain had its chance.
    assert reach_verdict(invented(hits, training=rising | {"reason": "no gain"})).name != (
        "train_longer"
    )


@pytest.mark.parametrize(
    ("n", "words"), [(1, "its only validation was"), (3, "of its 3 validations the last was")]
)
def test_of_a_model_of_few_validations_it_is_said_that_nobody_knows(n: int, words: str) -> None:
    trend = {"state": "unknown", "metric": "ndcg@10", "n": n, "first": 0.1, "last": 0.11}
    ended = {"best_epoch": 6, "n_epochs_done": 6, "reason": "completed", "trend": trend}
    found = reach_verdict(invented(FAR | {"item-knn": 0.45}, training=ended))
    assert found.name == "train_longer"
    assert f"Model may have been getting better still: {words} its best. Train it" in told(found)


def test_a_comparison_of_before_trends_were_told_knows_which_validation_was_best() -> None:
    hits = FAR | {"item-knn": 0.45}
    ended = {"best_epoch": 15, "n_epochs_done": 19, "last_valid_epoch": 15, "reason": "stopped"}
    found = reach_verdict(invented(hits, training=ended))
    assert found.name == "train_longer"
    assert "may have been getting better still: its last validation was its best" in told(found)
    assert reach_verdict(invented(hits, training=ended | {"best_epoch": 10})).name == "similarity"


def test_a_model_of_the_past_alone_is_a_rival_of_order() -> None:
    uses = {"rival": "past"}
    found = reach_verdict(invented(FAR | {"rival": 0.4}, uses=uses))
    assert found.name == "next_item"
    assert "Rival" in told(found)
    beaten = invented(FAR | {"rival": 0.35}, uses=uses)
    assert reach_verdict(beaten).name == "suits"
    no_use = FutureGain("does_not", past=0.3, both=0.3, low=-0.01, high=0.01)
    # One that beats all three suits the data, whatever the future adds.
    found = reach_verdict(knowing(beaten, "model", no_use))
    assert found.name == "suits"
    assert "What comes after a gap does not help to fill it" in told(found)
    little = replace(no_use, past=0.89, both=0.92, low=0.02, high=0.04)
    said = told(reach_verdict(knowing(beaten, "model", little)))
    assert "by less than 5% of what the past alone reaches" in said
    assert "does not help" not in said
    matters = replace(no_use, verdict="matters")
    assert reach_verdict(knowing(beaten, "model", matters)).name == "suits"


def test_a_model_that_was_never_validated_is_not_said_to_get_better(tmp_path: Path) -> None:
    dataset = shuffled_dataset()
    run = train(dataset, small_settings(n_epochs=2, eval_step=0), workspace=tmp_path)
    made = compare(run, ["popularity", "transitions", "ease"], workspace=tmp_path)
    assert made.facts["training"][run.id]["best_epoch"] == 0
    found = reach_verdict(made)
    assert found.name != "train_longer"
    assert "trend" not in made.facts["training"][run.id]
    assert "getting better" not in told(found)


def test_the_best_of_the_runs_that_are_asked_about_is_judged() -> None:
    made = invented(FAR | {"better": 0.5}, uses={"better": "both sides"})
    assert reach_verdict(made).model == "better"
    assert reach_verdict(made, ["model"]).model == "model"
    assert "Better" not in told(reach_verdict(made, ["model"]))
    assert reach_verdict(made, ["transitions"]).model == ""


def test_a_verdict_is_plain_data() -> None:
    document = reach_verdict(invented(FAR)).document()
    assert document["headline"] == "BERT4Rec suits these data"
    assert all(isinstance(one["text"], str) for one in document["findings"])


@pytest.mark.parametrize(
    ("share", "said"), [(0.399, "gains nothing that matters on"), (0.401, "does no better than")]
)
def test_a_model_that_is_behind_is_not_said_to_gain(share: float, said: str) -> None:
    text = told(reach_verdict(invented(FAR | {"transitions": share})))
    assert f"Model {said} Transitions" in text
    assert "95% interval" in text
    assert "adjusted p 0." in text


def test_the_strongest_rival_comes_first_with_what_a_reader_asks_for() -> None:
    first, second, third = reach_verdict(invented(FAR)).findings[:3]
    assert first.text == (
        "Model is 60% better than Transitions, the strongest rival (NDCG@10 0.4000 against 0.2500);"
        " not chance."
    )
    assert second.text.startswith("Model is 2.0 times as good as Item-knn (")
    assert third.text.startswith("Model is 4.0 times as good as Popularity (")
    close = reach_verdict(invented(FAR | {"transitions": 0.3996})).findings[0]
    assert "(NDCG@10 0.4000 against 0.3997)" in close.text
    worse = reach_verdict(invented(FAR | {"transitions": 0.5})).findings[0]
    assert worse.text.startswith("Model is 20% worse than Transitions, the strongest rival (")


def test_of_histories_that_are_mostly_of_one_length_no_half_is_told() -> None:
    # Where 90 of 100 histories have three items, all have three or more.
    said = told(reach_verdict(invented(FAR, median=3)))
    assert "At least half of the 3,000 histories have 3 items or fewer, which" in said


def test_a_share_of_nothing_is_not_told() -> None:
    # Four, two and three hits of 150 users, and none of popularity.
    ranks = {key: np.full(150, 50) for key in (*KINDS, "model")}
    ranks["model"][:4], ranks["item-knn"][10:12], ranks["transitions"][20:23] = 0, 0, 0
    made = invented(FAR, n_users=150)
    few = replace(made, parts={"test": replace(made.parts["test"], ranks=ranks)})
    found = reach_verdict(few)
    assert found.name == "not_enough"
    assert "times as good as Item-knn, or no better." in told(found)
    rivals = {key: row if key == "model" else np.full(150, 50) for key, row in ranks.items()}
    alone = replace(made, parts={"test": replace(made.parts["test"], ranks=rivals)})
    assert "may be up to 0.0600 in NDCG@10 better than" in told(reach_verdict(alone))
    many = invented(FAR, n_users=10_000)
    ranks = {key: np.full(10_000, 50) for key in (*KINDS, "model")}
    ranks["model"][:3] = [0, 9, 9]
    rare = replace(many, parts={"test": replace(many.parts["test"], ranks=ranks)})
    assert "may be up to 0.0004 in NDCG@10 better than" in told(reach_verdict(rare))
    none = reach_verdict(invented(dict.fromkeys(FAR, 0.0)))
    assert none.name == "not_enough"
    assert "Nobody's next item is among the ten" in told(none)
    level = reach_verdict(invented(FAR | {"item-knn": 0.4}))
    assert "-0.0000" not in told(level)


def test_what_the_future_adds_is_seen_in_its_figures_however_small_they_are() -> None:
    gain = FutureGain("matters", past=0.0020, both=0.0024, low=0.0001, high=0.0007)
    assert "(NDCG@10 0.0024 with it, 0.0020 without)" in told(
        reach_verdict(knowing(invented(FAR), "model", gain))
    )


def test_one_history_is_not_told_by_halves() -> None:
    assert "The one history has 20 items or fewer." in told(reach_verdict(invented(FAR, n_users=1)))
