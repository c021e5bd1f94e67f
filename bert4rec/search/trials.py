"""Trials: the points that a search tries, and what came of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from bert4rec.runs.folder import HEARTBEAT_LIMIT_S, Status
from bert4rec.search.plan import Budget, SearchPlan
from bert4rec.search.space import Choices, Domain

STATES = ("waiting", "running", "finished", "pruned", "failed", "interrupted")
COUNTED_STATES = ("finished", "pruned", "failed")
GONE = "its process is gone"
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

    @property
    def epoch(self) -> int:
        """The last epoch that was judged, 0 before the first."""
        return self.curve[-1][0] if self.curve else 0


def read_trial(found: FrozenTrial) -> Trial:
    """Return a trial of Optuna's as one of ours."""
    state, reason = _WORDS[found.state], str(found.user_attrs.get(REASON, ""))
    if state == "failed" and bool(found.user_attrs.get(INTERRUPTED)):
        state = "interrupted"
    elif state == "running" and is_orphan(found):
        state, reason = "interrupted", GONE
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
        reason=reason,
    )


def _seconds(found: FrozenTrial) -> float:
    if found.duration is not None:
        return found.duration.total_seconds()
    return 0.0 if found.datetime_start is None else _age_s(found)


def _age_s(found: FrozenTrial) -> float:
    # Optuna writes local time without a zone.
    started = (found.datetime_start or datetime.now(UTC)).astimezone(UTC)
    return (datetime.now(UTC) - started).total_seconds()


def is_orphan(found: FrozenTrial) -> bool:
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
