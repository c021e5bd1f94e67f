"""What a training holds of memory at its peak, and the largest batch of which that fits.

Shapes: B batch, L window, T tokens of a window with what is asked of it, D hidden size, N items.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split, split_dataset
from bert4rec.device import DeviceChoice, free_memory_bytes
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.losses import BLOCK_BYTES
from bert4rec.model import n_parameters
from bert4rec.parts import MAX_PART_TOKENS, cuts, n_static_parts, row_kinds
from bert4rec.score_blocks import MIN_ROWS
from bert4rec.scorer import CPU_PLACES
from bert4rec.threads import fair_slices
from bert4rec.workshop import choice_for, is_recorded, loss_for

# What judging takes whatever is judged, by kind of device, and how many copies of the windows of a
# batch it leaves behind; what a sampled loss takes in each thread to sort what it met. All as
# measured by `python -m benchmarks estimate`.
JUDGING_BYTES = {"cpu": 6_000_000, "cuda": 20_000_000, "mps": 20_000_000}
WINDOW_COPIES = {"cpu": 2.5, "cuda": 3.0, "mps": 3.0}
# Hidden and inner values that a CPU's threads keep, once freed, of each place that they read.
READ_HIDDEN, READ_INNER = 7, 2
# Code and tables of torch that the first step of a process brings in.
FIRST_STEP_BYTES = 30_000_000
SORTING_BYTES = 10_000_000
# What products in bfloat16 on a CPU build for the sizes that they meet (`narrow.py`).
NARROW_BYTES = 140_000_000
# What a GPU's libraries work in, and what recording adds to it.
GPU_BYTES = 550_000_000
# What each thread beside the first holds whatever it computes: kernels' scratch, and freed memory
# that the allocator keeps for that thread alone. Measured in the same way.
THREAD_BYTES = 15_000_000
# Estimates have been too low by up to a quarter.
FIT_SHARE = 0.8
# What takes more memory the more of it is done at once.
BATCHES = ("batch_size", "eval_batch_size")
# Users that are judged at once without taking longer for it than more would.
FAST_JUDGED = MIN_ROWS
# What inner values in tensors of less than 32 MB leave behind when they go, as measured; those in
# larger ones go back to the system.
LINGERING_BYTES = 150_000_000


def smaller_batches(
    dataset: SequenceDataset, settings: Hyperparameters, free_bytes: int | None = None
) -> dict[str, int]:
    """Return the batches with which a run that wanted for memory may come through.

    They are powers of two below its own of which the estimate says that they fit into what is free,
    with room to spare. Judging fewer users at once changes nothing about what is learned, so that
    `eval_batch_size` goes down first, as far as judging stays fast; then `batch_size`, and only
    then the former further. Where the estimate finds that the run fits, as it did not, the one that
    takes more by it is halved.

    Args:
        dataset: What the run trains on.
        settings: Its settings.
        free_bytes: What is free on its device; None asks the device.

    Returns:
        What is to be changed, by name; nothing where the weights alone are too much, and where both
        batches are of one.

    Raises:
        DatasetError: the dataset cannot be split for training.
        DeviceError: the device is not there.
    """
    choice = choice_for(dataset, settings)
    if free_bytes is None:
        free_bytes = free_memory_bytes(choice.device)
    split = split_dataset(dataset, settings)

    def held(step: int, judged: int) -> int:
        smaller = settings.model_copy(update=dict(zip(BATCHES, (step, judged), strict=True)))
        loss_type, _ = loss_for(dataset, smaller, split)
        return memory_bytes(dataset, smaller, split, loss_type)

    # More than there are for a thread is no more than these.
    n_judged = max(_judged_at_once(split, settings, choice), default=1)
    own = (settings.batch_size, n_judged)
    room = FIT_SHARE * free_bytes
    if held(*own) <= room:
        halves = {(max(1, own[0] // 2), own[1]), (own[0], max(1, own[1] // 2))} - {own}
        found = min(sorted(halves), key=lambda sizes: held(*sizes), default=own)
    else:
        found = _largest(own, lambda step, judged: held(step, judged) <= room) or own
    both = zip(BATCHES, found, own, strict=True)
    return {name: size for name, size, before in both if size != before}


def _largest(own: tuple[int, int], fits: Callable[[int, int], bool]) -> tuple[int, int] | None:
    """Return the largest of both batches that fit, where there are any: steps come first."""
    for least in (min(own[1], FAST_JUDGED), 1):
        step = next((size for size in _halvings(own[0]) if fits(size, least)), None)
        if step is not None:
            judged = (size for size in _halvings(own[1]) if size >= least)
            return step, next(size for size in judged if fits(step, size))
    return None


def _halvings(size: int) -> list[int]:
    """Return a size and the powers of two below it, the largest first."""
    return [size, *(1 << power for power in reversed(range((size - 1).bit_length())))]


def memory_bytes(
    dataset: SequenceDataset, settings: Hyperparameters, split: Split, loss_type: str
) -> int:
    """Return what a training holds at its peak: weights, activations, scores, the sequences.

    Cost model: beside itself a float32 weight has a gradient, two moments and its average; an item
    vector under a sampled loss has the two moments alone. A block keeps about 12 x D float32 and
    whom it may attend to, five bytes an item, for each token of a part; for those of its inner size
    see `_inner_tokens`. A sampled loss holds its scores, the vectors that it met and their
    gradients. For judging see `_judging_bytes`: the memory that training freed is seldom in pieces
    that fit it, so that the two add up; every few seconds what lies free is given back. Inner
    values alone may be so large that those of training are gone when judging has its own.
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
    if is_ce:
        is_narrow = _value_bytes(choice) == 2
        block = min(BLOCK_BYTES[choice.kind], 4 * part.n_places * n)
        blocks = (2 if is_narrow else 3) * choice.n_side_by_side * block
        scores = blocks + 4 * (2 * n * d + 3 * part.n_places * d)
    else:
        k, n_places = settings.negative_samples_count, part.n_places
        n_met = min(n, n_places + (k if settings.negative_sharing == "batch" else n_places * k))
        sorting = choice.n_side_by_side * SORTING_BYTES
        scores = sorting + 4 * (6 * n_places * k + 4 * n_met * d)
    longest = min(settings.max_seq_length, int(dataset.lengths.max(initial=1)))
    n_places = longest * sum(_judged_at_once(split, settings, choice))
    reading = _reading_bytes(n_places, settings, choice)
    judging = _judging_bytes(n_places, reading, settings, choice)
    threads = THREAD_BYTES * (choice.n_side_by_side - 1)
    always = FIRST_STEP_BYTES + 4 * dataset.n_interactions
    step = _activation_bytes(part, settings, choice) + scores
    return int(weights + max(step, reading) + judging + threads + always)


def _reading_bytes(n_places: int, settings: Hyperparameters, choice: DeviceChoice) -> int:
    """Return what the inner values take while a CPU's threads read windows of so many places."""
    if choice.kind != "cpu":
        return 0
    return READ_INNER * 4 * settings.inner_size * _n_read(n_places, choice)


def _n_read(n_places: int, choice: DeviceChoice) -> int:
    """Return how many of the places of windows a CPU's threads read at once."""
    return min(n_places, choice.n_side_by_side * CPU_PLACES)


def _judging_bytes(
    n_places: int, reading: int, settings: Hyperparameters, choice: DeviceChoice
) -> int:
    """Return what judging leaves behind beside a step.

    Windows are read a few thousand places at a time, each time of another length: what one reading
    freed seldom fits the next. So a thread keeps what one reading took, inner values as far as they
    are in tensors that do not go back to the system, and a batch as a whole some copies of it.

    Args:
        n_places: Places of the windows that are judged at once, were all as long as the longest.
        reading: What their inner values take while they are read.
        settings: Hidden size.
        choice: Device and threads.
    """
    hidden = 4 * settings.hidden_size
    found = JUDGING_BYTES[choice.kind] + round(WINDOW_COPIES[choice.kind] * hidden * n_places)
    if choice.kind == "cpu":
        found += READ_HIDDEN * hidden * _n_read(n_places, choice) + min(LINGERING_BYTES, reading)
    return found


def _judged_at_once(split: Split, settings: Hyperparameters, choice: DeviceChoice) -> list[int]:
    """Return how many users each thread judges at once: all threads get as many."""
    n_threads, size = choice.n_side_by_side, settings.eval_batch_size
    slices = fair_slices(len(split.valid), size, n_threads)
    return sorted((rows.stop - rows.start for rows in slices), reverse=True)[:n_threads]


def _activation_bytes(part: _Parts, settings: Hyperparameters, choice: DeviceChoice) -> int:
    """Return what the blocks hold of parts until their gradients are there."""
    n_bytes, inner_size = _value_bytes(choice), settings.inner_size
    token = n_bytes * 12 * settings.hidden_size + 5 * part.length
    found = part.n_tokens * token * settings.n_layers
    if choice.kind == "cuda":
        # As measured of steps that are recorded, which give nothing back in between.
        return found + n_bytes * 3 * inner_size * part.n_tokens * settings.n_layers + GPU_BYTES
    found += n_bytes * inner_size * _inner_tokens(part, settings)
    found += min(LINGERING_BYTES, n_bytes * inner_size * part.n_tokens)
    return found + (NARROW_BYTES if choice.precision == "bfloat16" else 0)


def _value_bytes(choice: DeviceChoice) -> int:
    """Return what a value takes; on a CPU products alone are in bfloat16."""
    return 2 if choice.kind == "cuda" and choice.precision == "bfloat16" else 4


def _inner_tokens(part: _Parts, settings: Hyperparameters) -> int:
    """Return for how many tokens feed-forward layers hold their inner values at the peak, on a CPU.

    Each keeps two for its gradient, before and after the activation, and has one more while that
    is computed, the last layer first. That one reads no items, only what is asked of them.
    """
    n_tokens, n_places, n_before = part.n_tokens, part.n_places, settings.n_layers - 1
    if not settings.sees_future:
        return (2 * settings.n_layers + 1) * n_tokens
    n_items = n_tokens - n_places
    return 2 * n_before * n_tokens + max(3 * n_places, (n_items - 2 * n_places) * (n_before > 0))


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
