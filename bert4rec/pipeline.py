"""The one place where all parts meet: from a queued run to a finished, judged one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bert4rec.baselines.popularity import Popularity
from bert4rec.baselines.titles import NETWORK
from bert4rec.baselines.transitions import Transitions
from bert4rec.control import Control
from bert4rec.data.adoption import adopt
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split
from bert4rec.data.split_record import split_record
from bert4rec.device import memory_errors_explained, return_freed_memory
from bert4rec.errors import Bert4RecError, RunError
from bert4rec.events import Position
from bert4rec.files import find_workspace, remove_abandoned
from bert4rec.held_out.calibration import calibrate
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.json_files import write_json
from bert4rec.moments import now_text
from bert4rec.policy import Policy, PolicyKind
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import (
    load_checkpoint,
    misfits_explained,
    saved_metrics,
    saved_position,
)
from bert4rec.runs.extension import extend_run
from bert4rec.runs.folder import Run
from bert4rec.runs.heartbeat import beating
from bert4rec.runs.lock import held
from bert4rec.runs.recorder import Recorder, Watch, save_weights, unwritable
from bert4rec.runs.registry import create_run
from bert4rec.runs.resumption import check_resumable
from bert4rec.runs.status import RESUMABLE_STATES
from bert4rec.sasrec import model_reason
from bert4rec.score_blocks import Scorer
from bert4rec.temperatures import as_documents
from bert4rec.trainer import Trainer
from bert4rec.training_part import TrainingPart
from bert4rec.words import counted, duration
from bert4rec.workshop import JudgeWatch, Workshop


def train(
    dataset: SequenceDataset,
    hyperparameters: Hyperparameters | None = None,
    *,
    name: str | None = None,
    policy: PolicyKind = "scoring_policy",
    workspace: str | Path | None = None,
    control: Control | None = None,
    watch: Watch | None = None,
) -> Run:
    """Train a network on a dataset, judge it, and return its run.

    Args:
        dataset: What to train on; a dataset that lives in memory is saved to the workspace first.
        hyperparameters: The settings; None means the defaults.
        name: Name of the run; the dataset's by default.
        policy: What the run is for.
        workspace: Where the run goes; see `find_workspace`.
        control: Pause and stop from another thread.
        watch: Called with every line of the run's journal.

    Raises:
        Bert4RecError: the run failed; it stays in the workspace, marked as failed.
    """
    home = find_workspace(workspace)
    dataset = adopt(dataset, home)
    run = create_run(home, dataset, Policy(policy, hyperparameters or Hyperparameters()), name=name)
    execute(run, control=control, watch=watch)
    return run


def resume(run: Run, *, control: Control | None = None, watch: Watch | None = None) -> Run:
    """Go on with a stopped, failed or interrupted run from its last checkpoint.

    Raises:
        RunError: the run is active or finished, or what it goes on from is gone.
    """
    _refuse_to_resume(run)
    with held(run.folder):
        # Another process may have taken it up, and even ended it, since.
        _refuse_to_resume(run)
        _carry_out(run, Recorder(run, watch), control or Control())
    return run


def extend(
    run: Run,
    n_epochs: int,
    *,
    name: str | None = None,
    control: Control | None = None,
    watch: Watch | None = None,
) -> Run:
    """Train a finished or stopped run longer: a new run that goes on from its last checkpoint.

    Args:
        run: The run, which stays as it is.
        n_epochs: How many more epochs; one that was cut short is the first of them.
        name: Name of the new run; a free one after the other's by default.
        control: Pause and stop from another thread.
        watch: Called with every line of the new run's journal.

    Returns:
        The new run. `plan_extension` tells in what it differs from as many epochs in one go.

    Raises:
        Bert4RecError: the run cannot be trained longer, or the new one failed.
    """
    longer = extend_run(run, n_epochs, name=name)
    execute(longer, control=control, watch=watch)
    return longer


def _refuse_to_resume(run: Run) -> None:
    state = run.status().state
    if state not in RESUMABLE_STATES:
        raise RunError(
            f"run {run.name!r} is {state} and cannot be resumed",
            fix="Only stopped, failed and interrupted runs can.",
        )
    check_resumable(run)


def execute(run: Run, *, control: Control | None = None, watch: Watch | None = None) -> None:
    """Train and judge a run in the calling thread, recording everything in its folder.

    Whatever goes wrong ends in the state `failed` with a message, and is raised.

    Raises:
        RunError: another thread or process trains it already.
    """
    with held(run.folder):
        _carry_out(run, Recorder(run, watch), control or Control())


def _carry_out(run: Run, record: Recorder, control: Control) -> None:
    """Train and judge a run whose folder is held."""
    try:
        settings = run.hyperparameters()
        for folder in (run.folder, run.checkpoint("last").parent, run.snapshots):
            remove_abandoned(folder)
        record.status(state="running", message="", fix="", error="")
        with beating(record.beat), memory_errors_explained(settings.device):
            workshop = Workshop.open(run.dataset(), settings, seen=run.seen_decision())
            _train_and_judge(run, workshop, record, control)
    except BaseException as error:
        record.failed(error)
        if told := unwritable(error, run.folder):
            raise told from error
        raise


def fit_baselines(dataset: SequenceDataset, split: Split) -> dict[str, Scorer]:
    """Return the yardsticks, fitted on the training part."""
    return {
        "popularity": Popularity(TrainingPart(dataset, split.train).counts),
        "transitions": Transitions.fit(Histories.at(dataset, split.train), dataset.n_items),
    }


def _train_and_judge(run: Run, workshop: Workshop, record: Recorder, control: Control) -> None:
    validate = partial(workshop.validate, watch=record.judging)
    trainer = workshop.trainer(record, control=control, validate=validate)
    record.status(n_steps=workshop.batches.n_steps * workshop.settings.n_epochs)
    baselines = fit_baselines(workshop.dataset, workshop.split)
    goes_on = run.checkpoint("last").exists()
    if goes_on:
        saved = load_checkpoint(run.checkpoint("last"))
        with misfits_explained(run.id):
            trainer.restore(*saved)
    # What was reported when it stopped is no longer the result.
    (run.folder / "summary.json").unlink(missing_ok=True)
    record.trainer = trainer
    if goes_on:
        record.write("continued", step=trainer.position.step, epoch=trainer.position.epoch)
    else:
        record.write("started", **_facts(workshop))
        on_valid = {
            name: workshop.validate(scorer, name=name, watch=record.judging)
            for name, scorer in baselines.items()
        }
        record.write("baselines", metrics=on_valid)
    reason = trainer.run()
    # Judging takes memory in other pieces.
    return_freed_memory()
    if control.is_interrupted:
        record.interrupted()
        return
    # Kept with the weights: to judge them once more would take as long as the test.
    valid = _use_best_weights(run, workshop, trainer) or validate()
    report = workshop.report({NETWORK: workshop.finished_scorer, **baselines}, record.judging)
    summary = _summary(run, workshop, trainer.position, report)
    summary |= {"valid": valid, "reason": reason}
    # What was judged is kept, whatever becomes of the probabilities.
    write_json(run.folder / "summary.json", summary)
    summary |= {"temperatures": _temperatures(run, workshop, record)}
    write_json(run.folder / "summary.json", summary)
    state = "stopped" if reason == "stopped" else "finished"
    record.write(state, reason=reason, step=trainer.position.step)
    record.status(state=state, message=_ending(reason, trainer))


def _facts(workshop: Workshop) -> dict[str, Any]:
    return {
        "n_users": workshop.dataset.n_users,
        "n_items": workshop.dataset.n_items,
        "n_interactions": workshop.dataset.n_interactions,
        "n_parameters": sum(p.numel() for p in workshop.network.parameters()),
        "n_steps_per_epoch": workshop.batches.n_steps,
        "n_epochs": workshop.settings.n_epochs,
        "model": workshop.settings.model_name,
        "model_reason": model_reason(workshop.settings),
        "loss_type": workshop.objective.loss_type,
        "loss_reason": workshop.loss_reason,
        "steps_reason": workshop.steps_reason,
        "removes_seen": workshop.removes_seen,
        "seen_reason": workshop.seen_reason,
        "split": split_record(workshop.split, workshop.settings),
        **workshop.choice.as_dict(),
    }


def _use_best_weights(run: Run, workshop: Workshop, trainer: Trainer) -> dict[str, float] | None:
    """Put the best weights into the network; without a validation the last ones are the best.

    Returns:
        The validation metrics of just these weights, where they were kept with them.
    """
    path, position = run.checkpoint("best"), trainer.position
    if not position.best_epoch or not path.exists():
        save_weights(path, trainer)
        return None
    plain = _put_weights(run, workshop)
    best = saved_position(plain, path)
    # They were written by a training that ended before it could write where it was, and that this
    # one has not caught up with.
    if best.step > position.step:
        trainer.position = replace(position, best_epoch=best.best_epoch, best_score=best.best_score)
    return saved_metrics(plain)


def _put_weights(run: Run, workshop: Workshop) -> dict[str, Any]:
    """Put a run's best weights into the network; return what else stands in their checkpoint."""
    weights, plain = load_checkpoint(run.checkpoint("best"), prefix="network.")
    with misfits_explained(run.id):
        workshop.network.load_state_dict(weights)
    return plain


def _summary(
    run: Run, workshop: Workshop, position: Position, report: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    dataset = workshop.dataset
    rows, _ = run.journal.read()
    rates = [row["sequences_per_s"] for row in rows if row.get("event") == "train"]
    return {
        "format_version": 1,
        "run": run.id,
        "name": run.name,
        "best_epoch": position.best_epoch or position.epoch,
        "n_epochs_done": max(position.epoch, position.best_epoch),
        "test": report["test"][NETWORK]["metrics"],
        "report": report,
        "removes_seen": workshop.removes_seen,
        "seen_reason": workshop.seen_reason,
        "split": split_record(workshop.split, workshop.settings),
        "train_seconds": round(position.trained_s, 3),
        "sequences_per_second": round(float(np.median(rates)), 1) if rates else 0.0,
        "n_users": dataset.n_users,
        "n_items": dataset.n_items,
        "n_interactions": dataset.n_interactions,
        "n_parameters": sum(p.numel() for p in workshop.network.parameters()),
        "finished_at": now_text(),
    }


def _temperatures(run: Run, workshop: Workshop, record: Recorder) -> list[dict[str, Any]] | None:
    """Return what makes the probabilities truer; None where that cannot be found out."""
    choice = workshop.finished_scorer.choice
    model = Recommender(workshop.network, workshop.dataset, workshop.settings, choice, run)
    try:
        with memory_errors_explained(choice.device, what="calibrating"):
            return as_documents(calibrate(model, watch=record.calibrating).temperatures)
    # A run does not fail for want of it: no history may have a place with a future.
    except Bert4RecError as error:
        run.log(f"probabilities are not calibrated: {error.message}")
        return None


def evaluate(run: Run, *, watch: JudgeWatch | None = None) -> dict[str, Any]:
    """Judge a run's best checkpoint again, beside the baselines.

    Args:
        run: A run with a best checkpoint.
        watch: Told after each batch whose ranks are looked for, on which part, how many are known,
            and how many there will be.

    Returns:
        For `test` (and `unseen_users`): name of the scorer → metrics, intervals, lists, slices.

    Raises:
        NotFoundError: the run's dataset or checkpoint is not there.
        FormatError: the checkpoint is damaged or does not fit the dataset.
    """
    seen = run.seen_decision()
    workshop = Workshop.open(run.dataset(), run.hyperparameters(), seen=seen)
    torch.set_num_threads(workshop.choice.n_threads)
    _put_weights(run, workshop)
    baselines = fit_baselines(workshop.dataset, workshop.split)
    return workshop.report({NETWORK: workshop.finished_scorer, **baselines}, watch)


def _ending(reason: str, trainer: Trainer) -> str:
    position, settings = trainer.position, trainer.settings
    n_epochs, minutes = settings.n_epochs, settings.max_minutes or 0
    best = f"; epoch {position.best_epoch} is the best" if position.best_epoch else ""
    by_reason = {
        "completed": f"all {n_epochs:,} epochs are done" if n_epochs > 1 else "its epoch is done",
        "no gain": f"no gain in {counted(settings.early_stopping_step, 'validation')}",
        "time limit": f"the time limit of {duration(60 * minutes)} was reached",
        "stopped": "stopped on request",
    }
    return by_reason[reason] + best
