"""Searching: point after point is drawn, trained, judged by validation, and told to the study.

A trial trains as any run does, but writes no folder and never sees the test items. It ends early
where its validations fall behind. What is found is then trained as an ordinary run, which with the
same seed gives the same numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from random import Random
from traceback import clear_frames
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.device import memory_errors_explained
from bert4rec.errors import Bert4RecError
from bert4rec.events import Event, Validated
from bert4rec.locks import changing
from bert4rec.runs.heartbeat import beating
from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import Domain, Point, Space, n_points, point_of
from bert4rec.search.study import SearchMark, Study, quiet
from bert4rec.search.trials import (
    INTERRUPTED,
    N_RETRIES,
    OWNER,
    REASON,
    TAKEN_STATES,
    Trial,
    distributions,
    is_done,
    owner_now,
    read_trial,
    tried_points,
)
from bert4rec.workshop import Workshop

N_RANDOM_TRIALS = 8
N_UNPRUNED_TRIALS = 4
# Where TPE draws what was tried again and again, it has no other wish than that.
N_REDRAWS = 20
# BERT4Rec's curve stays flat for a while: no trial is judged by its first part.
UNPRUNED_SHARE = 0.25
Watch = Callable[[Trial], None]
# Entered for each trial; left once its device may be given to somebody else.
Turn = Callable[[SearchMark], AbstractContextManager[object]]

_log = logging.getLogger(__name__)


class NumberedSampler(BaseSampler):
    """TPE whose chance is the study's seed and the trial's number, and that draws no point twice.

    So a study that was resumed draws what one draws that was not. TPE by itself comes back to
    points that did well, which of a space of few points are soon the same ones.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan

    def _chance(self, number: int) -> int:
        chance = np.random.SeedSequence([self._plan.seed, number])
        return int(chance.generate_state(1)[0])

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Have all values of a point drawn together."""
        return distributions(self._plan)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw a point that has not been tried, where there is one left."""
        chance, space = self._chance(trial.number), self._plan.space
        inner = TPESampler(seed=chance, n_startup_trials=N_RANDOM_TRIALS)
        values = _drawn(inner, study, trial, space, search_space)
        n = n_points(space)
        if n is None:
            return values
        others = [read_trial(one) for one in study.get_trials(deepcopy=False)]
        others = [one for one in others if one.number != trial.number]
        tried = tried_points(others, self._plan, (*TAKEN_STATES, "waiting"))
        for _ in range(N_REDRAWS):
            if point_of(space, values) not in tried:
                return values
            values = _drawn(inner, study, trial, space, search_space)
        return values if len(tried) == n else _untried(space, tried, Random(chance))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Refuse: all values of a point are drawn together."""
        raise NotImplementedError(f"{param_name} is not in the plan")


def _drawn(
    inner: TPESampler,
    study: optuna.Study,
    trial: FrozenTrial,
    space: Space,
    wanted: dict[str, BaseDistribution],
) -> dict[str, Any]:
    """Draw a point by TPE: values that go together, then those that it draws one by one."""
    together = inner.infer_relative_search_space(study, trial)
    values = inner.sample_relative(study, trial, together)
    alone = {name: one for name, one in wanted.items() if name not in values}
    values |= {
        name: inner.sample_independent(study, trial, name, one) for name, one in alone.items()
    }
    # Optuna adds steps up, and would have 0.15000000000000002.
    return {name: _in_steps(space[name], value) for name, value in values.items()}


def _in_steps(domain: Domain, value: Any) -> Any:
    return value if domain.n_values is None else domain.at(domain.place(value))


def _untried(space: Space, tried: set[Point], chance: Random) -> dict[str, Any]:
    """Return the first point from some place on that has not been tried; there must be one."""
    point = [chance.randrange(domain.n_values or 1) for domain in space.values()]
    while tuple(point) in tried:
        for at, domain in enumerate(space.values()):
            point[at] = (point[at] + 1) % (domain.n_values or 1)
            if point[at]:
                break
    return {name: domain.at(at) for (name, domain), at in zip(space.items(), point, strict=True)}


class _Stopped(Exception):
    """The search was stopped while a trial was under way."""


@dataclass(eq=False)
class _Judge:
    """Report each validation of a trial, and end the trial where it falls behind."""

    trial: optuna.Trial
    metric: str

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Validated):
            return
        self.trial.report(event.metrics[self.metric], event.position.epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"behind the others at epoch {event.position.epoch}")


def search(
    study: Study,
    *,
    control: Control | None = None,
    watch: Watch | None = None,
    turn: Turn | None = None,
) -> None:
    """Try points until the study's budget is used up or `control` stops it.

    Args:
        study: What was tried before counts.
        control: Pauses and stops; a trial that is stopped is tried again when the search goes on.
        watch: Called with each trial that has ended.
        turn: Called before each trial; waits until the device is free, and holds it meanwhile.

    Raises:
        NotFoundError: the dataset is gone.
        RunError: another process holds the study's file.
        KeyboardInterrupt: as it came, once the trial under way is put back.
    """
    control, mark = control or Control(), SearchMark(study)
    with quiet():
        try:
            with study.explained():
                mark.say("running")
                with beating(mark.say_again):
                    _try_points(
                        study, control, watch, lambda: turn(mark) if turn else nullcontext()
                    )
        except Bert4RecError as error:
            with suppress(Bert4RecError):
                mark.say("failed", error.message, error.fix or "")
            raise
        except BaseException:
            mark.say("stopped")
            raise
        mark.say("stopped")


def _try_points(
    study: Study,
    control: Control,
    watch: Watch | None,
    turn: Callable[[], AbstractContextManager[object]],
) -> None:
    plan, dataset = study.plan(), study.dataset()
    found = study.optuna_study
    found.sampler = NumberedSampler(plan)
    found.pruner = optuna.pruners.MedianPruner(
        n_startup_trials=N_UNPRUNED_TRIALS,
        n_warmup_steps=int(UNPRUNED_SHARE * plan.base.n_epochs),
    )
    while _wants_more(study, control):
        with turn():
            trial = _next_trial(study, plan, control)
            if trial is None:
                return
            if _is_surplus(study, trial.number):
                _tell(study, trial, TrialState.FAIL, "not needed", is_interrupted=True)
                return
            # Where files cannot be locked two processes may take one point: the other was faster.
            with suppress(UpdateFinishedTrialError):
                _carry_out(study, trial, dataset, plan, control)
        if watch is not None:
            watch(study.trials()[trial.number])


def _next_trial(study: Study, plan: SearchPlan, control: Control) -> optuna.Trial | None:
    """Take a point from the queue, or have one drawn; None where no more is wanted by now."""
    # SQLite alone would let two processes take the same one.
    with changing(study.path.parent / "studies", "folder"):
        # While it waited it may have been stopped, or another process may have done the rest.
        if not _wants_more(study, control):
            return None
        return study.optuna_study.ask(distributions(plan))


def _wants_more(study: Study, control: Control) -> bool:
    """Whether it goes on: not stopped, with points and budget left, which may be more by now."""
    if control.is_stopped:
        return False
    study.take_up()
    return not is_done(study.trials(), study.plan())


def _is_surplus(study: Study, number: int) -> bool:
    """Whether processes that share a study began more trials at once than it wants."""
    earlier = [t for t in study.trials() if t.state in TAKEN_STATES and t.number < number]
    return len(earlier) >= study.plan().budget.n_trials


def _carry_out(
    study: Study,
    trial: optuna.Trial,
    dataset: SequenceDataset,
    plan: SearchPlan,
    control: Control,
) -> None:
    """Train and judge one point; whatever goes wrong fails this trial alone."""
    try:
        with beating(lambda: trial.set_user_attr(OWNER, owner_now())):
            trial.set_user_attr(OWNER, owner_now())
            score = _score(trial, dataset, plan, control)
    except optuna.TrialPruned as pruned:
        _tell(study, trial, TrialState.PRUNED, str(pruned))
    except (_Stopped, KeyboardInterrupt, SystemExit) as stop:
        # A reading of the file that it broke into would keep the file locked while its frame lasts.
        clear_frames(stop.__traceback__)
        _put_back(study, trial)
        if not isinstance(stop, _Stopped):
            raise
    except Bert4RecError as error:
        _tell(study, trial, TrialState.FAIL, error.message)
    # A point that the libraries cannot train must not end the search.
    except Exception as error:  # noqa: BLE001
        _tell(study, trial, TrialState.FAIL, f"{type(error).__name__}: {error}")
        _log.exception("trial %d failed", trial.number)
    else:
        study.optuna_study.tell(trial, score, skip_if_finished=True)


def _score(
    trial: optuna.Trial, dataset: SequenceDataset, plan: SearchPlan, control: Control
) -> float:
    settings = plan.settings(trial.params)
    with memory_errors_explained(settings.device):
        workshop = Workshop.open(dataset, settings)
        trainer = workshop.trainer(_Judge(trial, plan.metric), control=control)
        reason = trainer.run()
    if reason == "stopped":
        raise _Stopped
    position = trainer.position
    trial.set_user_attr("best_epoch", position.best_epoch)
    # Shorter than the epochs between validations, as a time limit may have it.
    return workshop.validate()[plan.metric] if position.best_score is None else position.best_score


def _tell(
    study: Study,
    trial: optuna.Trial,
    state: TrialState,
    reason: str,
    *,
    is_interrupted: bool = False,
) -> None:
    trial.set_user_attr(REASON, reason)
    if is_interrupted:
        trial.set_user_attr(INTERRUPTED, True)
    study.optuna_study.tell(trial, state=state, skip_if_finished=True)


def _put_back(study: Study, trial: optuna.Trial) -> None:
    """Queue the point of a trial that was stopped; it was no fault of the point."""
    params, n_retries = trial.params, trial.user_attrs.get(N_RETRIES, 0)
    # Unless another process has ended it meanwhile.
    with suppress(UpdateFinishedTrialError):
        _tell(study, trial, TrialState.FAIL, "stopped on request", is_interrupted=True)
        study.queue_again(trial.number, params, n_retries)
