"""Training and evaluation speed on histories that are all longer than the window.

Shape A: hidden size 64, inner 256, window 50. Shape B: 128, 512, 200. Both: 2 layers, 2 heads,
batch 256, mask rate 0.2, float32, 6,040 users, 3,416 items: the shapes others were measured in.
"""

from __future__ import annotations

import resource
import statistics
import time
from typing import Any

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.events import Event, Trained
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.pipeline import Workshop
from bert4rec.trainer import Trainer

N_USERS, N_ITEMS = 6_040, 3_416
N_REPEATS = 3
SHAPES: dict[str, dict[str, int]] = {
    "A": {"hidden_size": 64, "inner_size": 256, "max_seq_length": 50},
    "B": {"hidden_size": 128, "inner_size": 512, "max_seq_length": 200},
}


def measure_training() -> list[dict[str, Any]]:
    """Return a row a shape: medians of sequences and users a second, and peak memory."""
    return [measure_shape(name) for name in SHAPES]


def measure_shape(name: str) -> dict[str, Any]:
    """Train one epoch `N_REPEATS` times after a first one that warms up."""
    settings = Hyperparameters(
        batch_size=256,
        mask_rate=0.2,
        n_epochs=N_REPEATS + 1,
        eval_step=0,
        precision="float32",
        device="cpu",
        next_item_rate=0.0,
        **SHAPES[name],
    )
    workshop = Workshop.open(long_histories(settings.max_seq_length), settings)
    ends_s: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, Trained) and event.position.epoch_step == workshop.batches.n_steps:
            ends_s.append(time.perf_counter())

    Trainer(
        workshop.network,
        workshop.batches,
        settings,
        loss_type=workshop.loss_type,
        choice=workshop.choice,
        validate=workshop.validate,
        listener=note,
    ).run()
    return {
        "shape": name,
        "train seq/s": round(N_USERS / statistics.median(np.diff(ends_s))),
        "eval users/s": round(N_USERS / statistics.median(time_validation(workshop))),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": workshop.choice.n_threads,
    }


def time_validation(workshop: Workshop) -> list[float]:
    """Return the seconds of some validations."""
    seconds = []
    for _ in range(N_REPEATS):
        began = time.perf_counter()
        workshop.validate()
        seconds.append(time.perf_counter() - began)
    return seconds


def long_histories(window: int) -> SequenceDataset:
    """Return histories of up to twice the window, items drawn by a power law."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, N_ITEMS + 1)
    lengths = rng.integers(window + 3, 2 * window, N_USERS)
    drawn = rng.choice(N_ITEMS, size=int(lengths.sum()), p=share / share.sum()) + 1
    cuts = np.cumsum(lengths)[:-1]
    return SequenceDataset.from_sequences(np.split(drawn, cuts), n_items=N_ITEMS, name="long")
