"""One run's folder: frozen configuration, status, journal, summary, checkpoints."""

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

from bert4rec.data.collection import find_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import is_file
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.journal import Journal
from bert4rec.json_files import check_format, read_json, write_json
from bert4rec.moments import now_text, utc_now
from bert4rec.policy import Policy
from bert4rec.runs.label import Label, read_label
from bert4rec.runs.newest_lines import newest_lines
from bert4rec.setting_checks import parse_settings

FORMAT_VERSION = 1
STATES = ("queued", "running", "paused", "finished", "stopped", "failed", "interrupted")
ACTIVE_STATES = ("queued", "running", "paused")
RESUMABLE_STATES = ("stopped", "failed", "interrupted")
# On another machine only the heartbeat tells whether a run is alive.
HEARTBEAT_LIMIT_S = 120.0
# What everybody who reads a configuration relies on.
CONFIG_KINDS: Mapping[str, type] = {
    "name": str,
    "created_at": str,
    "policy": str,
    "settings": dict,
    "effective_settings": dict,
    "dataset": dict,
}
DATASET_KINDS: Mapping[str, type] = {"name": str, "fingerprint": str}


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
# A whole number of hundreds of digits is damage: no arithmetic with other numbers takes it.
MAX_NUMBER = 1e300
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


@dataclass(frozen=True)
class Run:
    """A run, wherever it was started; everything is read from its folder when asked for."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name, unique in a workspace."""
        return self.folder.name

    @property
    def workspace(self) -> Path:
        """The workspace that holds the run."""
        return self.folder.parent.parent

    @property
    def journal(self) -> Journal:
        """The run's events."""
        return Journal(self.folder / "metrics.jsonl")

    @property
    def artifacts(self) -> Path:
        """Folder for what is computed from the finished run."""
        return self.folder / "artifacts"

    @property
    def snapshots(self) -> Path:
        """Folder for the item vectors of some epochs."""
        return self.folder / "snapshots"

    def checkpoint(self, kind: str) -> Path:
        """Return the path of the `last` or `best` checkpoint."""
        return self.folder / "checkpoints" / f"{kind}.safetensors"

    @property
    def newest_checkpoint(self) -> str:
        """Which checkpoint knows most of a run that trains: `last`, or `best` before the first."""
        return "last" if self.checkpoint("last").exists() else "best"

    def checkpoint_ns(self, kind: str) -> int:
        """Return the time stamp of a checkpoint in nanoseconds, 0 while there is none."""
        path = self.checkpoint(kind)
        return path.stat().st_mtime_ns if path.exists() else 0

    def config(self) -> dict[str, Any]:
        """Return what was frozen when the run was made.

        Raises:
            FormatError: it was written by a newer version or is damaged.
        """
        path = self.folder / "config.json"
        config: dict[str, Any] = read_json(path)
        check_format(config, FORMAT_VERSION, self.folder)
        known = [(config, CONFIG_KINDS), (config.get("dataset"), DATASET_KINDS)]
        if not all(_holds(document, kinds) for document, kinds in known):
            raise _damaged("configuration", path)
        return config

    @property
    def name(self) -> str:
        """What people call the run: the last name given to it."""
        return self.label().name or str(self.config()["name"])

    def label(self) -> Label:
        """Return name, note and tags as they were given since the run was made."""
        return read_label(self.folder)

    def hyperparameters(self) -> Hyperparameters:
        """Return the run's own settings."""
        config = self.config()
        # Their values are those of the day, so that a default that changes leaves old runs alone.
        values = parse_settings(config["effective_settings"], where=self.id)
        return Hyperparameters.model_construct(set(config["settings"]), **dict(values))

    def policy(self) -> Policy:
        """Return the run's settings with what it is for."""
        return Policy(self.config()["policy"], self.hyperparameters())

    def dataset(self) -> SequenceDataset:
        """Open the dataset that the run trains on.

        Raises:
            NotFoundError: it was deleted from the workspace.
        """
        told = self.config()["dataset"]
        try:
            return find_dataset(self.workspace, told["fingerprint"])
        except NotFoundError as error:
            raise NotFoundError(
                f"the run's dataset {told['name']!r} is no longer there",
                where=str(self.workspace),
                fix="Prepare it from the same log in the same way, then resume the run.",
                fingerprint=told["fingerprint"],
            ) from error

    def status(self) -> Status:
        """Return the status; a run whose process is gone is `interrupted`."""
        status = _told_status(self.folder)
        if status.is_orphan() and status.state == "queued":
            return replace(
                status,
                state="interrupted",
                message="the process in whose queue it waited is gone",
                fix="Start it again.",
            )
        if status.is_orphan():
            return replace(
                status,
                state="interrupted",
                message="the process that ran it is gone",
                fix="Resume it: it goes on from its last checkpoint.",
            )
        return status

    def set_status(self, **changes: Any) -> Status:
        """Change fields of the status and stamp it as this process's, now.

        How a run ended is remembered by this process where it cannot be written.
        """
        path, key = self.folder / "status.json", _key(self.folder)
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

    def summary(self) -> dict[str, Any] | None:
        """Return the final report, or None while there is none.

        Raises:
            FormatError: it is damaged.
        """
        path = self.folder / "summary.json"
        if not path.exists():
            return None
        summary = read_json(path)
        if not _holds(summary, {}) or not isinstance(summary.get("test", {}), dict):
            raise _damaged("summary", path)
        return dict(summary)

    def log(self, line: str) -> None:
        """Append a dated line to the run's log."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{now_text()} {line}\n")

    def log_tail(self, n_lines: int = 20) -> list[str]:
        """Return the newest lines of the run's log, oldest first; however long it is.

        Bytes that are no text, and signs that no screen shows, come as a question mark in a box.
        """
        return newest_lines(self.folder / "log.txt", n_lines)


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
    document = read_json(path)
    if not isinstance(document, dict) or document.get("state") not in STATES:
        raise _damaged("status", path)
    values = {name: document[name] for name in STATUS_KINDS if name in document}
    if not _holds(values, {name: STATUS_KINDS[name] for name in values}):
        raise _damaged("status", path)
    return Status(**values)


def _holds(document: Any, kinds: Mapping[str, Any]) -> bool:
    """Whether a document of JSON is an object with values of the kinds that are asked for."""
    if not isinstance(document, dict):
        return False
    return all(name in document and _is_a(document[name], kind) for name, kind in kinds.items())


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of a kind; a number of ours is neither negative nor a boolean."""
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 <= value < MAX_NUMBER):
        return False
    return isinstance(value, kind)


def _damaged(what: str, path: Path) -> FormatError:
    return FormatError(
        f"the {what} of the run is damaged",
        where=str(path),
        fix="Restore the run's folder, or delete it.",
    )


def open_run(folder: Path) -> Run:
    """Open a run folder.

    Raises:
        NotFoundError: there is no run in `folder`.
        FormatError: it was written by a newer version or is damaged.
    """
    if not is_file(folder / "config.json"):
        raise NotFoundError(f"there is no run {folder.name!r}", where=str(folder.parent))
    run = Run(folder)
    run.config()
    return run
