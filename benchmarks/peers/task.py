"""What every system is asked to do, and how it hands back what it measured.

Runs in every system's environment: it needs numpy and the standard library alone.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """A shape of network, and how much of its training and ranking to time.

    Args:
        hidden_size: Width D of the network.
        inner_size: Width of its feed-forward layers.
        window: Positions L that it sees.
        n_items: Size N of the catalogue.
        n_threads: Threads that torch may use.
        n_warmup_steps: Training steps before the clock starts.
        n_steps: Training steps to time.
        limit_s: The clock stops after this many seconds, whatever was done.
        n_eval_users: Users to rank the catalogue for; all where there are fewer.
        next_item_rate: Share of our steps that ask for next items; None is our default.
        precision: Of matrix products, float32 or bfloat16.
    """

    hidden_size: int
    inner_size: int
    window: int
    n_items: int
    n_threads: int
    n_warmup_steps: int
    n_steps: int
    limit_s: float
    n_eval_users: int
    next_item_rate: float | None = None
    n_layers: int = 2
    n_heads: int = 2
    batch_size: int = 256
    mask_rate: float = 0.2
    dropout_rate: float = 0.2
    learning_rate: float = 1e-3
    precision: str = "float32"

    def as_text(self) -> str:
        """Return the task as JSON, which `read_task` reads from the command line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, eq=False)
class Histories:
    """Items 1..N of all users one after the other, int32 (n,), cut by offsets, int64 (users+1,)."""

    items: np.ndarray
    offsets: np.ndarray

    def save(self, path: Path) -> None:
        """Write both arrays to one .npz file."""
        np.savez(path, items=self.items, offsets=self.offsets)

    @classmethod
    def load(cls, path: Path) -> Histories:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["items"], arrays["offsets"])

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.offsets) - 1

    @property
    def users(self) -> np.ndarray:
        """The user of each of `items`, int64 (n,)."""
        return np.repeat(np.arange(self.n_users), np.diff(self.offsets))

    @property
    def times(self) -> np.ndarray:
        """The place of each of `items` in its history, from 0, int64 (n,)."""
        starts: np.ndarray = np.repeat(self.offsets[:-1], np.diff(self.offsets))
        return np.arange(len(self.items)) - starts

    def sequences(self) -> list[np.ndarray]:
        """Return one array of items a user, oldest first."""
        return np.split(self.items, self.offsets[1:-1])


class Stopwatch:
    """Time training steps, without those that warm up."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.n_done = 0
        self.n_sequences = 0
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self._began = time.perf_counter(), time.process_time()

    def tick(self, n_sequences: int, n_steps: int = 1) -> bool:
        """Note that steps have ended, and how many sequences they trained; True when it is enough.

        The clock starts at the first call that completes the warm-up.
        """
        if self.n_done < self.task.n_warmup_steps:
            self._began = time.perf_counter(), time.process_time()
        else:
            self.n_sequences += n_sequences
            self.wall_s = time.perf_counter() - self._began[0]
            self.cpu_s = time.process_time() - self._began[1]
        self.n_done += n_steps
        is_complete = self.n_done >= self.task.n_warmup_steps + self.task.n_steps
        return is_complete or self.wall_s > self.task.limit_s

    def over(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield batches, each as long as it has sequences, until enough was timed.

        A batch that is asked for means that the step of the one before has ended.
        """
        for batch in batches:
            yield batch
            if self.tick(len(batch)):
                return


def read_task() -> tuple[Histories, Task]:
    """Return what the command line asks for: a file of histories, and a task as JSON."""
    path, text = sys.argv[1:]
    # Some systems read the command line themselves.
    del sys.argv[1:]
    return Histories.load(Path(path)), Task(**json.loads(text))


def tell(stopwatch: Stopwatch, users_per_s: float, version: str) -> None:
    """Print what was measured as one line of JSON, the last one of standard output."""
    n_threads = stopwatch.task.n_threads
    measured = {
        "sequences_per_s": stopwatch.n_sequences / stopwatch.wall_s,
        "users_per_s": users_per_s,
        "peak_bytes": peak_bytes(),
        "cpu_share": stopwatch.cpu_s / stopwatch.wall_s / n_threads,
        "n_sequences": stopwatch.n_sequences,
        "version": version,
    }
    print(json.dumps(measured), flush=True)


def peak_bytes() -> int:
    """Return the most memory that this process held at once.

    Linux counts the memory of the process that started this one into `ru_maxrss`, so it is asked
    in another way there.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text("utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
