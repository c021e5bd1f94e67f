"""Files of pairs and of sequences through a model, beside the bare pass of the network.

Hidden size 64, inner 256, 2 layers, 2 heads, window 50, 3,416 items, float32, weights drawn at
random, which changes no time. `bare` is the network over the distinct histories, as indices and in
memory, in batches of 1,024; what reading, looking up ids, ranking and writing take comes on top.
`pairs of sequences` has a sequence of its own for each pair, `pairs of users` a hundred candidates
for each user, `scattered` the same in any order, `sequences` asks for vectors, `nearest` for the
ten best of all items for each of those, by exact search. There are 6,040 users: from 604,000 pairs
on they come again, so that a million pairs are 166 for each. The CPU ratio tells what else the
machine did: where it is far from the ratio, do not trust either. What takes under ten seconds is
asked five times, and the medians count.

Every case is a process of its own, and its peak memory is that of all it holds, torch included.

Environment variables: BENCH_PAIRS (1,000,000), BENCH_THREADS.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.infer import N_ITEMS, random_model
from bert4rec.bulk.retrieval import nearest_in_file
from bert4rec.bulk.scoring import score_pairs
from bert4rec.bulk.vectors import Wanted, write_vectors
from bert4rec.device import n_usable_cores
from bert4rec.recommender import Recommender

WINDOW, CANDIDATES, MAX_LENGTH = 50, 100, 60
BLOCK_ROWS = 50_000
# What takes less than this comes in several turns.
SHORT_S, N_TURNS = 10.0, 5
CASES = ("pairs of sequences", "pairs of users", "scattered", "sequences", "nearest")
Row = dict[str, Any]


def measure_bulk() -> list[Row]:
    """Return a row for each case: seconds, those of the bare network, their ratio, peak memory."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        return pool.map(measure_case, CASES, chunksize=1)


def measure_case(case: str) -> Row:
    """Write the file of a case, answer it, and ask the bare network about the same, in turns."""
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", n_usable_cores())))
    n_rows = int(os.environ.get("BENCH_PAIRS", 1_000_000))
    model = random_model(WINDOW)
    asked, bared = [], []
    with tempfile.TemporaryDirectory() as name:
        ask, bare = question(case, model, n_rows, Path(name))
        # The first pass allocates, for whoever comes first.
        bare(BLOCK_ROWS // 10)
        asked.append(timed(ask))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        bared.append(timed(lambda: bare(n_rows)))
        while len(asked) < N_TURNS and asked[0][0] < SHORT_S:
            asked.append(timed(ask))
            bared.append(timed(lambda: bare(n_rows)))
    took_s, cpu_s = np.median(asked, axis=0).tolist()
    bare_s, bare_cpu_s = np.median(bared, axis=0).tolist()
    return {
        "asked": case,
        "rows": f"{n_rows:,}",
        "turns": len(asked),
        "s": round(took_s, 1),
        "bare s": round(bare_s, 1),
        "ratio": round(bare_s / took_s, 2),
        "CPU ratio": round(bare_cpu_s / cpu_s, 2),
        "peak MB": peak,
        "threads": torch.get_num_threads(),
    }


def timed(ask: Callable[[], object]) -> tuple[float, float]:
    """Return seconds and CPU seconds of a call."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    ask()
    return time.perf_counter() - began_s, time.process_time() - cpu_s


def question(
    case: str, model: Recommender, n_rows: int, folder: Path
) -> tuple[Callable[[], object], Callable[[int], object]]:
    """Return what answers the file of a case, and the bare network for some rows of it."""
    rows, out = folder / "rows.parquet", folder / "out.parquet"
    if case == "sequences":
        write_sequences(rows, n_rows)
        wanted = Wanted(items=False, sequences=rows)
        return lambda: write_vectors(model, out, wanted), lambda n: over_sequences(model, n)
    if case == "nearest":
        write_sequences(rows, n_rows)
        vectors = folder / "vectors.parquet"
        write_vectors(model, vectors, Wanted(sequences=rows))
        return lambda: nearest_in_file(vectors, out, device="cpu"), lambda n: products(model, n)
    if case == "pairs of sequences":
        write_sequences(rows, n_rows, with_items=True)
        return lambda: score_pairs(model, rows, out), lambda n: over_sequences(model, n)
    write_user_pairs(rows, n_rows, is_scattered=case == "scattered")
    return lambda: score_pairs(model, rows, out), lambda n: over_users(model, n)


def drawn(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lengths and items of a block of sequences, the same ones each time."""
    chance = np.random.default_rng(n_rows)
    lengths = chance.integers(3, MAX_LENGTH, min(BLOCK_ROWS, n_rows))
    return lengths, chance.integers(1, N_ITEMS + 1, int(lengths.sum()))


def blocks(n_rows: int) -> list[int]:
    """Return ends of blocks of rows."""
    return [min(BLOCK_ROWS, n_rows - start) for start in range(0, n_rows, BLOCK_ROWS)]


def write_sequences(path: Path, n_rows: int, *, with_items: bool = False) -> None:
    """Write sequences as text, and a candidate for each if asked for."""
    writer = None
    for place, size in enumerate(blocks(n_rows)):
        lengths, items = drawn(size)
        # Each block has its own first items, so that no sequence comes twice.
        texts = np.array(items, dtype=str)
        parts = np.split(texts, np.cumsum(lengths)[:-1])
        head = f"{1 + place % N_ITEMS},{1 + place // N_ITEMS},"
        columns = {"sequence": [head + ",".join(part) for part in parts]}
        if with_items:
            columns["item_id"] = list(texts[: len(parts)])
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def write_user_pairs(path: Path, n_rows: int, *, is_scattered: bool) -> None:
    """Write a hundred candidates for each of some users."""
    users = np.arange(n_rows) // CANDIDATES % random_model(WINDOW).dataset.n_users
    if is_scattered:
        users = np.random.default_rng(0).permutation(users)
    items = 1 + np.random.default_rng(1).integers(0, N_ITEMS, n_rows)
    texts = {"user_id": users.astype(str), "item_id": items.astype(str)}
    pq.write_table(pa.table({name: pa.array(column) for name, column in texts.items()}), path)


def over_sequences(model: Recommender, n_rows: int) -> None:
    """Read sequences of such lengths."""
    for size in blocks(n_rows):
        lengths, items = drawn(size)
        model.vectors_of(np.split(items, np.cumsum(lengths)[:-1]))


def over_users(model: Recommender, n_rows: int) -> None:
    """Read the history of each user once, and multiply each pair."""
    dataset = model.dataset
    n_users = min(dataset.n_users, -(-n_rows // CANDIDATES))
    vectors = model.vectors_of([dataset.history(user) for user in range(n_users)])
    items = model.item_embeddings()
    for start in range(0, n_rows, BLOCK_ROWS):
        rows = np.arange(start, min(start + BLOCK_ROWS, n_rows))
        np.einsum("rd,rd->r", vectors[rows % n_users], items[rows % len(items)])


def products(model: Recommender, n_rows: int) -> None:
    """Multiply as many vectors with all items."""
    items = torch.from_numpy(model.item_embeddings())
    queries = torch.randn(1024, items.shape[1], generator=torch.Generator().manual_seed(0))
    for _ in range(0, n_rows, len(queries)):
        _ = queries @ items.T
