"""What a process of its own adds to the battery that every runner passes: its deaths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bert4rec.background import child_process
from bert4rec.background.process_runner import run_in_a_process
from bert4rec.background.runners import RUNNERS, run_in_this_thread, runner_name
from bert4rec.control import Control
from bert4rec.errors import SettingsError
from bert4rec.jobs import JobService
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import load_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from tests.ends import curves_of
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S, wait_until

ROOT = Path(__file__).resolve().parents[3]
ENDLESS: dict[str, Any] = {"batch_size": 8, "n_epochs": 1_000_000, "eval_step": 0}


@pytest.fixture
def new_run(workspace: Path) -> Callable[..., Run]:
    dataset = saved_dataset(workspace, ring_dataset(n_users=40))

    def make(name: str = "one", **changes: Any) -> Run:
        policy = Policy("scoring_policy", small_settings(**changes))
        return create_run(workspace, dataset, policy, name=name)

    return make


def test_the_environment_names_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BERT4REC_RUNNER", raising=False)
    assert RUNNERS[runner_name()] is run_in_this_thread
    for name in RUNNERS:
        monkeypatch.setenv("BERT4REC_RUNNER", name)
        assert runner_name() == name
    monkeypatch.setenv("BERT4REC_RUNNER", "cluster")
    with pytest.raises(SettingsError, match="no runner 'cluster'") as caught:
        runner_name()
    assert "thread, process" in (caught.value.fix or "")


@pytest.mark.slow
def test_a_process_that_is_killed_takes_neither_the_service_nor_the_queue_with_it(
    workspace: Path, new_run: Callable[..., Run]
) -> None:
    service = JobService(workspace, run_in_a_process)
    killed, after = new_run("killed", **ENDLESS), new_run("after", n_epochs=1)
    service.submit(killed)
    service.submit(after)
    wait_until(lambda: bool(curves_of(killed).train))
    pid = killed.status().pid
    assert pid != os.getpid()
    os.kill(pid, signal.SIGKILL)
    assert service.wait(lambda: not service.active(), LIMIT_S)
    status = killed.status()
    assert (status.state, status.error) == ("interrupted", "ProcessKilled")
    assert "want of memory" in status.message
    assert "smaller batch_size" in status.fix
    assert "want of memory" in (killed.folder / "log.txt").read_text("utf-8")
    assert after.status().state == "finished"


PARENT = """
import sys
from pathlib import Path
from bert4rec.control import Control
from bert4rec.background.process_runner import run_in_a_process
from bert4rec.background.runners import RUNNERS, run_in_this_thread, runner_name
from bert4rec.runs.folder import Run

run_in_a_process(Run(Path(sys.argv[1])), Control())
"""


@pytest.mark.slow
def test_a_process_whose_parent_is_killed_saves_where_it_is_and_ends(
    new_run: Callable[..., Run],
) -> None:
    run = new_run(**ENDLESS)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(run.folder)], cwd=ROOT)
    with parent:
        wait_until(lambda: bool(curves_of(run).train))
        child = psutil.Process(run.status().pid)
        parent.kill()
    assert child.wait(LIMIT_S) in (0, None)
    status = run.status()
    assert (status.state, status.message) == ("interrupted", "interrupted")
    _, position = load_checkpoint(run.checkpoint("last"))
    assert position["step"] == curves_of(run).train[-1]["step"]


@pytest.mark.slow
def test_a_process_that_is_asked_to_end_saves_where_it_is(new_run: Callable[..., Run]) -> None:
    run = new_run(**ENDLESS)
    worker = threading.Thread(target=run_in_a_process, args=(run, Control()))
    worker.start()
    wait_until(lambda: bool(curves_of(run).train))
    # What Ctrl+C in a terminal sends is not meant for it.
    os.kill(run.status().pid, signal.SIGINT)
    n_lines = len(curves_of(run).train)
    wait_until(lambda: len(curves_of(run).train) > n_lines + 5)
    os.kill(run.status().pid, signal.SIGTERM)
    worker.join(LIMIT_S)
    assert run.status().state == "interrupted"
    _, position = load_checkpoint(run.checkpoint("last"))
    assert position["step"] == curves_of(run).train[-1]["step"]


def ended(run: Run, monkeypatch: pytest.MonkeyPatch, code: str) -> Run:
    """A run whose process did nothing but what the code says."""
    python = [sys.executable, "-X", "faulthandler", "-c", code]
    popen = subprocess.Popen
    monkeypatch.setattr(
        child_process.subprocess, "Popen", lambda _, **options: popen(python, **options)
    )
    run_in_a_process(run, Control())
    return run


@pytest.mark.parametrize(
    ("code", "state", "said", "logged"),
    [
        ("import faulthandler; faulthandler._sigsegv()", "failed", "died of SIGSEGV", "Fatal"),
        ("import os; os.abort()", "failed", "died of SIGABRT", "Fatal"),
        ("raise ImportError('nothing there')", "failed", "status 1", "nothing there"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
            *("interrupted", "asked to end", "asked to end"),
        ),
    ],
)
def test_a_process_that_dies_without_a_word_leaves_one_all_the_same(
    new_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    state: str,
    said: str,
    logged: str,
) -> None:
    status = ended(run := new_run(), monkeypatch, code).status()
    assert (status.state, status.error) == (state, "ProcessDied")
    assert said in status.message
    assert "esume it" in status.fix
    assert logged in (run.folder / "log.txt").read_text("utf-8")


def test_a_process_that_cannot_be_started_fails_the_run(
    new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run()
    monkeypatch.setattr(child_process.sys, "executable", "/nowhere/python")
    run_in_a_process(run, Control())
    status = run.status()
    assert status.state == "failed"
    assert "could not be started: No such file" in status.message
    assert status.fix


def test_commands_given_before_the_process_listens_reach_it_in_order() -> None:
    heard: list[str] = []
    control = Control()
    control.pause()
    control.relay_to(heard.append)
    control.resume()
    control.stop()
    assert heard == ["pause", "resume", "stop"]
    other = Control()
    for word in [*heard, "dance", "interrupt"]:
        other.obey(word)
    assert other.is_stopped
    assert other.is_interrupted
    assert not other.is_paused


def test_a_run_of_a_dashboard_that_has_ended_is_in_nobodys_list(
    workspace: Path, new_run: Callable[..., Run]
) -> None:
    begun, go = threading.Event(), threading.Event()

    def waiting(run: Run, control: Control) -> None:
        begun.set()
        assert go.wait(LIMIT_S)
        assert control.is_interrupted

    service = JobService(workspace, waiting)
    first, second = new_run("first"), new_run("second")
    service.submit(first)
    service.submit(second)
    assert begun.wait(LIMIT_S)
    service.interrupt()
    assert service.active() == [first.id]
    assert second.status().state == "interrupted"
    assert "Start it again" in second.status().fix
    go.set()
    assert service.wait(lambda: not service.active(), LIMIT_S)
    assert len(list_runs(workspace)) == 2
