from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bert4rec.json_files import write_json
from bert4rec.pipeline import train
from bert4rec.runs.trend import standard_error, trend, trend_of
from tests.factories import ring_dataset, small_settings


def state_of(scores: list[float], error: float | None = None) -> str:
    found = trend(scores, "ndcg@10", error)
    assert found is not None
    return found.state


@pytest.mark.parametrize(
    ("scores", "error", "state"),
    [
        ([0.05, 0.06, 0.068, 0.081, 0.09], 0.005, "rising"),
        # The last one is the best, by next to nothing.
        ([0.1, 0.1001, 0.0999, 0.1, 0.1002], 0.005, "level"),
        # It rises without scatter, and by less than anybody could see of another model.
        ([0.1, 0.101, 0.102, 0.103, 0.104], 0.005, "level"),
        ([0.1, 0.101, 0.102, 0.103, 0.104], 0.001, "rising"),
        # Nothing is known of the users: it takes a hundredth of the score.
        ([0.1, 0.1001, 0.1002, 0.1003, 0.1004], None, "level"),
        # It jumps about as much as it rises.
        ([0.09, 0.12, 0.08, 0.13, 0.12], 0.005, "level"),
        # It rises, though the last one lies a little below the best.
        ([0.04, 0.06, 0.08, 0.101, 0.1], 0.005, "rising"),
        ([0.04, 0.06, 0.08, 0.1], 0.005, "rising"),
        ([0.2, 0.19, 0.18, 0.17, 0.16], 0.005, "level"),
        ([0.0] * 5, 0.0, "level"),
        # It came to its height within the last five, as one on the courses did.
        ([0.04, 0.0608, 0.0664, 0.067, 0.0662], 0.00125, "level"),
        # What was long ago has no say.
        ([0.01, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1], 0.005, "level"),
        # Of few validations only a large rise is one.
        ([0.02, 0.05, 0.08], 0.005, "rising"),
        ([0.08, 0.081, 0.082], 0.005, "unknown"),
        ([0.02, 0.05, 0.08], None, "unknown"),
        ([0.02, 0.09, 0.08], 0.005, "level"),
        ([0.02], 0.005, "unknown"),
    ],
)
def test_scores_rise_by_more_than_they_scatter_and_by_more_than_a_standard_error(
    scores: list[float], error: float | None, state: str
) -> None:
    assert state_of(scores, error) == state


def test_without_a_validation_nothing_is_told() -> None:
    assert trend([], "ndcg@10") is None


def test_scores_that_only_scatter_rise_as_seldom_as_the_test_allows() -> None:
    rng = np.random.default_rng(0)
    for n in (4, 5):
        found = [state_of(list(0.1 + 0.02 * rng.normal(size=n)), 1e-9) for _ in range(4000)]
        assert found.count("rising") / 4000 == pytest.approx(0.05, abs=0.01)


def test_the_standard_error_is_that_of_the_interval() -> None:
    told = {"bert4rec": {"intervals": {"ndcg@10": [0.0804, 0.1196]}}}
    summary = {"report": {"test": told}}
    assert standard_error(summary, "ndcg@10") == pytest.approx(0.01)
    assert standard_error(summary, "hr@5") is None
    assert standard_error({}, "ndcg@10") is None


def test_the_trend_of_a_run_is_that_of_its_last_validations(tmp_path: Path) -> None:
    run = train(
        ring_dataset(n_users=64), small_settings(n_epochs=6, eval_step=1), workspace=tmp_path
    )
    rows, _ = run.journal.read(only=("valid",))
    scores = [row["metrics"]["ndcg@10"] for row in rows]
    found = trend_of(run)
    assert found is not None
    assert (found.n, found.first, found.last) == (5, scores[1], scores[5])
    (run.folder / "summary.json").unlink()
    write_json(run.folder / "summary.json", {"format_version": 1})
    assert trend_of(run) == trend(scores, "ndcg@10")
