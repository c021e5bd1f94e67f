"""The estimate before a start beside what a short real run then took: seconds an epoch and memory.

Each setting is estimated in a process of its own, as the page does, and then trained for some
epochs in another one, validations, checkpoints and journal included. Memory is what the process
held at its peak beyond what it held before the run. The data are the bundled playlists and, where
`ml-1m.txt` is there, its first users.

Environment variables: BENCH_ML1M (path of that file), BENCH_USERS (2,000 of it), BENCH_SETTINGS
(names with commas between), BENCH_SECONDS (6, of the real run at least, in whole epochs) and
BENCH_CLOCK (`cpu`: seconds of the processor with one thread, for a machine that is not free).
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.task import peak_bytes
from benchmarks.quality import LOG
from bert4rec.data.adoption import adopt
from bert4rec.data.dataset import SequenceDataset, open_dataset
from bert4rec.data.prepare import prepare
from bert4rec.data.samples import prepare_sample
from bert4rec.device import process_memory_bytes
from bert4rec.estimate import probe
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings

ROOT = Path(__file__).parents[1]
MAX_EPOCHS = 20
BALANCED = PRESETS["balanced"].values
SETTINGS: dict[str, dict[str, Any]] = {
    "quick": {**PRESETS["quick"].values},
    "balanced": {**BALANCED},
    "thorough": {**PRESETS["thorough"].values},
    "the policy's defaults": {},
    "steps of 1024": {"batch_size": 1024},
    "steps of 16": {**BALANCED, "batch_size": 16},
    "window 200": {**BALANCED, "max_seq_length": 200, "batch_size": 32},
    "three layers and four heads": {**BALANCED, "n_layers": 3, "n_heads": 4},
    "one thread": {**BALANCED, "n_threads": 1},
    "balanced in bfloat16": {**BALANCED, "precision": "bfloat16"},
    "no averaging": {**BALANCED, "ema_decay": 0},
    "sampled_CE 512 shared": {
        **BALANCED,
        "loss_type": "sampled_CE",
        "negative_samples_count": 512,
        "negative_sharing": "batch",
        "negative_sampling": "popularity",
    },
    "gBCE 128 a place": {**BALANCED, "loss_type": "gBCE", "negative_samples_count": 128},
    "BPR batch 256": {"loss_type": "BPR", "negative_samples_count": 8},
}


def measure_estimates() -> list[dict[str, Any]]:
    """Return a row for each dataset and setting, and the median and largest errors."""
    chosen = os.environ.get("BENCH_SETTINGS")
    names = chosen.split(",") if chosen else list(SETTINGS)
    if unknown := set(names) - SETTINGS.keys():
        raise SystemExit(f"no setting is called {unknown.pop()!r}; there are {', '.join(SETTINGS)}")
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure_setting(dataset, name) for dataset in datasets(Path(folder)) for name in names
        ]
    return [*rows, *summary(rows)]


def datasets(folder: Path) -> Iterator[SequenceDataset]:
    """Prepare what is measured on."""
    yield prepare_sample("playlists", folder)
    path = Path(os.environ.get("BENCH_ML1M", LOG))
    if path.is_file():
        whole = prepare(path, workspace=folder)
        n_users = min(int(os.environ.get("BENCH_USERS", 2_000)), whole.n_users)
        histories = [whole.history(user_idx) for user_idx in range(n_users)]
        cut = SequenceDataset.from_sequences(histories, n_items=whole.n_items, name="ml-1m")
        yield cut.save(folder / "datasets" / "first-users")


def measure_setting(dataset: SequenceDataset, name: str) -> dict[str, Any]:
    """Estimate a setting, train it, and return both with the errors."""
    given = SETTINGS[name] | ({"n_threads": 1} if _is_cpu_clock() else {})
    # With a validation after each epoch, short runs say what long ones cost.
    given = given | {"eval_step": 1, "early_stopping_step": 0}
    told = in_a_process("estimate", dataset, given)
    wanted_s = float(os.environ.get("BENCH_SECONDS", 6))
    n_epochs = min(MAX_EPOCHS, max(1, math.ceil(wanted_s / told["epoch_s"])))
    found = in_a_process("run", dataset, given | {"n_epochs": n_epochs})
    row = {
        "data": dataset.name,
        "settings": name,
        "s an epoch, estimated": round(told["epoch_s"], 2),
        "s an epoch, run": round(found["epoch_s"], 2),
        "time off by": told["epoch_s"] / found["epoch_s"] - 1,
        "MB, estimated": round(told["memory_bytes"] / 1e6),
        "MB, run": round(found["memory_bytes"] / 1e6),
        "memory off by": told["memory_bytes"] / found["memory_bytes"] - 1,
        "CPU share": round(found["cpu_share"], 2),
    }
    print(row, file=sys.stderr, flush=True)
    return row


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the median and the largest error; turn errors into percentages."""
    found = []
    for title, pick in (("median of errors", statistics.median), ("largest error", max)):
        errors = {
            name: f"{pick(abs(row[name]) for row in rows):.0%}"
            for name in ("time off by", "memory off by")
        }
        found.append(dict.fromkeys(rows[0], "") | {"settings": title} | errors)
    for row in rows:
        row |= {name: f"{row[name]:+.0%}" for name in ("time off by", "memory off by")}
    return found


def in_a_process(what: str, dataset: SequenceDataset, given: dict[str, Any]) -> dict[str, float]:
    """Return what `estimate` or `run` finds in a process of its own.

    Raises:
        RuntimeError: it came to no result.
    """
    command = [sys.executable, "-m", "benchmarks.estimate", what, str(dataset.folder)]
    done = subprocess.run(
        [*command, json.dumps(given)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word of why"])[-1])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _is_cpu_clock() -> bool:
    return os.environ.get("BENCH_CLOCK") == "cpu"


def _clock() -> Callable[[], float]:
    return time.process_time if _is_cpu_clock() else time.monotonic


def estimate(dataset: SequenceDataset, given: dict[str, Any]) -> dict[str, float]:
    """Return what the page tells before a start."""
    found = probe(dataset, parse_settings(given), clock=_clock())
    return {"epoch_s": found.epoch_s, "memory_bytes": found.size.memory_bytes}


def run(dataset: SequenceDataset, given: dict[str, Any]) -> dict[str, float]:
    """Train as the page does and return what an epoch took and the process held."""
    clock, settings = _clock(), parse_settings(given)
    moments: list[tuple[float, float, float]] = []

    def watch(line: dict[str, Any]) -> None:
        # The training begins after the baselines and ends with a checkpoint.
        if line["event"] in ("baselines", "checkpoint"):
            moments.append((clock(), time.monotonic(), time.process_time()))

    assert dataset.folder is not None
    # What the page has done once before it starts anything: titles and ids are read, and a first
    # optimizer loads some 75 MB more of torch.
    adopt(dataset, dataset.folder.parents[1])
    dataset.vocabulary.title(1)
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    before = process_memory_bytes()
    train(dataset, settings, workspace=dataset.folder.parents[1], watch=watch)
    held = peak_bytes() - before
    passed_s, wall_s, cpu_s = (b - a for a, b in zip(moments[0], moments[-1], strict=True))
    return {
        "epoch_s": passed_s / settings.n_epochs,
        "memory_bytes": held,
        "cpu_share": cpu_s / wall_s,
    }


if __name__ == "__main__":
    what, folder, text = sys.argv[1:]
    answer = {"estimate": estimate, "run": run}[what]
    print(json.dumps(answer(open_dataset(folder), json.loads(text))))
