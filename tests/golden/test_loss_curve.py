"""A refactor leaves the numbers of a training as they were.

After a change of results that is meant, write the file anew and say so in the changelog:

    python -m tests.golden.test_loss_curve
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from bert4rec.pipeline import train
from tests.factories import ring_dataset, small_settings

CURVE = Path(__file__).with_name("loss_curve.json")
# The torch since which `trunc_normal_` draws as it did for the curves.
DRAWS_SINCE = "2.12"
LOSS_TYPES = ("CE", "sampled_CE", "gBCE", "BCE", "BPR")
CHANGES = {name: {"loss_type": name} for name in LOSS_TYPES} | {
    "SASRec": {"loss_type": "CE", "attention": "causal"}
}


def measured(name: str, workspace: Path) -> dict[str, Any]:
    """Train two layers with dropout, clipping and long histories, so that every part counts."""
    settings = small_settings(
        **CHANGES[name],
        n_epochs=6,
        n_layers=2,
        max_seq_length=10,
        eval_step=3,
        initializer_range=0.1,
        learning_rate=1e-2,
    )
    run = train(ring_dataset(n_users=96), settings, workspace=workspace)
    lines, _ = run.journal.read()
    return {
        "loss": [line["loss"] for line in lines if line["event"] == "train"],
        "ndcg@10": [line["metrics"]["ndcg@10"] for line in lines if line["event"] == "valid"],
    }


@pytest.mark.skipif(
    torch.__version__ < DRAWS_SINCE,
    reason=f"torch before {DRAWS_SINCE} draws other initial weights than those of the curves",
)
@pytest.mark.parametrize("name", CHANGES)
def test_the_loss_curve_is_the_recorded_one(name: str, tmp_path: Path) -> None:
    recorded = json.loads(CURVE.read_text("utf-8"))[name]
    found = measured(name, tmp_path)
    assert found["loss"] == pytest.approx(recorded["loss"], rel=1e-4)
    # Scores that lie close together may change places when a sum is rounded otherwise.
    assert found["ndcg@10"] == pytest.approx(recorded["ndcg@10"], abs=0.02)


def record() -> None:
    """Write the curves of the present code."""
    curves = {}
    for name in CHANGES:
        with tempfile.TemporaryDirectory() as folder:
            curves[name] = measured(name, Path(folder))
    CURVE.write_text(json.dumps(curves, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
