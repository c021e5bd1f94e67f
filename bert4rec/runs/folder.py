"""One run's folder: frozen configuration, status, journal, summary, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert4rec.data.collection import find_dataset, name_now
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, NotFoundError
from bert4rec.files import is_file
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.journal import Journal
from bert4rec.json_files import check_format, read_json
from bert4rec.moments import now_text
from bert4rec.policy import Policy
from bert4rec.runs.documents import RESTORE, damaged, holds
from bert4rec.runs.label import Label, read_label
from bert4rec.runs.newest_lines import newest_lines
from bert4rec.runs.status import Status, change_status, status_now
from bert4rec.setting_checks import parse_settings
from bert4rec.temperatures import Shown, of_documents

FORMAT_VERSION = 1
# The line with which a journal begins lies within.
HEAD_BYTES = 65_536
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
        config: dict[str, Any] = read_json(path, RESTORE)
        check_format(config, FORMAT_VERSION, self.folder)
        known = [(config, CONFIG_KINDS), (config.get("dataset"), DATASET_KINDS)]
        if not all(holds(document, kinds) for document, kinds in known):
            raise damaged("configuration", path)
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

    def seen_decision(self) -> tuple[bool, str] | None:
        """Return whether seen items left its rankings, and why, as it was decided at its start.

        What was decided stays, however it would be decided of the same data today. None for a run
        that has not begun, or began before this was recorded.
        """
        begun, _ = self.journal.read(only=("started",), at_most=HEAD_BYTES)
        facts = next(iter(begun), {})
        removes, reason = facts.get("removes_seen"), facts.get("seen_reason")
        if not isinstance(removes, bool) or not isinstance(reason, str):
            return None
        return removes, reason

    @property
    def removes_seen(self) -> bool | None:
        """Whether seen items left its rankings, None where that is not recorded."""
        decision = self.seen_decision()
        return None if decision is None else decision[0]

    def judged_settings(self) -> Hyperparameters:
        """Return its settings, with `seen_items` as it was decided where that is recorded."""
        settings, removes = self.hyperparameters(), self.removes_seen
        if removes is None:
            return settings
        return settings.model_copy(update={"seen_items": "remove" if removes else "keep"})

    def policy(self) -> Policy:
        """Return the run's settings with what it is for."""
        return Policy(self.config()["policy"], self.hyperparameters())

    @property
    def data_name(self) -> str:
        """What the dataset that it trains on is called now."""
        return name_now(self.workspace, self.config()["dataset"])

    def dataset(self) -> SequenceDataset:
        """Open the dataset that the run trains on.

        Raises:
            NotFoundError: it was deleted from the workspace.
        """
        told = self.config()["dataset"]
        try:
            return find_dataset(self.workspace, told["fingerprint"])
        except NotFoundError as error:
            way_on = "then try again" if self._is_finished() else "then let the run go on"
            raise NotFoundError(
                f"the run's dataset {told['name']!r} is no longer there",
                where=str(self.workspace),
                fix=f"Prepare it from the same log in the same way, {way_on}.",
                fingerprint=told["fingerprint"],
            ) from error

    def _is_finished(self) -> bool:
        with suppress(FormatError, NotFoundError):
            return self.status().state == "finished"
        return False

    def status(self) -> Status:
        """Return the status; a run whose process is gone is `interrupted`."""
        return status_now(self.folder)

    def set_status(self, **changes: Any) -> Status:
        """Change fields of the status and stamp it as this process's, now."""
        return change_status(self.folder, changes)

    def summary(self) -> dict[str, Any] | None:
        """Return the final report, or None while there is none.

        Raises:
            FormatError: it is damaged.
        """
        path = self.folder / "summary.json"
        if not path.exists():
            return None
        summary = read_json(path, RESTORE)
        if not holds(summary, {}) or not isinstance(summary.get("test", {}), dict):
            raise damaged("summary", path)
        return dict(summary)

    def temperatures(self) -> dict[Shown, float] | None:
        """Return what divides the scores of its best weights where that pays, as its end told.

        None for a run that has not ended, or ended before this was looked for.

        Raises:
            FormatError: what its end told is damaged.
        """
        summary = self.summary()
        if summary is None or summary.get("temperatures") is None:
            return None
        try:
            return of_documents(summary["temperatures"])
        except FormatError as error:
            raise damaged("summary", self.folder / "summary.json") from error

    def log(self, line: str) -> None:
        """Append a dated line to the run's log."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{now_text()} {line}\n")

    def log_tail(self, n_lines: int = 20) -> list[str]:
        """Return the newest lines of the run's log, oldest first; however long it is.

        Bytes that are no text, and signs that no screen shows, come as a question mark in a box.
        """
        return newest_lines(self.folder / "log.txt", n_lines)


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
