"""From a log to a dataset: seconds and peak memory, beside the plain way with pandas.

Logs with `user_id,item_id,rating,timestamp`, items drawn by a power law, users 150 interactions on
average, rows in no order. `ours` is `bert4rec.prepare` from the file to the dataset folder: hash,
checks, report, duplicates, order, indices. `pandas` reads the file, sorts it by user and time and
factorizes both ids, and checks and writes nothing. Ids are whole numbers, or text such as
`user-17` and `track:4`.

Every case is a process of its own. Peak memory is that of all it holds, libraries included.

Environment variables: BENCH_ROWS (sizes with commas between), BENCH_REPEATS, BENCH_FOLDER (where
the logs are written; kept for the next time if named).
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from bert4rec.data.prepare import prepare

ROWS = "1000000,20000000"
PARQUET_ROWS = 100_000_000
Row = dict[str, Any]


def measure_ingest() -> list[Row]:
    """Return a row a log and way, the two ways of a log in turns."""
    sizes = [int(size) for size in os.environ.get("BENCH_ROWS", ROWS).split(",")]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(os.environ.get("BENCH_FOLDER", made))
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for n_rows in sizes:
            for ids in ("numbers", "text"):
                log = made_log(folder, n_rows, ids, "csv")
                rows += _compared(log, n_rows, ids, (with_ours, with_pandas))
        if "BENCH_ROWS" not in os.environ:
            log = made_log(folder, PARQUET_ROWS, "numbers", "parquet")
            rows += _compared(log, PARQUET_ROWS, "numbers", (with_ours,))
    return rows


def _compared(
    log: Path, n_rows: int, ids: str, ways: tuple[Callable[[Path], float], ...]
) -> list[Row]:
    n_repeats = int(os.environ.get("BENCH_REPEATS", 3 if n_rows <= 20_000_000 else 1))
    found: dict[str, list[tuple[float, int]]] = {way.__name__: [] for way in ways}
    for _ in range(n_repeats):
        for way in ways:
            found[way.__name__].append(_alone(way, log))
    return [
        {
            "rows": f"{n_rows:,}",
            "form": log.suffix[1:],
            "ids": ids,
            "MB on disk": log.stat().st_size >> 20,
            "way": name.removeprefix("with_"),
            "seconds": round(statistics.median(seconds for seconds, _ in runs), 1),
            "peak MB": max(peak for _, peak in runs),
        }
        for name, runs in found.items()
    ]


def _alone(way: Callable[[Path], float], log: Path) -> tuple[float, int]:
    """Return seconds and peak MB of a way in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (way, log))


def _measured(way: Callable[[Path], float], log: Path) -> tuple[float, int]:
    seconds = way(log)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def with_ours(log: Path) -> float:
    """Prepare a log as a user would and return the seconds."""
    with tempfile.TemporaryDirectory(dir=log.parent) as workspace:
        began = time.perf_counter()
        prepare(log, workspace=workspace)
        return time.perf_counter() - began


def with_pandas(log: Path) -> float:
    """Read, sort and factorize a log and return the seconds."""
    began = time.perf_counter()
    frame = pd.read_csv(log).sort_values(["user_id", "timestamp"], kind="stable")
    users, _ = pd.factorize(frame["user_id"])
    pd.factorize(frame["item_id"])
    np.concatenate([[0], np.cumsum(np.bincount(users))])
    return time.perf_counter() - began


def made_log(folder: Path, n_rows: int, ids: str, form: str) -> Path:
    """Write a log and return its path; one that is there already is used again."""
    path = folder / f"{n_rows}-{ids}.{form}"
    if path.is_file():
        return path
    user, item = ("'user-' ||", "'track:' ||") if ids == "text" else ("", "")
    n_users, n_items = max(n_rows // 150, 50), max(n_rows // 400, 50)
    select = (
        f"SELECT {user} (1 + floor({n_users} * random()))::INTEGER AS user_id,"
        f" {item} (1 + floor({n_items} * pow(random(), 3)))::INTEGER AS item_id,"
        " (1 + floor(random() * 10))::INTEGER * 0.5 AS rating,"
        " (1600000000 + floor(random() * 100000000))::BIGINT AS timestamp"
        f" FROM range({n_rows})"
    )
    kind = "FORMAT csv, HEADER" if form == "csv" else "FORMAT parquet"
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute("SELECT setseed(0.42)")
        connection.execute(f"COPY ({select}) TO '{path}' ({kind})")
    return path
