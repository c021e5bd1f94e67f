"""Fifty kills at any moment of a training lose nothing that was committed, nor any digit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import load_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from tests.ends import assert_equal_ends, curves_of
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
N_KILLS, KILLS_PER_RUN, N_IN_WRITE = 50, 5, 5
# 40 histories in batches of 8: five steps an epoch, after each of which two files are swapped in.
SETTINGS = small_settings(batch_size=8, n_epochs=12)
N_STEPS = 60

# Torch, and what its optimizers load when they are made, is loaded once; each training is a
# process of its own all the same.
NURSERY = """
import os, sys
from pathlib import Path
import torch._dynamo
from bert4rec.pipeline import execute
from bert4rec.runs.folder import Run

for line in sys.stdin:
    pid = os.fork()
    if not pid:
        try:
            execute(Run(Path(line.strip())))
        finally:
            os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


class Nursery:
    """Starts trainings, one at a time, each in a process that can be killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, run: Run) -> int:
        assert self._process.stdin is not None
        print(run.folder, file=self._process.stdin, flush=True)
        return self._read()

    def wait(self) -> int:
        """Wait until the training has ended; return the signal that ended it, or 0."""
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@dataclass(frozen=True)
class Moment:
    """When to kill: at a step plus some seconds, or then while a file is being written."""

    step: int
    delay_s: float
    is_in_write: bool

    def wait(self, run: Run, pid: int) -> None:
        sign = f'"step":{self.step},"loss"'.encode()
        if self.step:
            wait_until(lambda: sign in journal_of(run) or has_ended(pid), look_every_s=0.002)
        never.wait(self.delay_s)
        if self.is_in_write:
            wait_until(lambda: bool(left_behind(run)) or has_ended(pid), look_every_s=0)


never = threading.Event()


def has_ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def left_behind(run: Run) -> list[Path]:
    return list(run.folder.rglob(".*.tmp"))


def moments() -> list[list[Moment]]:
    """Kills spread over the whole of a training, in runs that are killed several times each."""
    chance = np.random.default_rng(17)
    steps = np.linspace(0, N_STEPS, N_KILLS).round().astype(int)
    made = [
        Moment(int(step), float(chance.uniform(0, 0.04)), bool(chance.random() < 0.3))
        for step in steps
    ]
    n_runs = N_KILLS // KILLS_PER_RUN
    return [made[first::n_runs] for first in range(n_runs)]


def kill_at(moment: Moment, nursery: Nursery, run: Run) -> bytes | None:
    """Train until the moment has come; return what the journal said then, None if it was late."""
    pid = nursery.start(run)
    moment.wait(run, pid)
    told = journal_of(run)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    was_killed = nursery.wait() == signal.SIGKILL
    # Between its last word and its end a process has nothing left to lose.
    return told if was_killed and run.status().state != "finished" else None


def journal_of(run: Run) -> bytes:
    return run.journal.path.read_bytes() if run.journal.path.exists() else b""


def assert_nothing_committed_is_lost(run: Run, told: bytes) -> None:
    """Hold the folder of a killed run to what its journal says was done."""
    status = run.status()
    # One that was killed before its first sign of life still waits.
    assert status.state == ("interrupted" if told else status.state)
    assert status.state in ("interrupted", "queued")
    assert journal_of(run).startswith(told)
    curves = curves_of(run)
    if len(curves.valid) > 1:
        # The state of an epoch is saved after its validation is told.
        _, position = load_checkpoint(run.checkpoint("last"))
        assert position["epoch"] in (curves.valid[-1]["epoch"], curves.valid[-1]["epoch"] - 1)
    best = [row["epoch"] for row in curves.valid if row["is_best"]]
    if best:
        # The best weights are saved before that is told, so that they may be ahead of it.
        _, position = load_checkpoint(run.checkpoint("best"), prefix="network.")
        assert position["epoch"] >= best[-1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the nursery forks")
def test_fifty_kills_at_any_moment_lose_nothing(tmp_path: Path, nursery: Nursery) -> None:
    dataset = saved_dataset(tmp_path, ring_dataset(n_users=40))
    whole = train(dataset, SETTINGS, workspace=tmp_path, name="whole")
    plans = moments()
    n_killed = n_in_write = 0
    # How many meet a write is chance, and fewer do on a busy machine.
    while n_killed < N_KILLS or (n_in_write < N_IN_WRITE and n_killed < 4 * N_KILLS):
        run = new_run(tmp_path, dataset)
        # What came too late to be a kill comes again, in the next run.
        for moment in plans.pop(0) if plans else [Moment(n_killed % N_STEPS, 0.0, True)]:
            told = kill_at(moment, nursery, run)
            if told is None:
                break
            n_killed += 1
            n_in_write += bool(left_behind(run))
            assert_nothing_committed_is_lost(run, told)
        if run.status().state != "finished":
            nursery.start(run)
            assert nursery.wait() == 0
        assert run.status().state == "finished"
        assert left_behind(run) == []
        assert_equal_ends(run, whole)
    assert n_in_write >= N_IN_WRITE, "too few were killed while a file was being written"


def new_run(workspace: Path, dataset: SequenceDataset) -> Run:
    return create_run(workspace, dataset, Policy("scoring_policy", SETTINGS))
