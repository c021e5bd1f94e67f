"""A study: what a search has tried, in a SQLite file that Optuna's own tools read as well.

Several processes may work on it at the same time. Each running trial says which process
carries it out; one whose process is gone is put down as interrupted and tried again. Whoever
searches also says so in the study itself, for those who only look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bert4rec.data.collection import find_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, FormatError, RunError, UnwritableError
from bert4rec.runs.status import Status
from bert4rec.search.plan import Budget, SearchPlan, plan_of
from bert4rec.search.trials import (
    GONE,
    INTERRUPTED,
    N_RETRIES,
    REASON,
    RETRY_OF,
    Trial,
    is_done,
    is_orphan,
    read_trial,
)

FORMAT_VERSION = 1
WAIT_FOR_OTHERS_S = 60.0
MAX_RETRIES = 2
MARK = "search"
# What SQLite says where it cannot write.
UNWRITTEN = re.compile("disk is full|readonly database|disk I/O error")
SQLITE_HEAD = b"SQLite format 3\0"
STATUS_FIELDS = tuple(one.name for one in fields(Status))


@dataclass(eq=False)
class Study:
    """What a search has tried; everything is read from its file when asked for.

    Args:
        path: Its file.
        wait_s: How long another process that holds the file is waited for.
    """

    path: Path
    wait_s: float = WAIT_FOR_OTHERS_S
    _ended: dict[int, Trial] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        """Its name, unique in a workspace."""
        return self.path.stem

    @property
    def workspace(self) -> Path:
        """The workspace that holds it."""
        return self.path.parent.parent

    @cached_property
    def storage(self) -> optuna.storages.RDBStorage:
        """Optuna's way to the file."""
        # Several processes write now and then, each for a moment; no thread keeps it open.
        options = {"connect_args": {"timeout": self.wait_s}, "poolclass": NullPool}
        return optuna.storages.RDBStorage(
            f"sqlite:///{self.path}",
            engine_kwargs=options,
            # A file that is there is read as it is, also one of somebody else's.
            skip_table_creation=self.path.exists(),
        )

    @cached_property
    def optuna_study(self) -> optuna.Study:
        """Optuna's own view.

        Raises:
            FormatError: the file is damaged, of another version, or is none of ours.
            RunError: another process holds the file.
        """
        with self.explained():
            if self.path.is_file() and not _is_sqlite(self.path):
                raise self._damaged()
            try:
                # A copy under another name is a study as well.
                (name,) = optuna.get_all_study_names(self.storage)
                found = optuna.load_study(study_name=name, storage=self.storage)
            except (KeyError, ValueError) as error:
                raise self._damaged() from error
            except RuntimeError as error:
                raise self._other_version("of Optuna") from error
            version = found.user_attrs.get("format_version")
        if not isinstance(version, int):
            raise self._damaged()
        if version != FORMAT_VERSION:
            raise self._other_version(f"({version}, here is {FORMAT_VERSION})")
        return found

    def _damaged(self) -> FormatError:
        return FormatError(
            f"the study {self.name!r} is damaged, or its file is no study",
            where=str(self.path),
            fix="Put the file back, or delete it.",
        )

    def _other_version(self, which: str) -> FormatError:
        return FormatError(
            f"the study {self.name!r} was written by another version {which}",
            where=str(self.path),
            fix="Open it with that version, or delete it.",
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an error of the database into ours.

        Raises:
            FormatError: the file is damaged.
            RunError: another process holds it.
            UnwritableError: its folder cannot be written.
        """
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            raise self._problem(f"{error} {error.__cause__}") from error

    def _problem(self, said: str) -> Bert4RecError:
        if unwritten := UNWRITTEN.search(said):
            return UnwritableError(
                f"the folder {self.path.parent} cannot be written: {unwritten[0]}",
                fix="Make room or permit writing there, then go on with the search.",
            )
        if "locked" not in said:
            return self._damaged()
        return RunError(
            f"another process holds the file of the study {self.name!r}",
            where=str(self.path),
            fix="Wait until it has let go of it, or end it.",
        )

    def close(self) -> None:
        """Let go of the file; the next reading opens it anew."""
        opened = self.__dict__.pop("storage", None)
        self.__dict__.pop("optuna_study", None)
        self._ended.clear()
        if opened is not None:
            opened.remove_session()
            opened.engine.dispose()

    def facts(self) -> dict[str, Any]:
        """Return what was written down with it: its dataset, its plan, and who is at work."""
        with self.explained():
            return dict(self.optuna_study.user_attrs)

    def plan(self) -> SearchPlan:
        """Return what it is to do."""
        return plan_of(self.facts()["plan"], where=self.name)

    def dataset(self) -> SequenceDataset:
        """Open its dataset.

        Raises:
            NotFoundError: it was deleted from the workspace.
        """
        return find_dataset(self.workspace, self.facts()["dataset"]["fingerprint"])

    def widen(self, budget: Budget) -> None:
        """Give it another budget."""
        plan = self.facts()["plan"] | {"trials": budget.n_trials}
        plan.pop("minutes", None)
        if budget.minutes is not None:
            plan["minutes"] = budget.minutes
        with self.explained():
            self.optuna_study.set_user_attr("plan", plan)

    def trials(self) -> list[Trial]:
        """Return its trials, oldest first; only those that had not ended are read again."""
        with self.explained():
            return [self._trial(found) for found in self.optuna_study.get_trials(deepcopy=False)]

    def _trial(self, found: FrozenTrial) -> Trial:
        """Return a trial as one of ours; one that has ended stays as it is."""
        kept = self._ended.get(found.number)
        if kept is None:
            kept = read_trial(found)
            if found.state.is_finished():
                self._ended[found.number] = kept
        return kept

    def status(self, trials: list[Trial]) -> Status:
        """Return whether it waits, is under way, or how it ended, as the status of a run does.

        Args:
            trials: Its trials, as just read.
        """
        facts = self.facts()
        said = _said(facts.get(MARK))
        if said.state in ("queued", "running") and not said.is_orphan():
            return said
        if any(trial.state == "running" for trial in trials):
            return Status("running")
        if is_done(trials, plan_of(facts["plan"])):
            return Status("finished")
        if said.is_orphan():
            return Status("interrupted", message="the process that searched is gone")
        return said if said.state == "failed" else Status("stopped")

    def take_up(self) -> int:
        """Put down trials whose process is gone and queue their points; return how many."""
        running = self.optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return sum(self.retry(found) for found in running if is_orphan(found))

    def retry(self, found: FrozenTrial) -> bool:
        """Put a trial down as interrupted and queue its point, which a few times may happen."""
        n_before = int(found.user_attrs.get(N_RETRIES, 0))
        is_last = n_before >= MAX_RETRIES
        reason = "its process ended again and again" if is_last else GONE
        try:
            self.storage.set_trial_user_attr(found._trial_id, REASON, reason)
            self.storage.set_trial_user_attr(found._trial_id, INTERRUPTED, not is_last)
            self.optuna_study.tell(found.number, state=TrialState.FAIL)
        except (UpdateFinishedTrialError, ValueError):
            # Another process was faster.
            return False
        if not is_last and found.params:
            self.queue_again(found.number, found.params, n_before + 1)
        return True

    def queue_again(self, number: int, params: dict[str, Any], n_retries: int) -> None:
        """Queue the point of a trial that did not end by itself."""
        told = {RETRY_OF: number, N_RETRIES: n_retries}
        self.optuna_study.enqueue_trial(params, user_attrs=told)


class SearchMark:
    """What the process that searches says of itself in the study. Any thread may call it."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._said = Status("running")
        self._lock = Lock()

    def say(self, state: str, message: str = "", fix: str = "") -> None:
        """Say it is `queued`, `running`, `stopped` or `failed`; what was said last counts."""
        with self._lock:
            self._said = Status(state, message=message, fix=fix)
            self._write()

    def say_again(self) -> None:
        """Say the same again, as a sign of life."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        with self._study.explained():
            self._study.optuna_study.set_user_attr(MARK, asdict(self._said.owned()))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from writing to standard error."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _said(mark: dict[str, Any] | None) -> Status:
    """Read what a search said of itself; a study of before that was said has stopped."""
    known = {name: mark[name] for name in STATUS_FIELDS if name in mark} if mark else {}
    return Status(**({"state": "stopped"} | known))


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE_HEAD)) == SQLITE_HEAD
