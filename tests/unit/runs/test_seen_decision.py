from __future__ import annotations

import json
from pathlib import Path

import pytest

from bert4rec.comparing.plan import OTHER_SEEN, plan_comparison, unlikeness
from bert4rec.data.dataset import SequenceDataset
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import evaluate, train
from bert4rec.runs.folder import Run
from tests.factories import small_settings

OLD_REASON = "33% of the interactions meet an item again: people return to items here"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run on histories whose last two items, which are held out, are met again."""
    made = SequenceDataset.from_sequences(
        [[1 + at, 2 + at, 3 + at, 4 + at, 1 + at, 2 + at] for at in range(8)]
    )
    return train(made, small_settings(n_epochs=1), workspace=tmp_path)


def rewritten(run: Run, **facts: object) -> None:
    """Let a run have begun with other facts."""
    lines = run.journal.path.read_text().splitlines()
    begun = json.loads(lines[0])
    assert begun["event"] == "started"
    begun |= facts
    lines[0] = json.dumps({k: v for k, v in begun.items() if v is not None}, separators=(",", ":"))
    run.journal.path.write_text("\n".join([*lines, ""]))


def test_a_run_decides_by_what_trains(run: Run) -> None:
    assert run.seen_decision() == (True, "no item is met twice in training")
    assert load_model(run).removes_seen


def test_an_old_run_keeps_what_it_decided_by_all_interactions(run: Run) -> None:
    removed = evaluate(run)["test"]["bert4rec"]["metrics"]
    assert removed["hr@20"] == 0
    rewritten(run, removes_seen=False, seen_reason=OLD_REASON)
    assert not load_model(run).removes_seen
    assert evaluate(run)["test"]["bert4rec"]["metrics"]["hr@20"] > 0
    plan = plan_comparison([run], "none")
    assert (plan.removes_seen, plan.seen_reason) == (False, OLD_REASON)


def test_runs_of_which_one_decided_otherwise_are_not_compared(run: Run) -> None:
    newer = train(run.dataset(), small_settings(n_epochs=1), workspace=run.workspace)
    settings = [one.judged_settings() for one in (run, newer)]
    assert not unlikeness(run.dataset(), *settings)
    rewritten(run, removes_seen=False, seen_reason=OLD_REASON)
    settings = [one.judged_settings() for one in (run, newer)]
    assert unlikeness(run.dataset(), *settings) == OTHER_SEEN


def test_a_run_without_a_record_decides_as_it_would_today(run: Run) -> None:
    rewritten(run, removes_seen=None, seen_reason=None)
    assert run.seen_decision() is None
    assert run.judged_settings() == run.hyperparameters()
    assert load_model(run).removes_seen
