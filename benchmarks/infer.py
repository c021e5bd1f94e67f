"""Asking a trained model: seconds for one, users a second for many, memory for a large catalogue.

Hidden size 64, inner 256, 2 layers, 2 heads, float32, weights drawn at random, which changes no
time. `recommend` asks for one history that fills the window, `recommend_many` and `judge` for all
users, whose histories have 3 items to twice the window, and `top and ranks` for the ten best items
and the rank of the target of 1,024 users whose vectors are known, out of a large catalogue.

Every case is a process of its own, and its peak memory is that of all it holds, the item vectors
and torch included. CPU ms beside ms tell what else the machine did.

Environment variables: BENCH_REPEATS (1 is a quick run), BENCH_THREADS.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import leave_one_out
from bert4rec.device import choose_device, n_usable_cores
from bert4rec.evaluation import judge
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Bert4Rec
from bert4rec.ranking import Removal, top_and_ranks
from bert4rec.recommender import Recommender
from bert4rec.score_blocks import product_blocks

N_USERS, N_ITEMS, WIDTH = 6_040, 3_416, 64
N_RANKED = 1_024
# A single question is asked this often in each repeat, for a 95th percentile that means something.
N_SINGLE = 100
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Something to measure, at a size."""

    name: str
    n_items: int
    window: int = 0


CASES = (
    *(
        Case(name, N_ITEMS, window)
        for window in (50, 200)
        for name in ("recommend", "recommend_many", "judge")
    ),
    *(Case("top and ranks", n_items) for n_items in (N_ITEMS, 100_000, 1_000_000)),
)


def measure_inference() -> list[Row]:
    """Return a row for each case: time, CPU time, users a second and peak memory."""
    # A process a case: what one held is no part of the next one's peak.
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        return pool.map(measure_case, CASES, chunksize=1)


def measure_case(case: Case) -> Row:
    """Ask once to warm up, then as often as the environment says."""
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", n_usable_cores())))
    n_repeats = int(os.environ.get("BENCH_REPEATS", 3))
    ask, n_users = question(case)
    times = timed(ask, n_repeats * (N_SINGLE if case.name == "recommend" else 1))
    wall_ms, cpu_ms = 1000 * np.array(times).T
    return {
        "asked": case.name,
        "items": case.n_items,
        "window": case.window or "-",
        "users": n_users,
        "median ms": round(float(np.median(wall_ms)), 2),
        "p95 ms": round(float(np.quantile(wall_ms, 0.95)), 2),
        "median CPU ms": round(float(np.median(cpu_ms)), 2),
        "users/s": round(1000 * n_users / float(np.median(wall_ms))),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": torch.get_num_threads(),
    }


def timed(ask: Callable[[], object], n_times: int) -> list[tuple[float, float]]:
    """Return seconds and CPU seconds of each time but a first one."""
    found = []
    for _ in range(1 + n_times):
        began_s, cpu_s = time.perf_counter(), time.process_time()
        ask()
        found.append((time.perf_counter() - began_s, time.process_time() - cpu_s))
    return found[1:]


def question(case: Case) -> tuple[Callable[[], object], int]:
    """Return what to call, and how many users it answers."""
    if case.name == "top and ranks":
        return large_ranking(case.n_items), N_RANKED
    model = random_model(case.window)
    sequences = [[str(idx) for idx in model.dataset.history(u)] for u in range(N_USERS)]
    if case.name == "recommend":
        longest = max(sequences, key=len)
        return lambda: model.recommend(longest), 1
    if case.name == "recommend_many":
        return lambda: model.recommend_many(sequences), N_USERS
    rows = leave_one_out(model.dataset).test
    return lambda: judge(model.scorer, model.dataset, rows, remove_seen=True), N_USERS


def random_model(window: int) -> Recommender:
    """Return a model that nobody trained, with a dataset of its size."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, N_ITEMS + 1)
    lengths = rng.integers(3, 2 * window, N_USERS)
    drawn = rng.choice(N_ITEMS, size=int(lengths.sum()), p=share / share.sum()) + 1
    sequences = [part.tolist() for part in np.split(drawn, np.cumsum(lengths)[:-1])]
    settings = Hyperparameters(
        hidden_size=WIDTH, inner_size=4 * WIDTH, max_seq_length=window, n_layers=2, n_heads=2
    )
    network = Bert4Rec(N_ITEMS, settings, torch.Generator().manual_seed(0))
    dataset = SequenceDataset.from_sequences(sequences, n_items=N_ITEMS, name="asked")
    return Recommender(network, dataset, settings, choose_device("cpu", "float32"))


def large_ranking(n_items: int) -> Callable[[], object]:
    """Return a ranking of random targets by products of random vectors."""
    chance = torch.Generator().manual_seed(0)
    users = torch.randn(N_RANKED, WIDTH, generator=chance)
    items = torch.randn(n_items, WIDTH, generator=chance)
    targets = torch.randint(1, n_items + 1, (N_RANKED,), generator=chance).numpy()

    @torch.inference_mode()
    def rank() -> None:
        for rows, blocks in product_blocks(users, items):
            top_and_ranks(blocks, targets[rows], 10, Removal(None))

    return rank
