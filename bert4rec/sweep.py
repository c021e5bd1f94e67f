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
from bert4rec.search.study import SearchMark, Study, quiet
from bert4rec.search.trials import (
    COUNTED_STATES,
    INTERRUPTED,
    N_RETRIES,
    OWNER,
    REASON,
    Trial,
    distributions,
    is_done,
    owner_now,
)
from bert4rec.workshop import Workshop

N_RANDOM_TRIALS = 8
N_UNPRUNED_TRIALS = 4
# BERT4Rec's curve stays flat for a while: no trial is judged by its first part.
UNPRUNED_SHARE = 0.25
Watch = Callable[[Trial], None]
# Entered for each trial; left once its device may be given to somebody else.
Turn = Callable[[SearchMark], AbstractContextManager[object]]

_log = logging.getLogger(__name__)


class NumberedSampler(BaseSampler):
    """TPE whose chance is the study's seed and the trial's number.

    So a study that was resumed, or is shared by processes, draws no point twice by itself.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._inner = self._of(0)

    def _of(self, number: int) -> TPESampler:
        chance = np.random.SeedSequence([self._seed, number])
        seed = int(chance.generate_state(1)[0])
        return TPESampler(seed=seed, n_startup_trials=N_RANDOM_TRIALS)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Begin anew with the chance of this trial."""
        self._inner = self._of(trial.number)
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw the values that go together."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one value."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


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
    found.sampler = NumberedSampler(plan.seed)
    found.pruner = optuna.pruners.MedianPruner(
        n_startup_trials=N_UNPRUNED_TRIALS,
        n_warmup_steps=int(UNPRUNED_SHARE * plan.base.n_epochs),
    )
    while _wants_more(study, control):
        with turn():
            # While it waited it may have been stopped, or another process may have done the rest.
            if not _wants_more(study, control):
                return
            trial = _next_trial(study, plan)
            if _is_surplus(study, trial.number):
                _tell(study, trial, TrialState.FAIL, "not needed", is_interrupted=True)
                return
            # Where files cannot be locked two processes may take one point: the other was faster.
            with suppress(UpdateFinishedTrialError):
                _carry_out(study, trial, dataset, plan, control)
        if watch is not None:
            watch(study.trials()[trial.number])


def _next_trial(study: Study, plan: SearchPlan) -> optuna.Trial:
    """Take a point from the queue, or have one drawn."""
    found = study.optuna_study
    is_queued = found.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    # SQLite alone would let two processes take the same one.
    lock = changing(study.path.parent / "studies", "folder") if is_queued else nullcontext()
    with lock:
        return found.ask(distributions(plan))


def _wants_more(study: Study, control: Control) -> bool:
    """Whether it goes on: not stopped, and there is budget left, of which there may be more now."""
    if control.is_stopped:
        return False
    study.take_up()
    return not is_done(study.trials(), study.plan().budget)


def _is_surplus(study: Study, number: int) -> bool:
    """Whether processes that share a study began more trials at once than it wants."""
    taken = (*COUNTED_STATES, "running")
    earlier = [t for t in study.trials() if t.state in taken and t.number < number]
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
