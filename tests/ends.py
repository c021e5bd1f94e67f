"""What two runs that are said to be equal have in common, to the last digit."""

from __future__ import annotations

from typing import Any

import torch

from bert4rec.runs.checkpoints import load_checkpoint
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run


def summary_of(run: Run) -> dict[str, Any]:
    summary = run.summary()
    assert summary is not None
    return summary


def curves_of(run: Run) -> Curves:
    curves = Curves()
    curves.update(run.journal)
    return curves


def assert_equal_ends(one: Run, two: Run) -> None:
    """Hold two runs to the same weights, metrics and curves, to the last digit."""
    for kind in ("last", "best"):
        left, position = load_checkpoint(one.checkpoint(kind))
        right, other_position = load_checkpoint(two.checkpoint(kind))
        assert left.keys() == right.keys()
        for name, tensor in left.items():
            assert torch.equal(tensor, right[name]), f"{kind}: {name}"
        assert position | {"trained_s": 0} == other_position | {"trained_s": 0}
    for key in ("test", "valid", "best_epoch", "n_epochs_done"):
        assert summary_of(one)[key] == summary_of(two)[key]
    losses = [[(row["step"], row["loss"]) for row in curves_of(run).train] for run in (one, two)]
    assert losses[0] == losses[1]
    metrics = [
        [(row["step"], row["metrics"]) for row in curves_of(run).valid] for run in (one, two)
    ]
    assert metrics[0] == metrics[1]
