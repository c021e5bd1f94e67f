from __future__ import annotations

import errno
import os
import shutil
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

from bert4rec.data.collection import delete_dataset, rename_dataset
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.json_files import read_json, write_json
from bert4rec.moments import utc_now
from bert4rec.policy import Policy
from bert4rec.runs import status as status_file
from bert4rec.runs.folder import Run, open_run
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


def test_a_new_run_is_queued_and_knows_all_about_itself(run: Run, workspace: Path) -> None:
    status = run.status()
    assert (status.state, status.n_epochs, status.pid) == ("queued", 3, os.getpid())
    assert run.name == "One"
    assert run.workspace == workspace
    assert run.policy() == Policy("embedding_policy", small_settings())
    assert run.dataset().n_users == 2
    assert run.summary() is None


def test_the_configuration_keeps_what_was_given_and_what_it_meant(run: Run) -> None:
    config = run.config()
    assert config["settings"] == small_settings().given()
    assert config["effective_settings"] == small_settings().in_effect()
    assert config["dataset"]["fingerprint"] == run.dataset().fingerprint
    assert {"version", "machine", "created_at", "format_version"} <= config.keys()


def test_the_configuration_holds_the_dropouts_that_train_and_which_of_them_was_given(
    workspace: Path, run: Run
) -> None:
    settings = small_settings(dropout_rate=0, attn_dropout_prob=0.3)
    made = create_run(workspace, run.dataset(), Policy("scoring_policy", settings))
    effective = made.config()["effective_settings"]
    assert (effective["hidden_dropout_prob"], effective["attn_dropout_prob"]) == (0, 0.3)
    read = open_run(made.folder).hyperparameters()
    assert (read.given(), read.in_effect()) == (settings.given(), settings.in_effect())


def test_an_old_run_keeps_its_settings_when_a_default_changes(
    tiny_run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / "old"
    shutil.copytree(tiny_run.folder, folder)
    config = read_json(folder / "config.json")
    config["effective_settings"]["max_minutes"] = 7.0
    write_json(folder / "config.json", config)
    settings = open_run(folder).hyperparameters()
    assert settings.max_minutes == 7.0
    assert settings.given() == tiny_run.hyperparameters().given()


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


def test_a_folder_is_a_run_only_with_its_configuration(run: Run, tmp_path: Path) -> None:
    assert open_run(run.folder) == run
    with pytest.raises(NotFoundError, match="no run 'nothing'"):
        open_run(tmp_path / "nothing")
    write_json(run.folder / "config.json", run.config() | {"format_version": 99})
    with pytest.raises(FormatError, match="99"):
        open_run(run.folder)


@pytest.mark.parametrize(
    "text", ["[]", "3", '{"format_version": 1}', '{"format_version": 1, "name": "One"}']
)
def test_a_configuration_that_is_none_is_told(run: Run, text: str) -> None:
    (run.folder / "config.json").write_text(text)
    with pytest.raises(FormatError):
        run.config()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", None),
        ("name", 3),
        ("dataset", []),
        ("dataset", {"name": "made"}),
        ("settings", None),
        ("effective_settings", [1]),
    ],
)
def test_a_configuration_whose_values_are_of_another_kind_is_told(
    run: Run, key: str, value: object
) -> None:
    write_json(run.folder / "config.json", run.config() | {key: value})
    with pytest.raises(FormatError, match="configuration of the run is damaged"):
        run.config()


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


@pytest.mark.parametrize("text", ["[1]", "null", '{"test": [1]}', '{"test": {"hr@10": NaN}}'])
def test_a_summary_that_is_none_is_told(run: Run, text: str) -> None:
    (run.folder / "summary.json").write_text(text)
    with pytest.raises(FormatError):
        run.summary()


def test_a_run_whose_dataset_was_deleted_says_so(run: Run) -> None:
    (run.workspace / "datasets").rename(run.workspace / "gone")
    with pytest.raises(NotFoundError, match="no longer there"):
        run.dataset()


def test_the_log_has_a_dated_line_each(run: Run) -> None:
    run.log("first")
    run.log("second")
    lines = (run.folder / "log.txt").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["first", "second"]
    assert all(line.startswith(f"{utc_now():%Y-}") for line in lines)


def test_of_a_log_the_newest_lines_are_read_however_long_it_is(workspace: Path) -> None:
    run = Run(workspace / "runs" / "some")
    assert run.log_tail() == []
    run.folder.mkdir(parents=True)
    for number in range(2_000):
        run.log(f"line {number}")
    tail = run.log_tail(3)
    assert [line.split(" ", 1)[1] for line in tail] == ["line 1997", "line 1998", "line 1999"]
    # All of a tail that starts within a line but that line.
    assert len(run.log_tail(10_000)) < 2_000
    assert all(" line " in line for line in run.log_tail(10_000))


def test_signs_of_a_log_that_no_screen_shows_are_replaced(workspace: Path) -> None:
    run = Run(workspace / "runs" / "some")
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_bytes(b"a\tb \x1b[31mred \xff " + "\u202eback\n".encode())
    (line,) = run.log_tail()
    assert line == "a   b \ufffd[31mred \ufffd \ufffdback"


def test_a_run_calls_its_dataset_as_it_is_called_now(run: Run, workspace: Path) -> None:
    folder = run.config()["dataset"]["folder"]
    rename_dataset(workspace, folder, "better")
    assert run.data_name == "better"
    delete_dataset(workspace, folder)
    assert run.data_name == run.config()["dataset"]["name"]
