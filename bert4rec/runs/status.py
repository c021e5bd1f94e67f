"""What a run or a search is doing, in a file that is swapped in whole; who is alive."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any

import psutil

from bert4rec.json_files import read_json, write_json
from bert4rec.moments import now_text, utc_now
from bert4rec.runs.documents import RESTORE, damaged, holds

STATES = ("queued", "running", "paused", "finished", "stopped", "failed", "interrupted")
ACTIVE_STATES = ("queued", "running", "paused")
RESUMABLE_STATES = ("stopped", "failed", "interrupted")
# On another machine only the heartbeat tells whether a run is alive.
HEARTBEAT_LIMIT_S = 120.0


@dataclass(frozen=True)
class Status:
    """What a run is doing; swapped in whole, so a reader never sees half of it."""

    state: str
    message: str = ""
    fix: str = ""
    error: str = ""
    host: str = ""
    pid: int = 0
    process_started_at: float = 0.0
    heartbeat_at: str = ""
    epoch: int = 0
    n_epochs: int = 0
    step: int = 0
    n_steps: int = 0
    best_epoch: int = 0
    best_score: float | None = None
    trained_s: float = 0.0

    def owned(self) -> Status:
        """Return this status as that of the present process, now."""
        process = psutil.Process()
        return replace(
            self,
            host=socket.gethostname(),
            pid=process.pid,
            process_started_at=process.create_time(),
            heartbeat_at=now_text(),
        )

    def is_orphan(self) -> bool:
        """Whether an active run has lost its process."""
        if self.state not in ACTIVE_STATES:
            return False
        if self.host != socket.gethostname():
            return _age_s(self.heartbeat_at) > HEARTBEAT_LIMIT_S
        return not self._is_alive()

    def is_ours(self) -> bool:
        """Whether the present process wrote it."""
        here = self.host == socket.gethostname() and self.pid == os.getpid()
        return here and self._is_alive()

    def _is_alive(self) -> bool:
        """Whether the process that wrote it still runs on this machine."""
        try:
            process = psutil.Process(self.pid)
            started_at = process.create_time()
            # Dead, and only its parent has not taken note of it: in a container maybe nobody does.
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.Error:
            return False
        # The number may since have been given to another process, in a container even to this one.
        # A clock that is set shifts this moment; the next heartbeat puts it right.
        return abs(started_at - self.process_started_at) <= 1.0


_NUMBER = (int, float)
STATUS_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("state", "message", "fix", "error", "host", "heartbeat_at"), str),
    **dict.fromkeys(("pid", "epoch", "n_epochs", "step", "n_steps", "best_epoch"), int),
    **dict.fromkeys(("process_started_at", "trained_s"), _NUMBER),
    "best_score": (*_NUMBER, NoneType),
}


# Ends of runs whose folders cannot be written any more, by folder, each with what stands there.
_unwritten: dict[str, tuple[Status, Status]] = {}


def _key(folder: Path) -> str:
    return os.path.realpath(folder)


def _age_s(moment: str) -> float:
    try:
        return (utc_now() - datetime.fromisoformat(moment)).total_seconds()
    except (TypeError, ValueError):
        # Damaged, or without a time zone, which we always write.
        return float("inf")


def change_status(folder: Path, changes: Mapping[str, Any]) -> Status:
    """Change fields of a run's status and stamp it as this process's, now.

    How a run ended is remembered by this process where it cannot be written.
    """
    path, key = folder / "status.json", _key(folder)
    before = _read_status(path) if path.exists() else Status("queued")
    status = replace(before, **changes).owned()
    try:
        write_json(path, asdict(status))
    except OSError:
        if status.state not in ACTIVE_STATES:
            _unwritten[key] = (status, before)
        raise
    _unwritten.pop(key, None)
    return status


def status_now(folder: Path) -> Status:
    """Return the status of a run; one whose process is gone is `interrupted`."""
    status = _told_status(folder)
    if not status.is_orphan():
        return status
    gone, fix = "the process that ran it is gone", "Resume it; it goes on from its last checkpoint."
    if status.state == "queued":
        gone, fix = "the process in whose queue it waited is gone", "Start it again."
    return replace(status, state="interrupted", message=gone, fix=fix)


def _told_status(folder: Path) -> Status:
    """Return the status as it was told last; an end that found no room is written once it can be.

    Unless another status was written since, by whoever took the run up.
    """
    path, key = folder / "status.json", _key(folder) if _unwritten else ""
    unwritten = _unwritten.get(key)
    status = _read_status(path)
    if unwritten is None:
        return status
    end, before = unwritten
    if status == before:
        status = end
        try:
            write_json(path, asdict(end))
        except OSError:
            return end
    _unwritten.pop(key, None)
    return status


def _read_status(path: Path) -> Status:
    """Read a status; a field that this version does not know is passed over."""
    document = read_json(path, RESTORE)
    if not isinstance(document, dict) or document.get("state") not in STATES:
        raise damaged("status", path)
    values = {name: document[name] for name in STATUS_KINDS if name in document}
    if not holds(values, {name: STATUS_KINDS[name] for name in values}):
        raise damaged("status", path)
    return Status(**values)
