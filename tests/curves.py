"""Curves of runs that never were."""

from __future__ import annotations

from bert4rec.runs.curves import Curves

METRIC = "ndcg@10"


def curves_of(n_epochs: int, *, n_lines: int = 20, loss_type: str = "CE") -> Curves:
    """Return the curves of a run whose metric climbs by 0.01 an epoch."""
    train = [
        {
            "epoch": round((line + 1) / n_lines, 4),
            "step": line + 1,
            "loss": 6.0 / (line + 1),
            "grad_norm": 1.0,
            "learning_rate": 1e-3,
            "sequences_per_s": 100.0,
            "elapsed_s": 0.5 * (line + 1),
            "memory_bytes": 1000,
            "device_memory_bytes": 0,
        }
        for line in range(n_epochs * n_lines)
    ]
    valid = [
        {"epoch": epoch, "step": epoch, "metrics": {METRIC: epoch / 100}, "is_best": True}
        for epoch in range(1, n_epochs + 1)
    ]
    return Curves(
        train=train,
        valid=valid,
        baselines={"popularity": {METRIC: 0.02}, "transitions": {METRIC: 0.01}},
        started={"n_items": 400, "loss_type": loss_type, "n_steps_per_epoch": n_lines},
    )
