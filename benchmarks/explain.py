"""Explaining one sequence: seconds for gaps, contexts, occlusion, attention, and for a whole run.

Hidden size 64, 2 layers, 2 heads, window 50, 3,416 items as ML-1M has them, float32, weights drawn
at random, which changes no time. One sequence fills the window: ten gaps filled at once, ten hidden
places from past, future and both, occlusion of the whole window at a hidden place and after the
end, attention. For a run: the report on the future and the calibration over 1,000 users, and the
best and worst ranked of them.

Environment variables: BENCH_REPEATS (1 is a quick run), BENCH_THREADS.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.infer import random_model, timed
from bert4rec.attention import place_attention
from bert4rec.device import n_usable_cores
from bert4rec.explain import compare_contexts, occlusion
from bert4rec.held_out.calibration import calibrate
from bert4rec.held_out.extremes import find_extremes
from bert4rec.held_out.future_report import future_report

WINDOW, N_GAPS = 50, 10
# What is asked of one sequence is asked this often in each repeat.
N_SINGLE = 50


def measure_explaining() -> list[dict[str, Any]]:
    """Return a row for each question: time and CPU time."""
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", n_usable_cores())))
    n_repeats = int(os.environ.get("BENCH_REPEATS", 3))
    rows = []
    for name, (ask, is_of_run) in questions().items():
        times = timed(ask, n_repeats * (1 if is_of_run else N_SINGLE))
        wall_ms, cpu_ms = 1000 * np.array(times).T
        rows.append(
            {
                "asked": name,
                "median ms": round(float(np.median(wall_ms)), 2),
                "p95 ms": round(float(np.quantile(wall_ms, 0.95)), 2),
                "median CPU ms": round(float(np.median(cpu_ms)), 2),
                "threads": torch.get_num_threads(),
            }
        )
    return rows


def questions() -> dict[str, tuple[Callable[[], object], bool]]:
    """Return what to call by name, and whether it is about a run instead of one sequence."""
    model = random_model(WINDOW)
    user = int(np.argmax(model.dataset.lengths))
    items = model.dataset.history(user)[-WINDOW:].astype(np.int64)
    places = list(range(2, WINDOW, WINDOW // N_GAPS))
    gaps = [None if at in places else model.vocabulary.item_id(i) for at, i in enumerate(items)]
    middle, after = WINDOW // 2, np.append(items[1:], items[0])
    return {
        "fill, 10 gaps": (lambda: model.fill(gaps), False),
        "contexts, 10 places": (lambda: compare_contexts(model, items, places), False),
        "contexts, 1 place": (lambda: compare_contexts(model, items, [middle]), False),
        "occlusion, hidden place": (lambda: occlusion(model, items, middle), False),
        "occlusion, next item": (lambda: occlusion(model, after, WINDOW - 1), False),
        "attention": (lambda: place_attention(model, items, middle), False),
        "future, 1,000 users": (lambda: future_report(model), True),
        "calibration, 1,000 users": (lambda: calibrate(model), True),
        "best and worst of 1,000 users": (lambda: find_extremes(model), True),
    }
