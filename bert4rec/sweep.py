"""Searching: point after point is drawn, trained, judged by validation, and told to the study.

A trial trains as any run does, but writes no folder and never sees the test items. It ends early
where its validations fall behind. What is found is then trained as an ordinary run, which with the
same seed gives the same numbers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.device import memory_errors_explained
from bert4rec.errors import Bert4RecError
from bert4rec.events import Event, Validated
from bert4rec.locks import changing
from bert4rec.runs.heartbeat import beating
from bert4rec.search.gate import Gate
from bert4rec.search.plan import SearchPlan
from bert4rec.search.sampler import NumberedSampler
from bert4rec.search.study import SearchMark, Study, quiet
from bert4rec.search.trials import (
    INTERRUPTED,
    JUDGED,
    N_RETRIES,
    OWNER,
    REASON,
    TAKEN_STATES,
    Trial,
    distributions,
    is_done,
    owner_now,
)
from bert4rec.workshop import Workshop

N_UNPRUNED_TRIALS = 4
# BERT4Rec's curve stays flat for a while: no trial is judged by its first part.
UNPRUNED_SHARE = 0.25
Watch = Callable[[Trial], None]
# Is told the number of a trial whose network is judged, on which part, of how many rows the ranks
# are known, and how many there are.
JudgedWatch = Callable[[int, str, int, int], None]
# As a run's journal has it.
JUDGED_EVERY_S = 5.0
# Entered for each trial; left once its device may be given to somebody else.
Turn = Callable[[SearchMark], AbstractContextManager[object]]

_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The search was stopped while a trial was under way."""


@dataclass(eq=False)
class _Judge:
    """Report each validation of a trial, and end the trial where it falls behind."""

    trial: optuna.Trial
    metric: str
    n_epochs: int
    gate: Gate
    watch: JudgedWatch | None = None
    _told_s: float = field(default_factory=time.monotonic)
    _has_told: bool = False

    def __call__(self, event: Event) -> None:
        # Other lines of its training show that it lives.
        self._told_s = time.monotonic()
        if not isinstance(event, Validated):
            return
        with self.gate.shut():
            if self._has_told:
                self._write(None)
            self.trial.report(event.metrics[self.metric], event.position.epoch)
            # After its last epoch it is trained to the end, however far it is behind.
            if event.position.epoch < self.n_epochs and self.trial.should_prune():
                raise optuna.TrialPruned(f"behind the others at epoch {event.position.epoch}")

    def judging(self, scorer: str, part: str, n_done: int, n_rows: int) -> None:
        """Write and tell now and then how far a validation has come."""
        del scorer
        if time.monotonic() - self._told_s < JUDGED_EVERY_S:
            return
        self._told_s = time.monotonic()
        with self.gate.shut():
            self._write([n_done, n_rows])
        if self.watch is not None:
            self.watch(self.trial.number, part, n_done, n_rows)

    def _write(self, judged: list[int] | None) -> None:
        # No trial fails for want of it: a locked database, one that another process has ended.
        with suppress(Exception):
            self.trial.set_user_attr(JUDGED, judged)
            self._has_told = judged is not None


def search(
    study: Study,
    *,
    control: Control | None = None,
    watch: Watch | None = None,
    judging: JudgedWatch | None = None,
    turn: Turn | None = None,
) -> None:
    """Try points until the study's budget is used up or `control` stops it.

    Args:
        study: What was tried before counts.
        control: Pauses and stops; a trial that is stopped is tried again when the search goes on.
        watch: Called with each trial that has ended.
        judging: Told now and then how far the validation of a trial has come.
        turn: Called before each trial; waits until the device is free, and holds it meanwhile.

    Raises:
        NotFoundError: the dataset is gone.
        RunError: another process holds the study's file.
        KeyboardInterrupt: as it came, once the trial under way is put back.
    """
    control, mark, gate = control or Control(), SearchMark(study), Gate()
    with quiet(), gate.guarding():
        try:
            with study.explained():
                mark.say("running")
                with beating(mark.say_again):
                    _try_points(
                        study,
                        control,
                        gate,
                        watch,
                        judging,
                        lambda: turn(mark) if turn else nullcontext(),
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
    gate: Gate,
    watch: Watch | None,
    judging: JudgedWatch | None,
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
        with ExitStack() as held:
            # Here breaks in what came while the trial before was written down.
            with gate.opened():
                held.enter_context(turn())
            trial = _next_trial(study, plan, control)
            if trial is None:
                return
            if _is_surplus(study, trial.number):
                _tell(study, trial, TrialState.FAIL, "not needed", is_interrupted=True)
                return
            # Where files cannot be locked two processes may take one point: the other was faster.
            with suppress(UpdateFinishedTrialError):
                n_epochs = plan.settings(trial.params).n_epochs
                judge = _Judge(trial, plan.metric, n_epochs, gate, judging)
                _carry_out(study, judge, dataset, plan, control)
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
    study: Study, judge: _Judge, dataset: SequenceDataset, plan: SearchPlan, control: Control
) -> None:
    """Train and judge one point; whatever goes wrong fails this trial alone."""
    trial = judge.trial
    try:
        with beating(lambda: trial.set_user_attr(OWNER, owner_now())):
            trial.set_user_attr(OWNER, owner_now())
            with judge.gate.opened():
                score = _score(judge, dataset, plan, control)
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


def _score(judge: _Judge, dataset: SequenceDataset, plan: SearchPlan, control: Control) -> float:
    trial = judge.trial
    settings = plan.settings(trial.params)
    with memory_errors_explained(settings.device):
        workshop = Workshop.open(dataset, settings)
        validate = partial(workshop.validate, watch=judge.judging)
        trainer = workshop.trainer(judge, control=control, validate=validate)
        reason = trainer.run()
    if reason == "stopped":
        raise _Stopped
    position = trainer.position
    trial.set_user_attr("best_epoch", position.best_epoch)
    # Shorter than the epochs between validations, as a time limit may have it.
    return validate()[plan.metric] if position.best_score is None else position.best_score


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
