"""What a run will cost, before it starts: parameters, memory, and time from a short probe.

Shapes: B batch, L window, T tokens of a window with what is asked of it, D hidden size, N items.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.device import DeviceChoice, free_memory_bytes
from bert4rec.errors import DeviceMemoryError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import n_parameters
from bert4rec.run_memory import memory_bytes
from bert4rec.workshop import Workshop, choice_for, loss_for

# A probe that takes longer than a person waits for a page answers too late.
PROBE_S = 2.5
MAX_PROBE_STEPS = 40
# On a GPU, which does each shape of a step twice before it is fast.
MAX_RECORDED_STEPS = 150
N_PROBED_USERS = 512


@dataclass(frozen=True)
class Size:
    """What can be told without computing anything.

    Args:
        n_parameters: Trainable weights.
        n_sequences: Sequences that train in one epoch.
        n_steps_per_epoch: Steps of one epoch.
        n_steps: Steps if every epoch is done.
        memory_bytes: What the training adds to the process, roughly.
        loss_type: The loss that will be used.
        loss_reason: Why.
    """

    n_parameters: int
    n_sequences: int
    n_steps_per_epoch: int
    n_steps: int
    memory_bytes: int
    loss_type: str
    loss_reason: str


@dataclass(frozen=True)
class Estimate:
    """Size and measured time of a run on this device.

    Args:
        size: What can be told without computing.
        device: Where it was measured, and where the run will train.
        device_reason: Why there.
        step_s: Seconds of a training step: the median, on a GPU of those that it replays.
        valid_s: Seconds of one validation.
        epoch_s: Seconds of an epoch with its share of validations.
        total_s: Seconds if every epoch is done and no limit ends the run earlier.
        n_probed_steps: Steps that were measured.
    """

    size: Size
    device: str
    device_reason: str
    step_s: float
    valid_s: float
    epoch_s: float
    total_s: float
    n_probed_steps: int


def size_of(dataset: SequenceDataset, settings: Hyperparameters) -> Size:
    """Return what a run of these settings is made of; nothing is computed on a device.

    Raises:
        DatasetError: the dataset cannot be split for training.
    """
    split = split_dataset(dataset, settings)
    n_sequences = int((split.train.lengths > 0).sum())
    n_steps = -(-n_sequences // settings.batch_size)
    loss_type, loss_reason = loss_for(dataset, settings, split)
    return Size(
        n_parameters=n_parameters(dataset.n_items, settings),
        n_sequences=n_sequences,
        n_steps_per_epoch=n_steps,
        n_steps=n_steps * settings.n_epochs,
        memory_bytes=memory_bytes(dataset, settings, split, loss_type),
        loss_type=loss_type,
        loss_reason=loss_reason,
    )


def probe(
    dataset: SequenceDataset,
    settings: Hyperparameters,
    *,
    limit_s: float = PROBE_S,
    clock: Callable[[], float] = time.monotonic,
) -> Estimate:
    """Train a throw-away network for a few steps and return what the whole run would take.

    Args:
        dataset: What to train on.
        settings: The settings of the run.
        limit_s: No step is begun so many seconds after the first one.
        clock: Seconds that only go forward.

    Raises:
        DeviceMemoryError: the run would not fit; it is refused before it takes the machine down.
        DeviceError: the device is not there.
        DatasetError: the dataset cannot be split for training.
    """
    size = size_of(dataset, settings)
    choice = choice_for(dataset, settings)
    free_bytes = free_memory_bytes(choice.device)
    _refuse_what_cannot_fit(size, choice, free_bytes)
    workshop = Workshop.open(dataset, settings)
    is_static = workshop.batches.is_static
    steps_s = _time_steps(workshop, 2 * limit_s if is_static else limit_s, clock)
    valid_s = _time_validation(workshop, clock) if settings.eval_step else 0.0
    # Steps that are done for their recording take many times as long as those replayed after it.
    step_s = float(np.quantile(steps_s, 0.25 if is_static else 0.5))
    n_valid = -(-settings.n_epochs // settings.eval_step) if settings.eval_step else 0
    total_s = step_s * size.n_steps + valid_s * n_valid
    if is_static:
        # Recording comes once.
        total_s += max(0.0, float(np.sum(steps_s)) - step_s * len(steps_s))
    return Estimate(
        size=size,
        device=choice.device,
        device_reason=choice.reason,
        step_s=step_s,
        valid_s=valid_s,
        epoch_s=total_s / settings.n_epochs,
        total_s=total_s,
        n_probed_steps=len(steps_s),
    )


def _refuse_what_cannot_fit(size: Size, choice: DeviceChoice, free_bytes: int) -> None:
    if size.memory_bytes <= free_bytes:
        return
    raise DeviceMemoryError(
        f"this run needs about {size.memory_bytes / 2**30:.1f} GiB and "
        f"{free_bytes / 2**30:.1f} GiB are free on {choice.device}",
        fix="Use a smaller batch_size, a shorter max_seq_length or a sampled loss.",
        device=choice.device,
    )


class _Stopwatch(Control):
    """Notes when each step begins, and ends the training once enough was seen."""

    def __init__(
        self, device: str, max_steps: int, limit_s: float, clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self.device = device
        self.max_steps = max_steps
        self.clock = clock
        self.limit_s = limit_s
        self.moments: list[float] = []

    def begin_step(self) -> None:
        """Note the moment, or ask for the end."""
        if self.device.startswith("cuda"):
            # Work on a GPU runs ahead of the clock unless it is waited for.
            torch.cuda.synchronize(self.device)
        self.moments.append(self.clock())
        # The first step also loads kernels and memory, so it says little about the others.
        passed_s = self.moments[-1] - self.moments[min(1, len(self.moments) - 1)]
        if len(self.moments) > self.max_steps or passed_s >= self.limit_s:
            self.stop()

    @property
    def is_paused(self) -> bool:
        """Never; but the trainer asks before each step, which is the moment to note."""
        self.begin_step()
        return False

    def steps_s(self) -> np.ndarray:
        """Return the seconds of the steps, without the first one if there are others."""
        seconds = np.diff(self.moments)
        return seconds[1:] if len(seconds) > 1 else seconds


def _time_steps(workshop: Workshop, limit_s: float, clock: Callable[[], float]) -> np.ndarray:
    max_steps = MAX_RECORDED_STEPS if workshop.batches.is_static else MAX_PROBE_STEPS
    # A tiny dataset needs many epochs for enough steps, and none of them is validated.
    settings = workshop.settings.model_copy(
        update={"n_epochs": max_steps + 2, "eval_step": 0, "max_minutes": None}
    )
    stopwatch = _Stopwatch(workshop.choice.device, max_steps, limit_s, clock)
    replace(workshop, settings=settings).trainer(control=stopwatch, validate=dict).run()
    return stopwatch.steps_s()


def _time_validation(workshop: Workshop, clock: Callable[[], float]) -> float:
    """Judge some users and scale up to all of them."""
    rows = workshop.split.valid
    some = rows.take(slice(N_PROBED_USERS))
    if workshop.choice.kind != "cpu":
        # The first time loads kernels, which takes longer than many validations.
        workshop.judge(workshop.scorer, some, list_length=0)
    began = clock()
    workshop.judge(workshop.scorer, some, list_length=0).metrics()
    return (clock() - began) * len(rows) / max(len(some), 1)
