"""Time and memory of training and ranking against the size of the catalogue and of the log.

Histories of 20 items drawn by a power law. Hidden size 64, inner 256, 2 layers, window 50, batch
256, float32. CE compares with the whole catalogue; sampled_CE draws 512 negatives a step by
popularity, shared by all its places, and updates the items that a step met. Ranking asks 256 users
for their ten best items and the rank of their target among all items, seen ones removed.

Every case is a process of its own, and its peak memory is that of all it holds, torch and the
histories included.

Environment variables: BENCH_ITEMS, BENCH_INTERACTIONS (sizes with commas between), BENCH_STEPS.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from typing import Any

import numpy as np

from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.workshop import Workshop

LENGTH, N_RANKED, WIDTH = 20, 256, 64
ITEMS = "10000,100000,1000000"
INTERACTIONS = "100000,10000000,100000000"
# CE on more items than this takes minutes a step on a few cores.
MAX_CE_ITEMS = 100_000
Row = dict[str, Any]


def measure_scale() -> list[Row]:
    """Return a row a case: catalogues of growing size, then logs of growing size."""
    items = [int(size) for size in os.environ.get("BENCH_ITEMS", ITEMS).split(",")]
    logs = [int(size) for size in os.environ.get("BENCH_INTERACTIONS", INTERACTIONS).split(",")]
    cases = [("CE", n, 400_000) for n in items if n <= MAX_CE_ITEMS]
    cases += [("sampled_CE", n, 400_000) for n in items]
    cases += [("sampled_CE", 100_000, n) for n in logs]
    return [_alone(*case) for case in cases]


def _alone(loss_type: str, n_items: int, n_interactions: int) -> Row:
    """Measure in a process of its own, whose peak memory is that of the case."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(measure_case, (loss_type, n_items, n_interactions))


def measure_case(loss_type: str, n_items: int, n_interactions: int) -> Row:
    """Train some steps and rank some users."""
    n_steps = int(os.environ.get("BENCH_STEPS", 12))
    settings = Hyperparameters(
        batch_size=256,
        loss_type=loss_type,
        negative_samples_count=512,
        negative_sharing="batch",
        negative_sampling="popularity",
        n_epochs=1,
        eval_step=0,
        precision="float32",
        device="cpu",
    )
    dataset = power_law_histories(n_items, n_interactions)
    workshop = Workshop.open(dataset, settings)
    clock = _Clock(n_steps)
    workshop.trainer(control=clock, validate=dict).run()
    began = time.perf_counter()
    workshop.judge(workshop.scorer, workshop.split.valid.take(slice(N_RANKED)))
    ranking_s = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "loss": loss_type,
        "items": f"{n_items:,}",
        "interactions": f"{n_interactions:,}",
        "ms a step": round(1000 * clock.step_s()),
        "ranking, ms a user": round(1000 * ranking_s / N_RANKED, 2),
        "peak MB": peak // 1024,
        "of it histories MB": round(dataset.items.nbytes / 2**20),
        "threads": workshop.choice.n_threads,
    }


class _Clock(Control):
    """Notes when each step begins and ends the training after some."""

    def __init__(self, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.moments: list[float] = []

    @property
    def is_paused(self) -> bool:
        """Never; but the trainer asks before each step, which is the moment to note."""
        self.moments.append(time.perf_counter())
        if len(self.moments) > self.n_steps:
            self.stop()
        return False

    def step_s(self) -> float:
        """Return the median seconds of a step; the first two also load and allocate."""
        return statistics.median(np.diff(self.moments)[2:])


def power_law_histories(n_items: int, n_interactions: int) -> SequenceDataset:
    """Return histories of `LENGTH` items, each item about as likely as its rank is low."""
    rng = np.random.default_rng(0)
    n_users = n_interactions // LENGTH
    # The inverse of a power law's cumulative share: no table over the items is needed.
    drawn = np.exp(rng.random(n_users * LENGTH) * np.log(n_items + 1)).astype(np.int32)
    items = drawn.clip(1, n_items).reshape(n_users, LENGTH)
    return SequenceDataset.from_sequences(items, n_items=n_items, name="power law")
