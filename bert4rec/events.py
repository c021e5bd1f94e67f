"""What a training tells: where it is, and what has just happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Position:
    """How far a training has come.

    Args:
        epoch: Epochs completed.
        epoch_step: Steps completed in the epoch under way.
        step: Steps completed in all.
        best_epoch: Epoch with the best validation, 0 before the first.
        best_score: Its score, or None.
        n_without_gain: Validations since then.
        trained_s: Seconds spent in training and validation, pauses left out.
    """

    epoch: int = 0
    epoch_step: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float | None = None
    n_without_gain: int = 0
    trained_s: float = 0.0


@dataclass(frozen=True)
class Trained:
    """Some steps were done.

    Args:
        position: Where that was.
        loss: Mean over the steps.
        grad_norm: Mean norm of their gradients before clipping; NaN or infinite where one was.
        learning_rate: That of the last of them.
        sequences_per_s: Speed over the steps.
    """

    position: Position
    loss: float
    grad_norm: float
    learning_rate: float
    sequences_per_s: float


@dataclass(frozen=True)
class Validated:
    """A validation was done after an epoch."""

    position: Position
    metrics: dict[str, float]
    is_best: bool


@dataclass(frozen=True)
class StateDue:
    """Now is a good moment to save the trainer's state."""

    position: Position


@dataclass(frozen=True)
class Paused:
    """Training waits until it is resumed or stopped."""

    position: Position


@dataclass(frozen=True)
class Resumed:
    """Training goes on after a pause."""

    position: Position


@dataclass(frozen=True)
class Unrecorded:
    """A step could not be recorded on the GPU; all are done operation by operation from now on."""

    position: Position
    reason: str


Event = Trained | Validated | StateDue | Paused | Resumed | Unrecorded


class Listener(Protocol):
    """Whoever wants to know what the trainer does."""

    def __call__(self, event: Event) -> None:
        """Hear of an event, in the trainer's thread."""
        ...
