"""What is wrong or doubtful about settings for one dataset, with the figure that says so.

A setting may be right by itself and wrong beside another one or beside the data. All of that is
found from a few figures of the dataset that are computed once, so that it can be told at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bert4rec.data.amount_checks import MANY_LONG
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.errors import DatasetError
from bert4rec.hyperparameters import OF_NEGATIVES, Hyperparameters
from bert4rec.objective import choose_loss
from bert4rec.words import percent

HELD_WHOLE = 0.95
HIGH_RATE, USUAL_RATE = 0.05, 0.001
# A window so many times as long as one that holds nearly all histories whole is out of proportion.
FAR_TOO_LONG = 1.5
# The loss often stays on a plateau for hundreds of steps: docs/LOG.md, 2026-11-24.
FEW_STEPS = 500
# Figures of fewer held-out items say next to nothing.
FEW_JUDGED = 20
# Steps of an epoch that a smaller batch is chosen for, and the smallest batch: of 60 sequences 2 at
# a time came to no more than 8 at a time and took 2.5 times as long (docs/LOG.md, 2026-11-29).
WANTED_STEPS, LEAST_BATCH = 16, 8
# Who is given without the other has no effect: setting, the one it needs, the value of that.
NEEDED = (
    ("sample_ratio", "sample_strategy", "user_based"),
    ("sample_seed", "sample_strategy", "user_based"),
    ("held_out_items", "split_strategy", "last_k"),
    ("held_out_share", "split_strategy", "global_time"),
)


@dataclass(frozen=True)
class Advice:
    """Something to know of a setting beside others or beside the data.

    Args:
        name: The setting.
        message: What is the matter, with the figure; settings are named as in the model.
        is_error: Whether the run cannot start so.
        changes: Settings that would mend it, by name; empty where a person must choose.
    """

    name: str
    message: str
    is_error: bool = False
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DataFigures:
    """What advice needs to know of a dataset.

    Args:
        n_users: Number of histories.
        n_items: Size of the catalogue.
        n_of_length: How many histories have each length, int64 (longest + 1,).
    """

    n_users: int
    n_items: int
    n_of_length: np.ndarray

    @classmethod
    def of(cls, dataset: SequenceDataset) -> DataFigures:
        """Count the lengths of a dataset's histories. Cost: a pass over the users."""
        return cls(dataset.n_users, dataset.n_items, np.bincount(dataset.lengths))

    @cached_property
    def _share_within(self) -> np.ndarray:
        return np.cumsum(self.n_of_length) / max(self.n_users, 1)

    @property
    def longest(self) -> int:
        """Length of the longest history."""
        return len(self.n_of_length) - 1

    def share_longer(self, length: int) -> float:
        """Return the share of histories with more items."""
        return 0.0 if length >= self.longest else 1.0 - float(self._share_within[length])

    def window_for(self, share: float) -> int:
        """Return the shortest window that holds a share of the histories whole."""
        return int(np.searchsorted(self._share_within, share - 1e-12))


@dataclass(frozen=True)
class SplitFigures:
    """What a split leaves to train on, or why there is none.

    Args:
        n_sequences: Sequences that train in an epoch.
        longest: Items of the longest of them.
        n_judged: Items to find, the fewer of validation and test.
        refusal: Why the dataset cannot be split so; None where it can.
    """

    n_sequences: int
    longest: int = 0
    n_judged: int = 0
    refusal: Advice | None = None

    @classmethod
    def of(cls, dataset: SequenceDataset, settings: Hyperparameters) -> SplitFigures:
        """Split a dataset as the settings say. Cost: that of `split_dataset`."""
        try:
            split = split_dataset(dataset, settings)
        except DatasetError as error:
            is_drawn = settings.sample_strategy is not None and "user" in error.message
            name = "sample_ratio" if is_drawn else "split_strategy"
            fix = f"; {error.fix[0].lower()}{error.fix[1:].rstrip('.')}" if error.fix else ""
            return cls(0, refusal=Advice(name, error.message + fix, is_error=True))
        lengths = split.train.lengths
        return cls(
            n_sequences=int((lengths > 0).sum()),
            longest=int(lengths.max(initial=0)),
            n_judged=min(len(split.valid), len(split.test)),
        )


def advise(
    settings: Hyperparameters, given: Collection[str], data: DataFigures, split: SplitFigures
) -> list[Advice]:
    """Return what is wrong with settings for a dataset, and then what is doubtful.

    Args:
        settings: All settings; each of them is right by itself.
        given: Names of those that were given.
        data: Figures of the dataset.
        split: What the settings hold out of it.
    """
    if split.refusal is not None:
        return [split.refusal]
    return [
        *_of_split(settings, split),
        *_of_window(settings, data),
        *_of_steps(settings, split.n_sequences),
        *_of_rate(settings),
        *_of_attention(settings, given),
        *_of_loss(settings, given, data, split),
        *_of_validation(settings, given),
        *_without_effect(settings, given),
    ]


def _of_split(settings: Hyperparameters, split: SplitFigures) -> Iterator[Advice]:
    if split.n_judged >= FEW_JUDGED or settings.split_strategy == "leave_one_out":
        return
    yield Advice(
        "split_strategy",
        f"only {split.n_judged:,} items are left to validate or to test by, and figures of so few "
        "say nothing; leave_one_out asks each user for one",
        changes={"split_strategy": "leave_one_out"},
    )


def _of_window(settings: Hyperparameters, data: DataFigures) -> Iterator[Advice]:
    window, enough = settings.max_seq_length, max(data.window_for(HELD_WHOLE), 2)
    held = f"a window of {enough:,} holds {percent(1 - data.share_longer(enough))} of all whole"
    share = data.share_longer(window)
    if window > data.longest >= 2:
        yield Advice(
            "max_seq_length",
            f"no history is longer than {data.longest:,}, so the places beyond are never used",
            changes={"max_seq_length": data.longest},
        )
    elif window >= FAR_TOO_LONG * enough:
        yield Advice(
            "max_seq_length",
            f"only {percent(share)} of the histories are longer than {window:,}: {held}, and the "
            "few long ones cost less",
            changes={"max_seq_length": enough},
        )
    elif share > MANY_LONG:
        yield Advice(
            "max_seq_length",
            f"{percent(share)} of the histories are longer than {window:,}; training sees "
            f"{window:,} items of such a one at a time, from random places, and a prediction sees "
            f"the newest {window:,}; {held}",
        )


def _of_steps(settings: Hyperparameters, n_sequences: int) -> Iterator[Advice]:
    n_steps = -(-n_sequences // settings.batch_size)
    n_in_all = n_steps * settings.n_epochs
    smaller = max(LEAST_BATCH, 2 ** max(0, (n_sequences // WANTED_STEPS).bit_length() - 1))
    # Of so few that they make no two batches it is the steps in all that count.
    if settings.batch_size > n_sequences > smaller:
        yield Advice(
            "batch_size",
            f"only {n_sequences:,} sequences train, so that one batch of {settings.batch_size:,} "
            "is a whole epoch",
            changes={"batch_size": smaller},
        )
    elif n_in_all < FEW_STEPS:
        yield Advice(
            "n_epochs",
            f"the whole run has {n_in_all:,} steps; the loss often stays on a plateau for hundreds "
            "of them, so that a smaller batch_size or more n_epochs may be needed",
        )
    if settings.warmup_steps >= n_in_all > 0:
        yield Advice(
            "warmup_steps",
            f"the run has {n_in_all:,} steps, so the learning rate never reaches its peak",
            changes={"warmup_steps": n_in_all // 10},
        )


def _of_rate(settings: Hyperparameters) -> Iterator[Advice]:
    if settings.learning_rate > HIGH_RATE:
        yield Advice(
            "learning_rate",
            f"above {HIGH_RATE:g} a training mostly gets worse instead of better; 0.0001 to 0.01 is"
            " usual",
            changes={"learning_rate": USUAL_RATE},
        )


def _of_attention(settings: Hyperparameters, given: Collection[str]) -> Iterator[Advice]:
    for name in settings.unused:
        if name in given:
            yield Advice(name, f"not used, as {settings.model_name} hides no item")


def _of_loss(
    settings: Hyperparameters, given: Collection[str], data: DataFigures, split: SplitFigures
) -> Iterator[Advice]:
    loss_type, _ = choose_loss(
        settings, data.n_items, n_sequences=split.n_sequences, longest=split.longest
    )
    n_others = data.n_items - 1
    if loss_type == "CE":
        for name in OF_NEGATIVES:
            if name in given:
                yield Advice(name, "not used, as CE compares with every item")
        return
    if settings.negative_samples_count > n_others > 0:
        yield Advice(
            "negative_samples_count",
            f"there are only {n_others:,} other items, and CE compares with all of them for less",
            changes={"negative_samples_count": n_others},
        )
    few = f"as a step of {loss_type} touches few items"
    if "ema_decay" in given and settings.ema_decay:
        yield Advice("ema_decay", f"not used, {few}")
    if settings.weight_decay:
        yield Advice("weight_decay", f"leaves the vectors of the items alone, {few}")


def _of_validation(settings: Hyperparameters, given: Collection[str]) -> Iterator[Advice]:
    every, patience, n_epochs = settings.eval_step, settings.early_stopping_step, settings.n_epochs
    if not every:
        yield Advice(
            "eval_step",
            "no epoch is validated, so the last weights are kept, good or not",
            changes={"eval_step": max(1, n_epochs // 20)},
        )
        if patience and "early_stopping_step" in given:
            yield Advice("early_stopping_step", "not used, as nothing is validated")
    elif every > n_epochs:
        yield Advice(
            "eval_step",
            f"only the last of {n_epochs:,} epochs is validated",
            changes={"eval_step": max(1, n_epochs // 20)},
        )
    elif "early_stopping_step" in given and patience * every >= n_epochs > 1:
        yield Advice(
            "early_stopping_step",
            f"{patience:,} validations take {patience * every:,} epochs, so that early stopping "
            f"cannot end a run of {n_epochs:,}",
        )


def _without_effect(settings: Hyperparameters, given: Collection[str]) -> Iterator[Advice]:
    for name, other, value in NEEDED:
        if name in given and getattr(settings, other) != value:
            yield Advice(name, f"has no effect unless {other} is {value}", changes={other: value})
