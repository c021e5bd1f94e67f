"""One run's folder: frozen configuration, status, journal, summary, checkpoints."""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bert4rec.data.dataset import SequenceDataset, find_dataset
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import Journal, check_format, read_json, write_json
from bert4rec.hyperparameters import Hyperparameters, parse_settings
from bert4rec.policy import Policy

FORMAT_VERSION = 1
STATES = ("queued", "running", "paused", "finished", "stopped", "failed", "interrupted")
ACTIVE_STATES = ("queued", "running", "paused")
RESUMABLE_STATES = ("stopped", "failed", "interrupted")
# On another machine only the heartbeat tells whether a run is alive.
HEARTBEAT_LIMIT_S = 120.0


def utc_now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


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
            heartbeat_at=utc_now().isoformat(timespec="seconds"),
        )

    def is_orphan(self) -> bool:
        """Whether an active run has lost its process."""
        if self.state not in ACTIVE_STATES:
            return False
        if self.host != socket.gethostname():
            return _age_s(self.heartbeat_at) > HEARTBEAT_LIMIT_S
        try:
            started_at = psutil.Process(self.pid).create_time()
        except psutil.Error:
            return True
        # The number may since have been given to another process, in a container even to this one.
        return abs(started_at - self.process_started_at) > 1.0


def _age_s(moment: str) -> float:
    try:
        return (utc_now() - datetime.fromisoformat(moment)).total_seconds()
    except ValueError:
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

    def checkpoint(self, kind: str) -> Path:
        """Return the path of the `last` or `best` checkpoint."""
        return self.folder / "checkpoints" / f"{kind}.safetensors"

    def config(self) -> dict[str, Any]:
        """Return what was frozen when the run was made."""
        config: dict[str, Any] = read_json(self.folder / "config.json")
        check_format(config, FORMAT_VERSION, self.folder)
        return config

    @property
    def name(self) -> str:
        """The name that a person gave the run."""
        return str(self.config()["name"])

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
        return find_dataset(self.workspace, self.config()["dataset"]["fingerprint"])

    def status(self) -> Status:
        """Return the status; a run whose process is gone is `interrupted`."""
        status = _read_status(self.folder / "status.json")
        if status.is_orphan():
            return replace(
                status,
                state="interrupted",
                message="the process that ran it is gone",
                fix="Resume it: it goes on from its last checkpoint.",
            )
        return status

    def set_status(self, **changes: Any) -> Status:
        """Change fields of the status and stamp it as this process's, now."""
        path = self.folder / "status.json"
        before = _read_status(path) if path.exists() else Status("queued")
        status = replace(before, **changes).owned()
        write_json(path, asdict(status))
        return status

    def summary(self) -> dict[str, Any] | None:
        """Return the final report, or None while there is none."""
        path = self.folder / "summary.json"
        return read_json(path) if path.exists() else None

    def log(self, line: str) -> None:
        """Append a dated line to the run's log."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{utc_now().isoformat(timespec='seconds')} {line}\n")


def _read_status(path: Path) -> Status:
    """Read a status; a field that this version does not know is passed over."""
    document = read_json(path)
    if not isinstance(document, dict) or document.get("state") not in STATES:
        raise FormatError(
            "the status of the run is damaged",
            where=str(path),
            fix="Restore the run's folder, or delete it.",
        )
    known = {field.name for field in fields(Status)}
    return Status(**{name: value for name, value in document.items() if name in known})


def open_run(folder: Path) -> Run:
    """Open a run folder.

    Raises:
        NotFoundError: there is no run in `folder`.
        FormatError: it was written by a newer version or is damaged.
    """
    if not (folder / "config.json").is_file():
        raise NotFoundError(f"there is no run {folder.name!r}", where=str(folder.parent))
    run = Run(folder)
    run.config()
    return run
