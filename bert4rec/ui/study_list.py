"""The searches of a workspace, read again only where their files changed; no Streamlit."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bert4rec.data.collection import name_now
from bert4rec.errors import Bert4RecError, FormatError, RunError
from bert4rec.runs.status import Status
from bert4rec.search.figures import n_finished
from bert4rec.search.plan import SearchPlan, plan_of
from bert4rec.search.studies import LOOK_S, list_studies
from bert4rec.search.study import Study
from bert4rec.search.trials import COUNTED_STATES, Trial, best_trial, is_exhausted, n_wanted
from bert4rec.ui.file_stamps import FileStamp, file_stamp
from bert4rec.view.state_words import state_cell
from bert4rec.words import metric_name

ACTIVE = ("queued", "running")
UNREAD = Status("unreadable")


@dataclass(frozen=True)
class ReadStudy:
    """A study as it was last read.

    Args:
        name: Its name.
        changed_at: When its file last changed, UTC.
        problem: Why it cannot be read; what was read before stays.
        dataset: Name, fingerprint and folder of its dataset.
        plan: What it is to do; None while it was never read.
        trials: Its trials, oldest first.
        status: Whether it waits, is under way, or how it ended.
        stamp: Tells whether its file changed.
        study_id: Tells it from every other one, also from one that had its name before.
    """

    name: str
    changed_at: datetime
    problem: Bert4RecError | None = None
    dataset: dict[str, Any] = field(default_factory=dict)
    plan: SearchPlan | None = None
    trials: tuple[Trial, ...] = ()
    status: Status = UNREAD
    stamp: FileStamp = (0, 0, 0)
    study_id: str = ""

    @property
    def is_active(self) -> bool:
        """Whether somebody searches or waits for the device."""
        return self.problem is None and self.status.state in ACTIVE

    @property
    def best(self) -> Trial | None:
        """The best of its finished trials."""
        return best_trial(list(self.trials))

    @property
    def n_counted(self) -> int:
        """Trials that count for the budget: finished, pruned or failed."""
        return sum(trial.state in COUNTED_STATES for trial in self.trials)

    @property
    def is_exhausted(self) -> bool:
        """Whether every point of its space has been tried, so that it cannot go on."""
        return self.plan is not None and is_exhausted(self.trials, self.plan)

    @property
    def figures_key(self) -> tuple[str, str, int]:
        """What figures over all finished trials are kept by."""
        return (self.name, self.study_id, n_finished(self.trials))


class StudyList:
    """The studies of a workspace; threads may share it."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._studies: dict[str, Study] = {}
        self._read: dict[str, ReadStudy] = {}
        self._lock = threading.Lock()

    def all(self) -> list[ReadStudy]:
        """Return every study, the one that changed last first; a broken one says so.

        Cost: a look at the disk a study; where its file changed, the trials that had not ended.
        """
        with self._lock:
            paths = list_studies(self.workspace)
            for gone in set(self._studies) - {path.stem for path in paths}:
                self._forget(gone)
            return [self._one(path) for path in paths]

    def one(self, name: str) -> ReadStudy | None:
        """Return one study, or None where there is none so called."""
        path = self.workspace / "studies" / f"{name}.db"
        with self._lock:
            if path.is_file():
                return self._one(path)
            self._forget(name)
            return None

    def study(self, name: str) -> Study:
        """Return a study that was read, for figures over all of its trials."""
        with self._lock:
            return self._studies[name]

    def _forget(self, name: str) -> None:
        self._read.pop(name, None)
        study = self._studies.pop(name, None)
        if study is not None:
            study.close()

    def _one(self, path: Path) -> ReadStudy:
        stamp, kept = file_stamp(path), self._read.get(path.stem)
        if kept is not None and kept.stamp == stamp and not _may_change_by_itself(kept):
            return kept
        if kept is not None and kept.stamp[0] != stamp[0]:
            # Another file has taken its name.
            self._forget(path.stem)
            kept = None
        study = self._studies.setdefault(path.stem, Study(path, LOOK_S))
        read = self._read[path.stem] = _read(study, stamp, kept)
        if read.problem is not None:
            study.close()
        return read


def _may_change_by_itself(kept: ReadStudy) -> bool:
    """Whether a process that dies, time that passes, or a lock that opens would be seen."""
    is_held = isinstance(kept.problem, RunError)
    is_under_way = any(trial.state == "running" for trial in kept.trials)
    return is_held or is_under_way or kept.is_active


def _read(study: Study, stamp: FileStamp, kept: ReadStudy | None) -> ReadStudy:
    changed_at = datetime.fromtimestamp(stamp[1] / 1e9, UTC)
    before = kept or ReadStudy(study.name, changed_at)
    try:
        trials, facts = study.trials(), study.facts()
        return ReadStudy(
            name=study.name,
            changed_at=changed_at,
            dataset=dict(facts["dataset"]),
            plan=plan_of(facts["plan"], where=study.name),
            trials=tuple(trials),
            status=study.status(trials),
            stamp=stamp,
            study_id=str(facts.get("id", "")),
        )
    except Bert4RecError as error:
        problem: Bert4RecError = error
    except (AttributeError, KeyError, TypeError, ValueError):
        # A study of Optuna's, but not as ours are.
        problem = FormatError(
            f"the study {study.name!r} is damaged",
            where=str(study.path),
            fix="Put the file back, or delete it.",
        )
    return replace(before, changed_at=changed_at, problem=problem, stamp=stamp)


def studies_frame(studies: Iterable[ReadStudy], workspace: Path) -> pd.DataFrame:
    """Return studies as a table for display, one line each; an unreadable one says so."""
    return pd.DataFrame([_cells(study, workspace) for study in studies])


def _cells(study: ReadStudy, workspace: Path) -> dict[str, object]:
    plan, best = study.plan, study.best
    state = study.status.state if study.problem is None else "unreadable"
    return {
        "State": state_cell(state),
        "Search": study.name,
        "Data": name_now(workspace, study.dataset) if study.dataset else "",
        "Trials": f"{study.n_counted:,} of {n_wanted(study.trials, plan):,}" if plan else "",
        "Metric": metric_name(plan.metric) if plan else "",
        "Best": best.score if best else None,
        "Time": sum(t.seconds for t in study.trials if t.state != "interrupted"),
        "Changed": study.changed_at,
    }
