"""What a run will cost, before it starts: parameters, memory, and time from a short probe.

Shapes: B batch, L window, T tokens of a window with what is asked of it, D hidden size, N items.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split, split_dataset
from bert4rec.device import DeviceChoice, free_memory_bytes
from bert4rec.errors import DeviceMemoryError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.losses import BLOCK_BYTES
from bert4rec.model import n_parameters
from bert4rec.parts import MAX_PART_TOKENS, cuts, n_static_parts, row_kinds
from bert4rec.workshop import Workshop, choice_for, is_recorded, loss_for

# A probe that takes longer than a person waits for a page answers too late.
PROBE_S = 2.5
MAX_PROBE_STEPS = 40
# On a GPU, which does each shape of a step twice before it is fast.
MAX_RECORDED_STEPS = 150
N_PROBED_USERS = 512
# What judging takes whatever is judged, and what a sampled loss takes in each thread to sort what
# it met; both as measured by `python -m benchmarks estimate`.
JUDGING_BYTES = 20_000_000
# Code and tables of torch that the first step of a process brings in.
FIRST_STEP_BYTES = 30_000_000
SORTING_BYTES = 10_000_000
# What products in bfloat16 on a CPU build for the sizes that they meet (`narrow.py`).
NARROW_BYTES = 140_000_000
# What a GPU's libraries work in, and what recording adds to it.
GPU_BYTES = 550_000_000
# What each thread beside the first holds whatever it computes: kernels' scratch, and freed memory
# that the allocator keeps for that thread alone. Measured in the same way.
THREAD_BYTES = 35_000_000


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
        memory_bytes=_memory_bytes(dataset, settings, split, loss_type),
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


def _memory_bytes(
    dataset: SequenceDataset, settings: Hyperparameters, split: Split, loss_type: str
) -> int:
    """Return what a training holds at its peak: weights, activations, scores, the sequences.

    Cost model: beside itself a float32 weight has a gradient, two moments and its average; an item
    vector under a sampled loss has the two moments alone. A block keeps about 12 x D + 3 x inner
    float32 and whom it may attend to, five bytes an item, for each token of a part. A sampled loss
    holds its scores, the vectors that it met and their gradients. Judging leaves about three copies
    of the windows of a batch behind in each thread, and the memory that training freed is seldom
    in pieces that fit it, so that the two add up; every few seconds what lies free is given back.
    """
    d, n = settings.hidden_size, dataset.n_items
    choice = choice_for(dataset, settings)
    is_ce = loss_type == "CE"
    if is_recorded(choice, loss_type):
        part = _largest_static_part(split, settings)
    else:
        part = _largest_part(split, settings, choice)
    # Each thread has a gradient of its own.
    n_copies = (4 if is_ce and settings.ema_decay else 3) + choice.n_side_by_side
    weights = 4 * n_copies * n_parameters(n, settings)
    if not is_ce:
        weights -= 4 * choice.n_side_by_side * n * d
    is_narrow = choice.kind == "cuda" and choice.precision == "bfloat16"
    token = (2 if is_narrow else 4) * (12 * d + 3 * settings.inner_size) + 5 * part.length
    activations = part.n_tokens * token * settings.n_layers
    if choice.kind == "cuda":
        activations += GPU_BYTES
    if choice.kind == "cpu" and choice.precision == "bfloat16":
        activations += NARROW_BYTES
    if is_ce:
        block = min(BLOCK_BYTES[choice.kind], 4 * part.n_places * n)
        blocks = (2 if is_narrow else 3) * choice.n_side_by_side * block
        scores = blocks + 4 * (2 * n * d + 3 * part.n_places * d)
    else:
        k, n_places = settings.negative_samples_count, part.n_places
        n_met = min(n, n_places + (k if settings.negative_sharing == "batch" else n_places * k))
        sorting = choice.n_side_by_side * SORTING_BYTES
        scores = sorting + 4 * (6 * n_places * k + 4 * n_met * d)
    longest = min(settings.max_seq_length, int(dataset.lengths.max(initial=1)))
    n_judged = choice.n_side_by_side * min(settings.eval_batch_size, len(split.valid))
    judging = JUDGING_BYTES + 3 * 4 * n_judged * longest * d
    threads = THREAD_BYTES * (choice.n_side_by_side - 1)
    always = FIRST_STEP_BYTES + 4 * dataset.n_interactions
    return int(weights + activations + scores + judging + threads + always)


class _Parts(NamedTuple):
    """What is computed at once: parts of a step, one for each thread.

    Args:
        n_tokens: Tokens of these parts, with what is asked of them.
        n_places: Places of these that are asked for.
        length: Tokens that each of them may attend to.
    """

    n_tokens: int
    n_places: int
    length: int


def _largest_part(split: Split, settings: Hyperparameters, choice: DeviceChoice) -> _Parts:
    """Return the largest parts of a step whose rows are as long as those of the dataset."""
    found = [_Parts(0, 0, 1)]
    for share, asked, beside in row_kinds(settings):
        lengths = _typical_lengths(split, settings, share)
        at = [0, *_cuts(lengths, choice), len(lengths)] if lengths else []
        sizes = [(end - start, lengths[start]) for start, end in pairwise(at)]
        n_side_by_side = min(choice.n_side_by_side, len(sizes))
        found += [
            _Parts(
                round(n_side_by_side * n_rows * length * (1 + beside)),
                round(n_side_by_side * n_rows * max(1.0, asked * length)),
                length,
            )
            for n_rows, length in sizes
        ]
    return max(found)


def _largest_static_part(split: Split, settings: Hyperparameters) -> _Parts:
    """Return the largest part of a step on a GPU, where rows of all kinds are together."""
    lengths = np.minimum(split.train.lengths, settings.max_seq_length)
    n_parts = n_static_parts(lengths[lengths > 0], settings)
    n_rows = -(-min(settings.batch_size, len(lengths)) // n_parts)
    length = int(lengths.max(initial=1))
    asked = max(kind.asked for kind in row_kinds(settings) if kind.share)
    n_places = max(1, round(asked * length))
    return _Parts(n_rows * (length + n_places), n_rows * n_places, length)


def _cuts(lengths: list[int], choice: DeviceChoice) -> list[int]:
    if choice.kind != "cpu":
        return []
    max_tokens = MAX_PART_TOKENS
    if choice.n_threads > 1:
        max_tokens = min(max_tokens, sum(lengths) // choice.n_threads + lengths[0])
    return cuts(lengths, max_tokens)


def _typical_lengths(split: Split, settings: Hyperparameters, share: float) -> list[int]:
    """Return the lengths of a share of a step's rows, longest first, spread as in the data."""
    lengths = np.minimum(split.train.lengths, settings.max_seq_length)
    counts = np.bincount(lengths[lengths > 0])
    n_rows = round(share * min(settings.batch_size, int(counts.sum())))
    ranks = (np.arange(n_rows) + 0.5) / max(n_rows, 1) * counts.sum()
    typical: list[int] = np.searchsorted(np.cumsum(counts), ranks).tolist()
    return typical[::-1]
