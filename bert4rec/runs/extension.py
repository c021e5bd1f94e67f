"""Training a run longer: a new run that begins where another one ended.

The other run stays as it is, its configuration being frozen. The new one starts with a copy of its
last checkpoint, which holds weights, averages, optimizer and position, of its best checkpoint, its
snapshots and its journal, and names it as its parent. See docs/decisions/0015.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from bert4rec.errors import FormatError, RunError, SettingsError
from bert4rec.events import Position
from bert4rec.files import is_file
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.moments import utc_now
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import NO_TENSORS, load_checkpoint, save_checkpoint, saved_position
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.registry import create_run, free_run_name
from bert4rec.runs.snapshots import copy_snapshots
from bert4rec.setting_checks import parse_value

EXTENDABLE_STATES = ("finished", "stopped")


@dataclass(frozen=True)
class Parent:
    """The run from whose end another one goes on.

    Args:
        run: Its id.
        name: Its name at that moment.
        epoch: Epochs that it had completed.
        step: Steps that it had done.
        notes: In what the other one differs from a run in one go, as `Extension` has it.
    """

    run: str
    name: str
    epoch: int
    step: int
    notes: tuple[str, ...] = ()


def parent_of(run: Run) -> Parent | None:
    """Return the run from whose end a run goes on; None for one that began by itself.

    Raises:
        FormatError: the configuration is damaged.
    """
    told = run.config().get("parent")
    if told is None:
        return None
    kinds = {"run": str, "name": str, "epoch": int, "step": int, "notes": list}
    # A configuration of the time before notes were kept holds none.
    whole: dict[str, Any] = {"notes": []} | told if isinstance(told, dict) else {}
    is_whole = all(isinstance(whole.get(key), kind) for key, kind in kinds.items())
    if not is_whole or not all(isinstance(note, str) for note in whole["notes"]):
        raise FormatError(
            "the parent in the configuration of the run is damaged",
            where=str(run.folder / "config.json"),
            fix="Restore the run's folder, or delete it.",
        )
    return Parent(**{key: whole[key] for key in kinds} | {"notes": tuple(whole["notes"])})


def check_extendable(run: Run) -> None:
    """Make sure that a run has an end from which another one can go on.

    Raises:
        RunError: it is active, failed, was interrupted, or its last checkpoint was pruned.
        FormatError: its status is damaged.
    """
    state = run.status().state
    if state not in EXTENDABLE_STATES:
        raise RunError(
            f"run {run.name!r} is {state} and cannot be trained longer",
            fix="Only finished and stopped runs can; resume one that failed or was interrupted.",
        )
    if not is_file(run.checkpoint("last")):
        raise RunError(
            f"run {run.name!r} has no last checkpoint to go on from; it was pruned, or it came "
            "from elsewhere without one",
            fix="Clone it to the form, or train again, with more epochs.",
        )


@dataclass(frozen=True)
class Extension:
    """What a run would be that goes on from the end of another one.

    Args:
        settings: Its settings.
        position: Where it begins.
        notes: In sentences, in what it differs from as many epochs in one go, those of the runs
            before it first. Where there are none, its figures are the same to the last digit.
    """

    settings: Hyperparameters
    position: Position
    notes: tuple[str, ...]


def plan_extension(run: Run, n_epochs: int) -> Extension:
    """Return what a run would be that trains `n_epochs` more, from the end of another one.

    An epoch that was cut short is the first of them. A patience or time limit that had run out
    begins anew; everything else is carried over.

    Raises:
        RunError: it is active, failed, was interrupted, or its last checkpoint was pruned.
        FormatError: its folder is damaged.
        SettingsError: there cannot be so many epochs.
    """
    check_extendable(run)
    if n_epochs < 1:
        raise SettingsError([f"{n_epochs} is no number of further epochs; use 1 or more"])
    path = run.checkpoint("last")
    end = saved_position(load_checkpoint(path, prefix=NO_TENSORS)[1], path)
    old = run.hyperparameters()
    changes: dict[str, Any] = {"n_epochs": parse_value("n_epochs", end.epoch + n_epochs)}
    parent = parent_of(run)
    begin, notes = end, list(parent.notes if parent else ())
    notes += _notes_on_epochs(old, end, changes["n_epochs"])
    if 0 < old.early_stopping_step <= end.n_without_gain:
        begin = replace(end, n_without_gain=0)
        notes.append(
            f"It had ended for want of gain after epoch {end.epoch:,}; its patience begins anew."
        )
    if old.max_minutes and end.trained_s >= 60 * old.max_minutes:
        changes["max_minutes"] = round(old.max_minutes + end.trained_s / 60, 3)
        notes.append(f"It had reached its time limit, which begins anew after epoch {end.epoch:,}.")
    return Extension(old.model_copy(update=changes), begin, tuple(notes))


def _notes_on_epochs(old: Hyperparameters, end: Position, n_epochs: int) -> Iterator[str]:
    """Yield what depends on how many epochs there were to be."""
    if old.schedule != "constant":
        yield (
            f"The learning rate followed a {old.schedule} schedule that ended with epoch "
            f"{old.n_epochs:,}. It goes on where a schedule that ends with epoch {n_epochs:,} has "
            "it, so the result is not that of one go."
        )
    was_last = end.epoch == old.n_epochs and not end.epoch_step
    if old.eval_step and was_last and end.epoch % old.eval_step:
        yield (
            f"Epoch {end.epoch:,} was validated because it was the last one; in one go it would "
            "not have been."
        )


def extend_run(run: Run, n_epochs: int, *, name: str | None = None) -> Run:
    """Make a new run, queued, that goes on from the end of another for `n_epochs` more.

    The other run stays as it is.

    Args:
        run: A finished or stopped run with its last checkpoint.
        n_epochs: How many more epochs; one that was cut short is the first of them.
        name: Name of the new run; a free one after the other's by default.

    Raises:
        RunError, FormatError, SettingsError: as for `plan_extension`.
        NotFoundError: the run or its dataset is gone.
        UnwritableError: the workspace cannot be written.

    Cost: reads and writes the last checkpoint once; copies the best one and the journal.
    """
    with held(run.folder):
        plan = plan_extension(run, n_epochs)
        begin = plan.position
        parent = Parent(run.id, run.name, begin.epoch, begin.step, plan.notes)
        return create_run(
            run.workspace,
            run.dataset(),
            Policy(run.policy().kind, plan.settings),
            name=free_run_name(run.workspace, run.name) if name is None else name,
            parent=asdict(parent),
            fill=partial(_hand_over, run, begin),
        )


def _hand_over(old: Run, begin: Position, new: Run) -> None:
    """Put what an old run ended with into the folder of a new one."""
    tensors, plain = load_checkpoint(old.checkpoint("last"))
    save_checkpoint(new.checkpoint("last"), tensors, plain | asdict(begin))
    for source, target in (
        (old.checkpoint("best"), new.checkpoint("best")),
        (old.journal.path, new.journal.path),
    ):
        if is_file(source):
            shutil.copyfile(source, target)
    copy_snapshots(old, new.folder, up_to=begin.epoch)
    at = utc_now().isoformat(timespec="milliseconds")
    told = {"parent": old.id, "epoch": begin.epoch, "step": begin.step}
    new.journal.append({"event": "extended", "at": at, **told})
    new.log(f"goes on from run {old.id} after epoch {begin.epoch}, step {begin.step}")
    new.set_status(
        epoch=begin.epoch,
        step=begin.step,
        best_epoch=begin.best_epoch,
        best_score=begin.best_score,
        trained_s=round(begin.trained_s, 1),
    )
