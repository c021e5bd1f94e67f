"""Worlds with a known answer: what must be learned, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.samples import SAMPLES, prepare_sample
from bert4rec.data.split import Segments, Split, leave_one_out
from bert4rec.held_out.future_report import FutureReport, future_report, report_places
from bert4rec.held_out.judgement import judge_places
from bert4rec.held_out.places import middle_places
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings
from tests.factories import (
    BRIDGE_SIDES,
    bridge_dataset,
    ring_dataset,
    shuffled_dataset,
    small_settings,
)

# Larger initial weights than the default: a small network then leaves its first plateau in seconds.
QUICK = {"hidden_size": 32, "initializer_range": 0.1, "learning_rate": 1e-2, "eval_step": 0}
# One neighbour leaves this many items equally likely; their mean gain is the best that one reaches.
ONE_SIDE_NDCG = float(np.mean(1 / np.log2(np.arange(BRIDGE_SIDES) + 2.0)))
HELD_OUT = {"sample_strategy": "user_based", "sample_ratio": 0.75}


def quick_settings(**changes: object) -> Hyperparameters:
    return small_settings(**(QUICK | changes))


def test_the_ring_is_solved(tmp_path: Path) -> None:
    run = train(ring_dataset(), quick_settings(n_epochs=30, dropout_rate=0.1), workspace=tmp_path)
    summary = run.summary()
    assert summary is not None
    assert summary["test"]["hr@1"] > 0.9
    assert summary["report"]["test"]["popularity"]["metrics"]["hr@1"] < 0.2


def test_the_ring_is_solved_from_the_past_alone(tmp_path: Path) -> None:
    settings = quick_settings(n_epochs=30, dropout_rate=0.1, attention="causal")
    summary = train(ring_dataset(), settings, workspace=tmp_path).summary()
    assert summary is not None
    assert summary["test"]["hr@1"] > 0.9


def shuffled_report(workspace: Path, **changes: object) -> dict[str, Any]:
    """Test figures after a training that is long enough to learn its sequences by heart."""
    settings = quick_settings(
        n_epochs=60, eval_step=60, max_seq_length=16, dropout_rate=0, **changes
    )
    summary = train(shuffled_dataset(), settings, workspace=workspace).summary()
    assert summary is not None
    report: dict[str, Any] = summary["report"]["test"]
    return report


def beats_popularity(report: dict[str, Any], name: str, metric: str) -> bool:
    best_of_popularity = report["popularity"]["intervals"][metric][1]
    return bool(report[name]["metrics"][metric] > best_of_popularity)


@pytest.mark.parametrize("attention", ["bidirectional", "causal"])
def test_in_the_shuffled_world_nothing_beats_popularity(tmp_path: Path, attention: str) -> None:
    """A leak of the held-out items would show as a gain that no honest model can have."""
    report = shuffled_report(tmp_path, attention=attention)
    for metric in ("hr@10", "ndcg@10"):
        for name in ("bert4rec", "transitions"):
            assert not beats_popularity(report, name, metric)


def test_the_shuffled_world_tells_when_held_out_items_were_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaky_split(dataset: SequenceDataset, settings: Hyperparameters) -> Split:
        everything = Segments(np.arange(dataset.n_users), dataset.offsets[:-1], dataset.offsets[1:])
        return replace(leave_one_out(dataset), train=everything)

    monkeypatch.setattr("bert4rec.workshop.split_dataset", leaky_split)
    report = shuffled_report(tmp_path)
    for metric in ("hr@10", "ndcg@10"):
        assert beats_popularity(report, "bert4rec", metric)


def test_the_bridge_needs_both_sides(tmp_path: Path) -> None:
    settings = quick_settings(
        n_epochs=80, max_seq_length=6, mask_rate=0.3, next_item_rate=0.1, dropout_rate=0
    )
    run = train(bridge_dataset(), settings, workspace=tmp_path)
    model = load_model(run)
    report = report_places(model, middle_places(model.dataset, 6))
    assert report.contexts["both"].metrics["hr@1"] > 0.9
    # One neighbour leaves BRIDGE_SIDES items equally likely: better luck than this is a leak.
    for side in ("past", "future"):
        assert report.contexts[side].metrics["hr@1"] < 1.5 / BRIDGE_SIDES
    assert report.gain.bits.mean > 1


def report_on(dataset: SequenceDataset, workspace: Path, **settings: object) -> FutureReport:
    run = train(dataset, quick_settings(**HELD_OUT, **settings), workspace=workspace)
    report = future_report(load_model(run))
    assert report.part == "unseen_users"
    return report


def test_the_bridge_gains_from_the_future_what_it_must(tmp_path: Path) -> None:
    """Of three places in a row one needs both sides, one the past alone, one the future alone."""
    report = report_on(
        bridge_dataset(n_users=300),
        tmp_path,
        n_epochs=80,
        max_seq_length=6,
        mask_rate=0.3,
        next_item_rate=0.1,
        dropout_rate=0,
    )
    past_ceiling = (1 + 2 * ONE_SIDE_NDCG) / 3
    assert report.verdict == "matters"
    assert report.contexts["both"].ndcg.mean > 0.95
    assert (
        report.contexts["past"].ndcg.low < past_ceiling < report.contexts["past"].ndcg.high + 0.05
    )
    assert report.gain.ndcg.mean == pytest.approx(1 - past_ceiling, abs=0.06)
    # Chance, that is popularity, has 0 bits.
    assert report.contexts["past"].bits.low > 1
    assert report.gain.bits.low > 0.5


def test_the_ring_needs_no_future(tmp_path: Path) -> None:
    report = report_on(ring_dataset(), tmp_path, n_epochs=30, dropout_rate=0.1)
    assert report.verdict == "does_not"
    assert report.contexts["past"].ndcg.mean > 0.9


def test_in_the_shuffled_world_nothing_is_found(tmp_path: Path) -> None:
    report = report_on(shuffled_dataset(), tmp_path, n_epochs=60, max_seq_length=16, dropout_rate=0)
    assert report.verdict != "matters"
    assert report.gain.ndcg.low <= 0 <= report.gain.ndcg.high


def test_the_bridge_is_not_crossed_from_the_past_alone(tmp_path: Path) -> None:
    """The rival that sees only the past cannot know what the future decides, and knows the rest."""
    settings = quick_settings(n_epochs=80, max_seq_length=6, dropout_rate=0, attention="causal")
    run = train(bridge_dataset(), settings, workspace=tmp_path)
    model = load_model(run)
    assert model.contexts == ("past",)
    ranks = judge_places(model, middle_places(model.dataset, 6), "past").ranks
    assert (ranks < 1).mean() < 1.5 / BRIDGE_SIDES
    # The left before it leaves four middles of sixteen: that much can be known.
    assert (ranks < 5).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_on_every_sample_the_future_matters_and_nothing_passes_what_can_be_known(
    name: str, tmp_path: Path
) -> None:
    dataset = prepare_sample(name, tmp_path)
    quick = PRESETS["quick"].values | {"n_epochs": 8, "eval_step": 0, "device": "cpu"}
    settings = parse_settings({**quick, **HELD_OUT})
    report = future_report(load_model(train(dataset, settings, workspace=tmp_path)))
    assert (report.part, report.verdict) == ("unseen_users", "matters")
    assert report.gain.ndcg.low > 0.05
    ceiling = SAMPLES[name].ceiling
    for context, best in (("both", ""), ("past", "_past_only")):
        top = ceiling[f"masked_middle_item{best}"]["ndcg_at_10"]
        assert report.contexts[context].ndcg.low < top
