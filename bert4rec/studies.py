"""Studies: what searches have tried, in one SQLite file each that Optuna's own tools read as well.

Several processes may work on a study at the same time. Each running trial says which process
carries it out; one whose process is gone is put down as interrupted and tried again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from bert4rec.data.collection import find_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, RunError
from bert4rec.files import safe_name, writing_explained
from bert4rec.runs.folder import HEARTBEAT_LIMIT_S, Status
from bert4rec.search_plan import Budget, SearchPlan, plain_plan, plan_of
from bert4rec.search_space import Choices, Domain

FORMAT_VERSION = 1
WAIT_FOR_OTHERS_S = 60
MAX_RETRIES = 2
COUNTED_STATES = ("finished", "pruned", "failed")
INTERRUPTED, OWNER, REASON = "interrupted", "owner", "reason"
RETRY_OF, N_RETRIES = "retry_of", "n_retries"
_WORDS = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Trial:
    """One point of a search and what came of it.

    Args:
        number: Its place, from 0.
        state: waiting, running, finished, pruned, failed, or interrupted, which is tried again.
        values: The settings that vary.
        score: The best validation, for a finished or pruned trial.
        curve: Epoch and score of each validation.
        seconds: How long it took.
        reason: Why it ended early.
    """

    number: int
    state: str
    values: dict[str, Any]
    score: float | None
    curve: tuple[tuple[int, float], ...]
    seconds: float
    reason: str


@dataclass(eq=False)
class Study:
    """What a search has tried; everything is read from its file when asked for."""

    path: Path

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
        return _storage(self.path)

    @cached_property
    def optuna_study(self) -> optuna.Study:
        """Optuna's own view.

        Raises:
            FormatError: the file is damaged or is none of ours.
        """
        try:
            found = optuna.load_study(study_name=self.name, storage=self.storage)
            version = found.user_attrs.get("format_version")
        except (SQLAlchemyError, KeyError, RuntimeError) as error:
            raise self._damaged() from error
        if version != FORMAT_VERSION:
            raise self._damaged()
        return found

    def _damaged(self) -> FormatError:
        return FormatError(
            f"the study {self.name!r} is damaged or of another version",
            where=str(self.path),
            fix="Put the file back, or delete it.",
        )

    def plan(self) -> SearchPlan:
        """Return what it is to do."""
        return plan_of(self.optuna_study.user_attrs["plan"], where=self.name)

    def dataset(self) -> SequenceDataset:
        """Open its dataset.

        Raises:
            NotFoundError: it was deleted from the workspace.
        """
        return find_dataset(self.workspace, self.optuna_study.user_attrs["dataset"]["fingerprint"])

    def widen(self, budget: Budget) -> None:
        """Give it another budget."""
        plan = self.optuna_study.user_attrs["plan"] | {"trials": budget.n_trials}
        plan.pop("minutes", None)
        if budget.minutes is not None:
            plan["minutes"] = budget.minutes
        self.optuna_study.set_user_attr("plan", plan)

    def trials(self) -> list[Trial]:
        """Return its trials, oldest first."""
        return [_trial(found) for found in self.optuna_study.get_trials(deepcopy=False)]

    def take_up(self) -> int:
        """Put down trials whose process is gone and queue their points; return how many."""
        running = self.optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return sum(self.retry(found) for found in running if _is_orphan(found))

    def retry(self, found: FrozenTrial) -> bool:
        """Put a trial down as interrupted and queue its point, which a few times may happen."""
        n_before = int(found.user_attrs.get(N_RETRIES, 0))
        is_last = n_before >= MAX_RETRIES
        reason = "its process ended again and again" if is_last else "its process is gone"
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


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from writing to standard error."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _storage(path: Path) -> optuna.storages.RDBStorage:
    # Several processes write now and then, each for a moment.
    options = {"connect_args": {"timeout": WAIT_FOR_OTHERS_S}}
    return optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=options)


def _trial(found: FrozenTrial) -> Trial:
    state = _WORDS[found.state]
    is_put_back = state == "failed" and bool(found.user_attrs.get(INTERRUPTED))
    if is_put_back or (state == "running" and _is_orphan(found)):
        state = "interrupted"
    curve = tuple(sorted(found.intermediate_values.items()))
    score = max((value for _, value in curve), default=None)
    values = found.params or found.system_attrs.get("fixed_params", {})
    return Trial(
        number=found.number,
        state=state,
        values=dict(values),
        score=found.value if state == "finished" else score,
        curve=curve,
        seconds=_seconds(found),
        reason=str(found.user_attrs.get(REASON, "")),
    )


def _seconds(found: FrozenTrial) -> float:
    if found.duration is not None:
        return found.duration.total_seconds()
    return 0.0 if found.datetime_start is None else _age_s(found)


def _age_s(found: FrozenTrial) -> float:
    # Optuna writes local time without a zone.
    started = (found.datetime_start or datetime.now(UTC)).astimezone(UTC)
    return (datetime.now(UTC) - started).total_seconds()


def _is_orphan(found: FrozenTrial) -> bool:
    """Whether a running trial has lost its process."""
    owner = found.user_attrs.get(OWNER)
    if owner is None:
        # It has yet to say whose it is.
        return _age_s(found) > HEARTBEAT_LIMIT_S
    return Status(**owner).is_orphan()


def owner_now() -> dict[str, Any]:
    """Return the mark of the present process, now."""
    return asdict(Status("running").owned())


def distributions(plan: SearchPlan) -> dict[str, BaseDistribution]:
    """Return a plan's space as Optuna's distributions."""
    return {name: _distribution(domain) for name, domain in plan.space.items()}


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choices):
        return CategoricalDistribution(domain.values)
    if domain.is_whole:
        step = int(domain.step or 1)
        return IntDistribution(int(domain.low), int(domain.high), log=domain.is_log, step=step)
    return FloatDistribution(domain.low, domain.high, log=domain.is_log, step=domain.step)


def _path(workspace: Path, name: str) -> Path:
    return workspace / "studies" / f"{safe_name(name, fallback='search')}.db"


def create_study(
    workspace: Path, dataset: SequenceDataset, plan: SearchPlan, *, name: str | None = None
) -> Study:
    """Make a study; its first trial is the base itself, where the space holds it.

    Raises:
        RunError: there is one of that name.
        UnwritableError: the workspace cannot be written.
    """
    path = _path(workspace, name or dataset.name)
    with writing_explained(workspace):
        path.parent.mkdir(parents=True, exist_ok=True)
    study = Study(path)
    try:
        with quiet():
            made = optuna.create_study(
                storage=study.storage, study_name=study.name, direction="maximize"
            )
    except DuplicatedStudyError as error:
        raise RunError(
            f"there is a study {study.name!r} already", fix="Choose another name."
        ) from error
    folder = dataset.folder.name if dataset.folder else ""
    known = {"name": dataset.name, "fingerprint": dataset.fingerprint, "folder": folder}
    made.set_user_attr("dataset", known)
    made.set_user_attr("plan", plain_plan(plan))
    first = plan.first_point()
    if first is not None:
        made.enqueue_trial(first)
    # Last: a file without it is no study yet.
    made.set_user_attr("format_version", FORMAT_VERSION)
    return study


def find_study(workspace: Path, name: str) -> Study | None:
    """Return the study so called, or None."""
    path = _path(workspace, name)
    return Study(path) if path.is_file() else None


def study_for(workspace: Path, dataset: SequenceDataset, plan: SearchPlan, *, name: str) -> Study:
    """Return a new study or the one so called, with the plan's budget.

    Raises:
        RunError: the one so called searches something else.
    """
    found = find_study(workspace, name)
    if found is None:
        return create_study(workspace, dataset, plan, name=name)
    known, fingerprint = found.plan(), found.optuna_study.user_attrs["dataset"]["fingerprint"]
    differs = [
        word
        for word, is_same in (
            ("dataset", fingerprint == dataset.fingerprint),
            ("settings or metric", known.base == plan.base),
            ("space", known.space == plan.space),
            ("seed", known.seed == plan.seed),
        )
        if not is_same
    ]
    if differs:
        raise RunError(
            f"study {found.name!r} has another {' and '.join(differs)}",
            where=str(found.path),
            fix="Choose another name, or go on with it as it is.",
        )
    found.widen(plan.budget)
    return found


def best_trial(trials: list[Trial]) -> Trial | None:
    """Return the finished trial with the best score; of equals the first."""
    finished = [trial for trial in trials if trial.state == "finished" and trial.score is not None]
    return max(finished, key=lambda trial: trial.score or 0.0, default=None)


def is_done(trials: list[Trial], budget: Budget) -> bool:
    """Whether the budget is used up; trials under way count as well."""
    counted = [trial for trial in trials if trial.state in (*COUNTED_STATES, "running")]
    spent_s = sum(trial.seconds for trial in counted)
    return len(counted) >= budget.n_trials or (
        budget.minutes is not None and spent_s >= 60 * budget.minutes
    )
