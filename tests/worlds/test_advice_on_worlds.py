"""The advice on worlds whose right answer is known."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert4rec.comparing.compare import compare
from bert4rec.comparing.comparison import Comparison
from bert4rec.comparing.judging import JudgedPart
from bert4rec.comparing.verdict import HEADLINES, Advice, FutureGain, advise
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.pipeline import train
from tests.factories import bridge_dataset, ring_dataset, shuffled_dataset, small_settings

QUICK = {"hidden_size": 32, "initializer_range": 0.1, "learning_rate": 1e-2}
KINDS = {"popularity": "everyone", "item-knn": "similarity", "transitions": "order"}


def compared(dataset: SequenceDataset, workspace: Path, **settings: Any) -> Comparison:
    run = train(dataset, small_settings(**(QUICK | settings)), workspace=workspace)
    return compare(run, ["popularity", "transitions", "ease"], workspace=workspace)


def test_on_a_ring_counting_what_follows_does_as_well(tmp_path: Path) -> None:
    made = compared(ring_dataset(), tmp_path, n_epochs=40, eval_step=2, early_stopping_step=4)
    found = advise(made)
    assert found.verdict == "next_item"
    assert "Transitions" in told(found)


def test_in_the_shuffled_world_the_model_is_never_said_to_suit(tmp_path: Path) -> None:
    dataset = shuffled_dataset(n_users=900)
    made = compared(
        dataset, tmp_path, n_epochs=12, eval_step=1, early_stopping_step=3, learning_rate=1e-3
    )
    found = advise(made)
    assert found.verdict in ("popularity", "not_enough")


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
    found = advise(knowing(made, run_id, gain))
    # After a left any of four middles may come, which transitions count as well.
    assert found.verdict == "gaps"
    assert "0.9500 from both sides, +0.6500" in told(found)
    assert advise(knowing(made, run_id, None)).verdict == "next_item"
    # Asked of the run itself, it says the same.
    assert made.facts["future"][run_id]["verdict"] == "matters"
    found = advise(made)
    assert found.verdict == "gaps"
    assert "Hidden were items of users of whom nothing was trained on." in told(found)


def knowing(made: Comparison, model: str, gain: FutureGain | None) -> Comparison:
    """The comparison with another answer to whether the future matters."""
    future = {model: asdict(gain) if gain else None}
    return replace(made, facts=made.facts | {"future": future})


def told(advice: Advice) -> str:
    return " ".join(finding.text for finding in advice.findings)


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
    found = advise(invented(hits))
    assert found.verdict == wanted
    assert found.headline == HEADLINES[wanted]
    assert found.model == "model"
    for finding in found.findings[:3]:
        # Each sentence holds the figures that it was made of.
        assert f"{finding.figures['score']:.4f}" in finding.text
        assert f"{finding.figures['lead']:+.4f}" in finding.text


def test_short_histories_are_told_where_no_sequence_helps() -> None:
    hits = FAR | {"item-knn": 0.4}
    assert advise(invented(hits, median=3)).verdict == "short"
    assert "3 items or fewer, which leaves little order" in told(advise(invented(FAR, median=3)))
    assert advise(invented(FAR, median=3)).verdict == "suits"


def test_few_users_and_missing_rivals_give_no_verdict() -> None:
    few = advise(invented(FAR, n_users=60))
    assert few.verdict == "not_enough"
    assert "Users that are judged: 60" in told(few)
    without = {key: share for key, share in FAR.items() if key != "item-knn"}
    found = advise(invented(without))
    assert found.verdict == "undecided"
    assert "item-knn or ease" in told(found)
    alone = advise(invented(FAR, uses={"model": "past"}))
    assert (alone.verdict, alone.model) == ("undecided", "")


def test_a_difference_that_may_be_anything_gives_no_verdict() -> None:
    made = invented(FAR, n_users=200)
    hits = np.random.default_rng(0).random((2, 200)) < 0.4
    ranks = made.parts["test"].ranks | {
        key: np.where(row, 0, 50) for key, row in zip(("model", "transitions"), hits, strict=True)
    }
    wide = replace(made, parts={"test": replace(made.parts["test"], ranks=ranks)})
    found = advise(wide)
    assert found.verdict == "not_enough"
    assert "more users are needed" in told(found)


def test_a_model_that_was_still_getting_better_is_not_judged_against() -> None:
    rising = {"best_epoch": 6, "n_epochs_done": 6, "reason": "completed"}
    hits = FAR | {"item-knn": 0.45}
    found = advise(invented(hits, training=rising))
    assert found.verdict == "train_longer"
    assert "last of 6 epochs" in told(found)
    # One that beats all is good enough as it is, and one that levelled off was trained out.
    assert advise(invented(FAR, training=rising)).verdict == "suits"
    ended = rising | {"best_epoch": 4}
    assert advise(invented(hits, training=ended)).verdict == "similarity"


def test_a_model_of_the_past_alone_is_a_rival_of_order() -> None:
    uses = {"rival": "past"}
    found = advise(invented(FAR | {"rival": 0.4}, uses=uses))
    assert found.verdict == "next_item"
    assert "Rival" in told(found)
    beaten = invented(FAR | {"rival": 0.35}, uses=uses)
    assert advise(beaten).verdict == "suits"
    no_use = FutureGain("does_not", past=0.3, both=0.3, low=-0.01, high=0.01)
    # One that beats all three suits the data, whatever the future adds.
    found = advise(knowing(beaten, "model", no_use))
    assert found.verdict == "suits"
    assert "What comes after a gap does not help to fill it" in told(found)
    little = replace(no_use, past=0.89, both=0.92, low=0.02, high=0.04)
    said = told(advise(knowing(beaten, "model", little)))
    assert "by less than 5% of what the past alone reaches" in said
    assert "does not help" not in said
    matters = replace(no_use, verdict="matters")
    assert advise(knowing(beaten, "model", matters)).verdict == "suits"


def test_a_model_that_was_never_validated_is_not_said_to_get_better(tmp_path: Path) -> None:
    dataset = shuffled_dataset()
    run = train(dataset, small_settings(n_epochs=2, eval_step=0), workspace=tmp_path)
    made = compare(run, ["popularity", "transitions", "ease"], workspace=tmp_path)
    assert made.facts["training"][run.id]["best_epoch"] == 0
    found = advise(made)
    assert found.verdict != "train_longer"
    assert "getting better" not in told(found)


def test_the_best_of_the_runs_that_are_asked_about_is_judged() -> None:
    made = invented(FAR | {"better": 0.5}, uses={"better": "both sides"})
    assert advise(made).model == "better"
    assert advise(made, ["model"]).model == "model"
    assert "Better" not in told(advise(made, ["model"]))
    assert advise(made, ["transitions"]).model == ""


def test_advice_is_plain_data() -> None:
    document = advise(invented(FAR)).document()
    assert document["headline"] == "BERT4Rec suits these data"
    assert all(isinstance(one["text"], str) for one in document["findings"])


@pytest.mark.parametrize(
    ("share", "said"), [(0.399, "gains nothing that matters on"), (0.401, "does no better than")]
)
def test_a_model_that_is_behind_is_not_said_to_gain(share: float, said: str) -> None:
    text = told(advise(invented(FAR | {"transitions": share})))
    assert f"Model {said} Transitions" in text
    assert "95% interval" in text
    assert "adjusted p 0." in text
