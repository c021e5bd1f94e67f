"""What is told at the end of a training: how far it came, and what to do next."""

from __future__ import annotations

import click
import pytest

from bert4rec.baselines.titles import NETWORK, PROBABILITIES
from bert4rec.cli.progress import judging_words
from bert4rec.cli.training import outcome, outcome_lines
from bert4rec.runs.folder import Run


@pytest.mark.parametrize(
    ("state", "own", "then"),
    [
        ("rising", 0.0, "runs extend {run} --epochs 7"),
        ("rising", 1.0, "evaluate {run}"),
        ("level", 0.0, "evaluate {run}"),
    ],
)
def test_the_next_command_is_the_one_that_the_advice_names(
    tiny_run: Run, state: str, own: float, then: str
) -> None:
    found = outcome(tiny_run)
    found |= {"reason": "all epochs", "trend": {"state": state}, "n_epochs_done": 7}
    found["test"] = found["test"] | {"ndcg@10": own}
    found["baselines"] = {
        name: metrics | {"ndcg@10": 0.5} for name, metrics in found["baselines"].items()
    }
    with click.Context(click.Command("train")):
        lines = outcome_lines(found)
    assert lines[-1] == "Next: bert4rec " + then.format(run=tiny_run.id)
    assert lines[-2].endswith("train longer.") is (state == "rising" and own < 0.5)


def test_how_far_a_calibration_has_come_is_one_percentage() -> None:
    assert judging_words(NETWORK, PROBABILITIES, 71, 100) == f"calibrating {NETWORK}: 71%"
