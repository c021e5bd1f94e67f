"""The recorder: hears what a trainer tells and writes it into the run's folder."""

from __future__ import annotations

import errno
import math
import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bert4rec.baselines.titles import NETWORK, PROBABILITIES
from bert4rec.device import device_memory_bytes, process_memory_bytes
from bert4rec.errors import Bert4RecError, UnwritableError
from bert4rec.events import Event, Paused, Resumed, StateDue, Trained, Unrecorded, Validated
from bert4rec.moments import utc_now
from bert4rec.runs.checkpoints import save_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.snapshots import save_snapshot
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.trainer import Trainer

HEARTBEAT_S = 1.0
# Of a journal that says nothing else, while held-out items are ranked.
JUDGED_EVERY_S = 5.0
# Kinds of lines that are many and stay out of the log.
UNLOGGED = ("train", "checkpoint", "judging")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
Watch = Callable[[dict[str, Any]], None]


@dataclass(eq=False)
class Recorder:
    """Write what the trainer tells into the run's folder: journal, log, status, checkpoints.

    The status is written by the trainer's thread and by that of the heartbeat, one at a time.

    Args:
        run: Whose folder.
        watch: Called with every line of the journal.
        trainer: Whose state is saved and told; set once it is where the run goes on.
    """

    run: Run
    watch: Watch | None = None
    trainer: Trainer | None = None
    _beat_at: float = field(default=0.0)
    _wrote_at: float = field(default_factory=time.monotonic)
    _state: str = "queued"
    _status_lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: Event) -> None:
        """Hear of an event of the trainer."""
        position = event.position
        if isinstance(event, Trained):
            self._trained(event)
        elif isinstance(event, Validated):
            self._validated(event)
        elif isinstance(event, StateDue):
            self._save_state()
        elif isinstance(event, Paused):
            self.write("paused", step=position.step)
            self.status(state="paused")
        elif isinstance(event, Resumed):
            self.write("resumed", step=position.step)
            self.status(state="running")
        elif isinstance(event, Unrecorded):
            self.write("unrecorded", step=position.step, reason=event.reason)

    def _trained(self, event: Trained) -> None:
        assert self.trainer is not None
        position = event.position
        self.write(
            "train",
            # The epoch under way as a fraction, so that lines of one epoch do not coincide.
            epoch=round(position.epoch + position.epoch_step / self.trainer.batches.n_steps, 4),
            step=position.step,
            loss=round(event.loss, 6),
            # JSON has no word for a gradient that is not finite.
            grad_norm=round(event.grad_norm, 6) if math.isfinite(event.grad_norm) else None,
            learning_rate=event.learning_rate,
            sequences_per_s=round(event.sequences_per_s, 1),
            elapsed_s=round(position.trained_s, 3),
            memory_bytes=process_memory_bytes(),
            device_memory_bytes=device_memory_bytes(self.trainer.choice.device),
        )
        if time.monotonic() - self._beat_at >= HEARTBEAT_S:
            self.beat()

    def _validated(self, event: Validated) -> None:
        assert self.trainer is not None
        if event.is_best:
            save_weights(self.run.checkpoint("best"), self.trainer, event.metrics)
        metrics = {name: round(value, 6) for name, value in event.metrics.items()}
        self.write(
            "valid",
            epoch=event.position.epoch,
            step=event.position.step,
            metrics=metrics,
            is_best=event.is_best,
            elapsed_s=round(event.position.trained_s, 3),
        )
        self.beat()

    def _save_state(self) -> None:
        assert self.trainer is not None
        position = self.trainer.position
        # Before the state: a run that is killed between the two comes to this place again.
        if position.epoch and not position.epoch_step:
            self._save_snapshot(position.epoch)
        save_checkpoint(self.run.checkpoint("last"), *self.trainer.state())
        self.write("checkpoint", step=position.step)

    def _save_snapshot(self, epoch: int) -> None:
        """Keep the item vectors for the film of the map; a run does not fail for want of it."""
        assert self.trainer is not None
        try:
            save_snapshot(self.run, epoch, self.trainer.network.item_vectors())
        except OSError as error:
            self.run.log(f"no snapshot of the item vectors: {error}")

    def judging(self, scorer: str, part: str, n_done: int, n_rows: int) -> None:
        """Write now and then how many rows of a part are ranked by a scorer."""
        if time.monotonic() - self._wrote_at >= JUDGED_EVERY_S:
            self.write("judging", scorer=scorer, part=part, n_done=n_done, n_rows=n_rows)

    def calibrating(self, doing: str, share: float) -> None:
        """Write now and then how far the temperatures of the model are found, in percent."""
        self.judging(NETWORK, PROBABILITIES, round(100 * share), 100)

    def beat(self) -> None:
        """Write where the trainer is, with the time; before there is one, the time alone."""
        self._beat_at = time.monotonic()
        self.status()

    def write(self, event: str, **values: Any) -> None:
        """Append one line to the journal, and to the log if notable; tell whoever watches."""
        at = utc_now().isoformat(timespec="milliseconds")
        line = {"event": event, "at": at, **values}
        self.run.journal.append(line)
        self._wrote_at = time.monotonic()
        if event not in UNLOGGED:
            self.run.log(log_line(event, values))
        if self.watch is not None:
            self.watch(line)

    def status(self, **changes: Any) -> None:
        """Change fields of the run's status, and say again in which state and where it is."""
        with self._status_lock:
            self._state = changes.get("state", self._state)
            self.run.set_status(**{"state": self._state} | self._progress() | changes)

    def _progress(self) -> dict[str, Any]:
        if self.trainer is None:
            return {}
        position = self.trainer.position
        return {
            "epoch": position.epoch,
            "step": position.step,
            "best_epoch": position.best_epoch,
            "best_score": position.best_score,
            "trained_s": round(position.trained_s, 3),
        }

    def interrupted(self) -> None:
        """Put down that the run was left before its end, to be taken up by whoever wants to."""
        with suppress(OSError):
            self.status(state="interrupted", message="interrupted", fix="Resume it to go on.")
        with suppress(OSError):
            self.run.log("interrupted")

    def failed(self, error: BaseException) -> None:
        """Put down why the run ended; an interruption from the keyboard is not a failure."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.interrupted()
            return
        message, fix = explained(error, self.run.folder)
        kind = type(error).__name__
        # Each may fail where the disk is full; the status, which matters most, comes first.
        with suppress(OSError):
            self.status(state="failed", message=message, fix=fix, error=kind)
        with suppress(OSError):
            self.write("failed", error=kind, message=message)
        with suppress(OSError):
            self.run.log("".join(traceback.format_exception(error)).rstrip())


def tell_end(run: Run, **ending: str) -> None:
    """Put down how a run ended, unless that was told or somebody else has taken it up since."""
    status = run.status()
    if status.state != "interrupted" and not (status.state in ACTIVE_STATES and status.is_ours()):
        return
    with suppress(OSError):
        run.set_status(**ending)
    with suppress(OSError):
        run.log(f"{ending['state']}: {ending['message']}")


def unwritable(error: BaseException, folder: Path) -> UnwritableError | None:
    """Return that a run's folder cannot be written, where that is what the run died of."""
    number, path = _system_error(error)
    if number in FULL:
        message, fix = "the disk or its quota is full", "Make room, then let the run go on."
    elif number in FORBIDDEN and (not path or folder in (path, *path.parents)):
        message = "the run's folder cannot be written"
        fix = "Permit writing in the workspace, then let the run go on."
    else:
        return None
    return UnwritableError(message, where=str(folder), fix=fix)


def explained(error: BaseException, folder: Path) -> tuple[str, str]:
    """Return what went wrong with a run of this folder and what to do, for a person."""
    error = unwritable(error, folder) or error
    if isinstance(error, Bert4RecError):
        return error.message, error.fix or ""
    return str(error) or type(error).__name__, "See the run's log.txt."


def _system_error(error: BaseException) -> tuple[int | None, Path | None]:
    """Return number and file of the system's error behind an error, where it is one of writing."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno, Path(os.fsdecode(error.filename)) if error.filename else None
    return (None, None) if error.__cause__ is None else _system_error(error.__cause__)


def log_line(event: str, values: Mapping[str, Any]) -> str:
    """Return an event as a line for a person to read."""
    facts = (f"{name} {_plain(value)}" for name, value in values.items())
    return f"{event}: {', '.join(facts)}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = (f"{name} {_plain(one)}" for name, one in value.items())
        return f"({', '.join(inner)})"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def save_weights(path: Path, trainer: Trainer, metrics: Mapping[str, float] | None = None) -> None:
    """Write the network's weights and the position alone, without the optimizer.

    Args:
        path: The checkpoint.
        trainer: Whose network.
        metrics: What a validation found of just these weights.
    """
    tensors, plain = trainer.state()
    weights = {name: value for name, value in tensors.items() if name.startswith("network.")}
    found = {} if metrics is None else {"metrics": dict(metrics)}
    save_checkpoint(path, weights, plain | found)
