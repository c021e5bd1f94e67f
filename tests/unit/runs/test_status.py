from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from bert4rec.errors import FormatError
from bert4rec.json_files import read_json, write_json
from bert4rec.moments import utc_now
from bert4rec.policy import Policy
from bert4rec.runs import status as status_file
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.runs.status import ACTIVE_STATES, HEARTBEAT_LIMIT_S, STATUS_KINDS, Status
from tests.factories import random_dataset, saved_dataset, small_settings


@pytest.fixture
def run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    return create_run(workspace, dataset, Policy("embedding_policy", small_settings()), name="One")


def put_status(run: Run, **changes: Any) -> None:
    """Write a status as another process would have, without this one's stamp."""
    status = Status(**read_json(run.folder / "status.json"))
    write_json(run.folder / "status.json", asdict(replace(status, **changes)))


def a_dead_pid() -> int:
    return next(pid for pid in range(4_000_000, 1, -1) if not psutil.pid_exists(pid))


def test_a_status_is_changed_field_by_field_and_stamped(run: Run) -> None:
    run.set_status(state="running", epoch=2)
    run.set_status(step=9)
    status = run.status()
    assert (status.state, status.epoch, status.step) == ("running", 2, 9)
    assert status.host == socket.gethostname()
    assert (utc_now() - timedelta(seconds=60)).isoformat() < status.heartbeat_at


@pytest.mark.parametrize("state", ACTIVE_STATES)
def test_an_active_run_whose_process_is_gone_is_interrupted(run: Run, state: str) -> None:
    put_status(run, state=state, pid=a_dead_pid())
    status = run.status()
    assert status.state == "interrupted"
    # What waited has nothing to go on from.
    waited = state == "queued"
    assert ("waited" in status.message) == waited
    assert ("Start it again" if waited else "Resume it") in status.fix


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_a_run_that_has_ended_does_not_need_its_process(run: Run, state: str) -> None:
    put_status(run, state=state, pid=a_dead_pid())
    assert run.status().state == state


def test_a_process_number_that_was_given_out_again_does_not_keep_a_run_alive(run: Run) -> None:
    parent = psutil.Process(os.getppid())
    put_status(run, state="running", pid=parent.pid, process_started_at=parent.create_time())
    assert run.status().state == "running"
    put_status(run, process_started_at=parent.create_time() - 3600)
    assert run.status().state == "interrupted"


def test_a_process_that_got_its_predecessors_number_does_not_take_its_runs_for_its_own(
    run: Run,
) -> None:
    """In a container every process of the dashboard has the same number."""
    run.set_status(state="running")
    started_at = psutil.Process().create_time()
    assert run.status().state == "running"
    put_status(run, process_started_at=started_at - 3600)
    assert run.status().state == "interrupted"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only there are zombies")
def test_a_dead_process_that_nobody_took_note_of_does_not_keep_a_run_alive(run: Run) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started_at = psutil.Process(child.pid).create_time()
        put_status(run, state="running", pid=child.pid, process_started_at=started_at)
        assert run.status().state == "running"
        assert child.stdin is not None
        child.stdin.close()
        # Its end is waited for and left to be noted.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert run.status().state == "interrupted"
    finally:
        child.wait()


def test_on_another_machine_the_heartbeat_tells(run: Run) -> None:
    def beaten(seconds_ago: float) -> str:
        return (utc_now() - timedelta(seconds=seconds_ago)).isoformat()

    put_status(run, state="running", host="elsewhere", pid=1, heartbeat_at=beaten(10))
    assert run.status().state == "running"
    put_status(run, heartbeat_at=beaten(HEARTBEAT_LIMIT_S + 10))
    assert run.status().state == "interrupted"
    for broken in ("", "2026-01-01T00:00:00"):
        put_status(run, heartbeat_at=broken)
        assert run.status().state == "interrupted"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A disk without room for a status; call it to make some."""

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(status_file, "write_json", no_room)
        yield patch.undo


def test_an_end_that_found_no_room_is_written_once_there_is_some(
    run: Run, full_disk: Callable[[], None]
) -> None:
    with pytest.raises(OSError, match="No space"):
        run.set_status(state="failed", message="the disk is full")
    assert run.status().state == "failed"
    assert status_file._read_status(run.folder / "status.json").state == "queued"
    full_disk()
    assert run.status().state == "failed"
    assert status_file._read_status(run.folder / "status.json").message == "the disk is full"


def test_an_end_that_found_no_room_gives_way_to_what_another_process_has_written_since(
    run: Run, full_disk: Callable[[], None]
) -> None:
    with pytest.raises(OSError, match="No space"):
        run.set_status(state="failed", message="the disk is full")
    full_disk()
    now = replace(Status("finished"), host="elsewhere", epoch=3)
    write_json(run.folder / "status.json", asdict(now))
    assert run.status() == now


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("state", "asleep"),
        ("state", ["queued"]),
        ("pid", "x"),
        ("pid", -1),
        ("pid", True),
        ("process_started_at", None),
        ("host", 3),
        ("heartbeat_at", 3),
        ("step", 1.5),
        ("best_score", "high"),
    ],
)
def test_a_status_whose_values_are_of_another_kind_is_told(
    run: Run, key: str, value: object
) -> None:
    document = read_json(run.folder / "status.json")
    write_json(run.folder / "status.json", document | {key: value})
    with pytest.raises(FormatError, match="status of the run is damaged"):
        run.status()


def test_a_process_number_that_no_system_gives_is_a_process_that_is_gone(run: Run) -> None:
    put_status(run, state="running", pid=10**30)
    assert run.status().state == "interrupted"


def test_the_status_of_a_later_version_is_read(run: Run) -> None:
    document = read_json(run.folder / "status.json")
    write_json(run.folder / "status.json", document | {"mood": "good"})
    assert run.status().state == "queued"


def test_every_field_of_a_status_has_a_kind() -> None:
    assert STATUS_KINDS.keys() == asdict(Status("queued")).keys()
