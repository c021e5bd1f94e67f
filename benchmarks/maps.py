"""Seconds and memory of mapping catalogues by PCA and UMAP, and of an item's neighbours.

Vectors of 64 dimensions around 200 centres of like size, drawn at random. `umap` is the first map
of a process, its import and compilation included, `umap, compiled` a later one; of more than 20,000
items a sample is laid out and the others are placed among them. `neighbours` is the median of 50
items asked one by one, whose directions are known.

Every case is a process of its own, and its peak memory is that of all it holds, the vectors and
torch included. CPU s beside s tell what else the machine did.

Environment variables: BENCH_ITEMS (sizes with commas between).
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from typing import Any

import numpy as np

from bert4rec.maps.neighbours import neighbour_recall, neighbours, trustworthiness
from bert4rec.maps.projection import MAX_FITTED, project_pca, project_umap
from bert4rec.runs.snapshots import spread_rows
from bert4rec.vector_search import unit

ITEMS = "3416,20000,100000,1000000"
METHODS = ("pca", "umap", "umap, compiled", "neighbours")
WIDTH, N_CENTRES, SPREAD, N_ASKED = 64, 200, 0.8, 50
Row = dict[str, Any]


def measure_maps() -> list[Row]:
    """Return a row a size and method."""
    sizes = [int(size) for size in os.environ.get("BENCH_ITEMS", ITEMS).split(",")]
    cases = [(method, n) for n in sizes for method in METHODS]
    return [_alone(*case) for case in cases]


def _alone(method: str, n_items: int) -> Row:
    """Measure in a process of its own, whose peak memory is that of the case."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(measure_case, (method, n_items))


def measure_case(method: str, n_items: int) -> Row:
    """Map a catalogue, or ask for neighbours in it."""
    vectors = clustered_vectors(n_items)
    if method == "neighbours":
        return row(method, n_items, asked_s(vectors), None, "", "")
    if method == "umap, compiled":
        project_umap(clustered_vectors(100))
    began, cpu_began = time.perf_counter(), time.process_time()
    points = project_pca(vectors) if method == "pca" else project_umap(vectors)
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    rows = spread_rows(n_items, MAX_FITTED)
    kept = round(neighbour_recall(vectors[rows], points[rows]), 3)
    trust = round(trustworthiness(vectors[rows], points[rows]), 3)
    return row(method, n_items, spent, cpu, kept, trust)


def asked_s(vectors: np.ndarray) -> float:
    """Return the median seconds of an item's ten neighbours."""
    directions, spent = unit(vectors), []
    for idx in np.linspace(1, len(vectors), N_ASKED).astype(int):
        began = time.perf_counter()
        neighbours(directions, int(idx))
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def row(
    what: str, n_items: int, spent: float, cpu: float | None, kept: float | str, trust: float | str
) -> Row:
    """Return one case's figures."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "what": what,
        "items": f"{n_items:,}",
        "s": round(spent, 4 if cpu is None else 1),
        "CPU s": "" if cpu is None else round(cpu, 1),
        "neighbours kept": kept,
        "trustworthiness": trust,
        "peak MB": peak // 1024,
    }


def clustered_vectors(n_items: int) -> np.ndarray:
    """Return vectors around drawn centres, float32 (n_items, WIDTH)."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(N_CENTRES, WIDTH)).astype(np.float32)
    noise = chance.standard_normal(size=(n_items, WIDTH), dtype=np.float32)
    return centres[chance.integers(N_CENTRES, size=n_items)] + np.float32(SPREAD) * noise
