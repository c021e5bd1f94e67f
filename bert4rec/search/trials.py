"""Trials: the points that a search tries, and what came of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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

from bert4rec.runs.status import HEARTBEAT_LIMIT_S, Status
from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import Choices, Domain, Point, n_points, point_of

STATES = ("waiting", "running", "finished", "pruned", "failed", "interrupted")
COUNTED_STATES = ("finished", "pruned", "failed")
TAKEN_STATES = (*COUNTED_STATES, "running")
GONE = "its process is gone"
INTERRUPTED, OWNER, REASON = "interrupted", "owner", "reason"
RETRY_OF, N_RETRIES = "retry_of", "n_retries"
JUDGED = "judged"
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
        judged: While a validation is under way, of how many held-out items the ranks are known, and
            how many there are; nothing at other times, and of one that takes a moment.
    """

    number: int
    state: str
    values: dict[str, Any]
    score: float | None
    curve: tuple[tuple[int, float], ...]
    seconds: float
    reason: str
    judged: tuple[int, int] | None = None

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
        judged=_judged(found) if state == "running" else None,
    )


def _judged(found: FrozenTrial) -> tuple[int, int] | None:
    told = found.user_attrs.get(JUDGED)
    return None if told is None else (int(told[0]), int(told[1]))


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


def tried_points(
    trials: Iterable[Trial], plan: SearchPlan, states: Collection[str] = TAKEN_STATES
) -> set[Point]:
    """Return the points of the trials in some states, of a space that does not go on without end.

    One that has just begun may not have all of its values yet.
    """
    return {
        point_of(plan.space, trial.values)
        for trial in trials
        if trial.state in states and plan.space.keys() <= trial.values.keys()
    }


def n_wanted(trials: Sequence[Trial], plan: SearchPlan) -> int:
    """Return how many trials there are once the search is done, unless its minutes are over first.

    As many as the budget allows, or fewer where no point is left that was not tried; those of a
    larger budget before stay.
    """
    n, n_taken = n_points(plan.space), sum(trial.state in TAKEN_STATES for trial in trials)
    n_most = plan.budget.n_trials
    if n is not None:
        n_most = min(n_most, n_taken + n - len(tried_points(trials, plan)))
    return max(n_taken, n_most)


def is_exhausted(trials: Sequence[Trial], plan: SearchPlan) -> bool:
    """Whether every point of the space has been tried to its end."""
    n = n_points(plan.space)
    return n is not None and len(tried_points(trials, plan, COUNTED_STATES)) == n


def is_done(trials: Sequence[Trial], plan: SearchPlan) -> bool:
    """Whether budget or space are used up; trials under way count as well."""
    taken = [trial for trial in trials if trial.state in TAKEN_STATES]
    spent_s, minutes = sum(trial.seconds for trial in taken), plan.budget.minutes
    return len(taken) >= n_wanted(trials, plan) or (minutes is not None and spent_s >= 60 * minutes)
