"""Training and ranking speed, beside the systems that one would otherwise pick.

Shape A: hidden size 64, inner 256, window 50. Shape B: 128, 512, 200. Both: 2 layers, 2 heads,
batch 256, mask rate 0.2, dropout 0.2, 6,040 users, 3,416 items, all histories longer than the
window, the same number of threads for all; float32 but where the name says bfloat16, which is
measured where the CPU has instructions for it.

Every measurement is a process of its own, and ours is measured again before each other system, so
that what else the machine does falls on all of them alike. A sequence is a row of a training step:
a window of a user's history, or of a prefix of it (RecBole). `ours` has cloze steps alone, as the
others have; `ours, default` asks for next items in some of its steps too. CPU share is the part of
its threads' time that a system got: where it is far from 1, something else was running.

Environment variables that shorten a run: BENCH_SYSTEMS and BENCH_SHAPES (names with commas
between), BENCH_REPEATS, BENCH_THREADS, BENCH_USERS, BENCH_LIMIT_S (seconds timed at most).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.environments import NotInstalledError, python_of
from benchmarks.peers.task import Histories, Task
from bert4rec.data.dataset import SequenceDataset
from bert4rec.device import bfloat16_instructions, n_usable_cores

N_USERS, N_ITEMS = 6_040, 3_416
ROOT = Path(__file__).parents[1]
# Of one process, preparing its data included.
PROCESS_LIMIT_S = 1_200
OURS = "ours"
NARROW = "bfloat16"
# What each of ours is asked to do: cloze rows alone, as the others have them, or as it comes.
OUR_TASKS: dict[str, dict[str, Any]] = {
    OURS: {"next_item_rate": 0.0},
    f"{OURS}, {NARROW}": {"next_item_rate": 0.0, "precision": NARROW},
    f"{OURS}, default": {},
    f"{OURS}, default, {NARROW}": {"precision": NARROW},
}
PEERS = {
    "RecBole": "recbole",
    "RecTools": "rectools",
    "RePlay": "replay",
    "Hugging Face": "hugging_face",
    f"Hugging Face, {NARROW}": "hugging_face",
}
# About 10 to 40 seconds of the slowest system. Ours has time for more steps than that.
SHAPES: dict[str, dict[str, int]] = {
    "A": {
        "hidden_size": 64,
        "inner_size": 256,
        "window": 50,
        "n_warmup_steps": 4,
        "n_steps": 24,
        "n_eval_users": N_USERS,
    },
    "B": {
        "hidden_size": 128,
        "inner_size": 512,
        "window": 200,
        "n_warmup_steps": 2,
        "n_steps": 6,
        "n_eval_users": 1_024,
    },
}
OUR_STEPS = 4
FIGURES = {
    "train seq/s": "sequences_per_s",
    "eval users/s": "users_per_s",
    "peak MB": "peak_bytes",
}
Run = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What to measure, and how often."""

    systems: tuple[str, ...]
    shapes: tuple[str, ...]
    n_repeats: int
    n_threads: int
    n_users: int
    limit_s: float

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Plan:
        """Return the plan that environment variables ask for, everything by default."""
        return cls(
            systems=_chosen(environment, "BENCH_SYSTEMS", _systems()),
            shapes=_chosen(environment, "BENCH_SHAPES", list(SHAPES)),
            n_repeats=int(environment.get("BENCH_REPEATS", 3)),
            n_threads=int(environment.get("BENCH_THREADS", n_usable_cores())),
            n_users=int(environment.get("BENCH_USERS", N_USERS)),
            limit_s=float(environment.get("BENCH_LIMIT_S", 40)),
        )

    def turns(self) -> Iterator[tuple[str, str]]:
        """Yield (shape, system) in the order to measure in, ours between all the others."""
        others = [name for name in self.systems if name != OURS]
        for _ in range(self.n_repeats):
            for shape in self.shapes:
                # The last turn is ours alone where there are no others.
                for other in others or [""]:
                    if OURS in self.systems:
                        yield shape, OURS
                    if other:
                        yield shape, other

    def task(self, shape: str, system: str) -> Task:
        """Return what a system is to do."""
        task = Task(
            n_items=N_ITEMS, n_threads=self.n_threads, limit_s=self.limit_s, **SHAPES[shape]
        )
        if system in PEERS:
            return replace(task, precision=NARROW) if NARROW in system else task
        return replace(task, n_steps=OUR_STEPS * task.n_steps, **OUR_TASKS[system])


def _systems() -> list[str]:
    """Return all that can be measured here."""
    is_fast = bfloat16_instructions() is not None
    return [name for name in (*OUR_TASKS, *PEERS) if is_fast or NARROW not in name]


def _chosen(environment: Mapping[str, str], name: str, known: list[str]) -> tuple[str, ...]:
    """Return the names that a variable lists; a space or a capital letter more does not matter."""
    if name not in environment:
        return tuple(known)
    by_key = {_key(each): each for each in known}
    asked = [_key(each) for each in environment[name].split(",") if each.strip()]
    wrong = [each for each in asked if by_key.get(each) not in known]
    if wrong:
        raise SystemExit(f"{name} names {wrong[0]!r}; there are {', '.join(known)}")
    return tuple(by_key[each] for each in asked)


def _key(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def measure_training() -> list[Run]:
    """Return a row for each system and shape: medians, and ours against theirs."""
    plan = Plan.of(os.environ)
    runs: dict[tuple[str, str], list[Run]] = {}
    failures: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {shape: write_histories(Path(folder), shape, plan) for shape in plan.shapes}
        pythons = {system: _python(system, failures, plan) for system in plan.systems}
        for turn in plan.turns():
            if turn in failures:
                continue
            shape, system = turn
            try:
                run = measure(system, pythons[system], files[shape], plan.task(shape, system))
                runs.setdefault(turn, []).append(run)
            except RuntimeError as error:
                failures[turn] = f"failed: {error}"
            print(f"{shape} {system}: {failures.get(turn) or run}", file=sys.stderr, flush=True)
    return rows_of(plan, runs, failures)


def write_histories(folder: Path, shape: str, plan: Plan) -> Path:
    """Write the histories of a shape where every system reads them."""
    dataset = long_histories(SHAPES[shape]["window"], plan.n_users)
    path = folder / f"{shape}.npz"
    Histories(dataset.items, dataset.offsets).save(path)
    return path


def _python(system: str, failures: dict[tuple[str, str], str], plan: Plan) -> Path:
    if system not in PEERS:
        return Path(sys.executable)
    try:
        return python_of(PEERS[system])
    except NotInstalledError as error:
        failures.update({(shape, system): f"not installed: {error}" for shape in plan.shapes})
        return Path()


def measure(system: str, python: Path, histories: Path, task: Task) -> Run:
    """Return what a system's script measured, in a process of its own.

    Raises:
        RuntimeError: it came to no result.
    """
    module = f"benchmarks.peers.{PEERS.get(system, 'ours')}"
    threads = {"OMP_NUM_THREADS": str(task.n_threads)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [str(python), "-m", module, str(histories), task.as_text()],
                # Some systems leave folders where they are run.
                cwd=folder,
                env=os.environ | threads | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=PROCESS_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"no result after {PROCESS_LIMIT_S} s") from error
    if done.returncode < 0:
        raise RuntimeError(f"ended by signal {-done.returncode}; 9 may be lack of memory")
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word of why"])[-1])
    found: Run = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def rows_of(
    plan: Plan, runs: Mapping[tuple[str, str], list[Run]], failures: Mapping[tuple[str, str], str]
) -> list[Run]:
    """Return the rows of the table: medians, and ours divided by theirs."""
    return [
        row_of(shape, system, runs, failures) for shape in plan.shapes for system in plan.systems
    ]


def row_of(
    shape: str,
    system: str,
    runs: Mapping[tuple[str, str], list[Run]],
    failures: Mapping[tuple[str, str], str],
) -> Run:
    """Return one row; what there is no figure for is a dash, and the note says why."""
    theirs, ours = medians(runs.get((shape, system))), medians(runs.get((shape, OURS)))
    row: Run = {"shape": shape, "system": system, "version": theirs.get("version", "-")}
    for title, name in FIGURES.items():
        scale = 1e6 if name == "peak_bytes" else 1
        row[title] = round(theirs[name] / scale) if theirs else "-"
    for title, name in FIGURES.items():
        both = theirs and ours
        row[f"{title}, ours/theirs"] = round(ours[name] / theirs[name], 2) if both else "-"
    row["CPU share"] = round(theirs["cpu_share"], 2) if theirs else "-"
    row["runs"] = len(runs.get((shape, system), ()))
    row["note"] = failures.get((shape, system), "")
    return row


def medians(runs: list[Run] | None) -> Run:
    """Return the median of each figure over some runs; empty when there are none."""
    if not runs:
        return {}
    names = [name for name, value in runs[0].items() if not isinstance(value, str)]
    return runs[0] | {name: statistics.median(run[name] for run in runs) for name in names}


def long_histories(window: int, n_users: int = N_USERS) -> SequenceDataset:
    """Return histories of up to twice the window, items drawn by a power law."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, N_ITEMS + 1)
    lengths = rng.integers(window + 3, 2 * window, n_users)
    drawn = rng.choice(N_ITEMS, size=int(lengths.sum()), p=share / share.sum()) + 1
    cuts = np.cumsum(lengths)[:-1]
    return SequenceDataset.from_sequences(np.split(drawn, cuts), n_items=N_ITEMS, name="long")
