"""All that a training needs, put together from a dataset and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bert4rec.baselines.titles import NETWORK
from bert4rec.batches import WEIGHTS, TrainingBatches, generator_at
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments, Split, split_dataset
from bert4rec.device import (
    SMALLER_JUDGING,
    DeviceChoice,
    choose_device,
    choose_for,
    memory_errors_explained,
)
from bert4rec.evaluation import LIST_LENGTH, Judgement, choose_seen, judge, summarise
from bert4rec.events import Event, Listener
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Network
from bert4rec.negatives import NegativeSampler
from bert4rec.objective import Objective, choose_loss
from bert4rec.sasrec import new_network
from bert4rec.score_blocks import Scorer
from bert4rec.scorer import NetworkScorer
from bert4rec.trainer import Trainer
from bert4rec.training_part import TrainingPart

# Is told whose ranks are looked for, on which part, of how many of its rows they are known, and
# how many it has.
JudgeWatch = Callable[[str, str, int, int], None]
# What `watch` is told of the part that chooses the weights.
VALIDATION = "validation"


@dataclass(eq=False)
class Workshop:
    """All that a training needs, built from a dataset and settings."""

    dataset: SequenceDataset
    settings: Hyperparameters
    choice: DeviceChoice
    objective: Objective
    loss_reason: str
    removes_seen: bool
    seen_reason: str
    split: Split
    training: TrainingPart
    network: Network
    batches: TrainingBatches

    @classmethod
    def open(
        cls,
        dataset: SequenceDataset,
        settings: Hyperparameters,
        *,
        seen: tuple[bool, str] | None = None,
    ) -> Workshop:
        """Choose device and loss, split the data and draw the initial weights.

        Args:
            dataset: What to train on.
            settings: The settings of the run.
            seen: Whether seen items leave the rankings and why, where that was decided before.
        """
        choice = choice_for(dataset, settings)
        split = split_dataset(dataset, settings)
        training = TrainingPart(dataset, split.train)
        removes_seen, seen_reason = seen or choose_seen(training, settings.seen_items)
        loss_type, loss_reason = loss_for(dataset, settings, split)
        # Weights are drawn on the CPU, so that they are the same on every device.
        chance = generator_at("cpu", settings.seed, WEIGHTS)
        network = new_network(dataset.n_items, settings, chance)
        batches = batches_of(dataset, split.train, settings, choice, loss_type)
        network.to(choice.device)
        sampler = None
        if loss_type != "CE":
            sampler = NegativeSampler.of(settings, training.counts, choice.device)
        return cls(
            dataset=dataset,
            settings=settings,
            choice=choice,
            objective=Objective(loss_type, sampler),
            loss_reason=loss_reason,
            removes_seen=removes_seen,
            seen_reason=seen_reason,
            split=split,
            training=training,
            network=network,
            batches=batches,
        )

    @property
    def steps_reason(self) -> str:
        """How the steps of a training are done and why, for its record."""
        if self.batches.is_static:
            return "recorded once for each shape of a part, then replayed"
        if self.choice.kind == "cuda":
            return "done as they come: a sampled loss meets a varying number of items"
        return "done part by part"

    def trainer(
        self,
        listener: Listener | None = None,
        *,
        control: Control | None = None,
        validate: Callable[[], dict[str, float]] | None = None,
    ) -> Trainer:
        """Return a trainer of the network.

        Args:
            listener: Told of every event; nobody needs to be.
            control: Asked before every step.
            validate: Takes the place of the validation on the split's rows.
        """
        return Trainer(
            self.network,
            self.batches,
            self.settings,
            objective=self.objective,
            choice=self.choice,
            validate=validate or self.validate,
            listener=listener or _tell_nobody,
            control=control,
        )

    @property
    def scorer(self) -> NetworkScorer:
        """The network as it is now, in the role of a scorer."""
        return NetworkScorer(self.network, self.choice)

    @property
    def finished_scorer(self) -> NetworkScorer:
        """The same in the precision in which a trained model is asked, which may be a higher one.

        So what is reported of a run is what whoever loads it finds.
        """
        choice = self.choice
        asked = choose_device(choice.device, self.settings.precision, choice.n_threads)
        return NetworkScorer(self.network, asked)

    def validate(
        self,
        scorer: Scorer | None = None,
        *,
        name: str = NETWORK,
        watch: JudgeWatch | None = None,
    ) -> dict[str, float]:
        """Return the validation metrics of a scorer, of the network as it is now by default.

        Args:
            scorer: Who is judged.
            name: What `watch` is told of whom.
            watch: Told how far it has come, batch by batch.
        """
        rows, scorer = self.split.valid, scorer or self.scorer
        tell = _tells(watch, name, VALIDATION, len(rows))
        return self.judge(scorer, rows, list_length=0, tell=tell).metrics()

    def report(
        self, scorers: dict[str, Scorer], watch: JudgeWatch | None = None
    ) -> dict[str, dict[str, Any]]:
        """Judge every scorer on the test rows and, where there are some, on unseen users.

        Args:
            scorers: By name.
            watch: Told how far it has come, batch by batch.
        """
        counts = self.training.counts
        report: dict[str, dict[str, Any]] = {}
        for part, rows in (("test", self.split.test), ("unseen_users", self.split.unseen)):
            for name, scorer in scorers.items() if len(rows) else ():
                tell = _tells(watch, name, part, len(rows))
                judged = self.judge(scorer, rows, tell=tell)
                report.setdefault(part, {})[name] = summarise(judged, counts)
        return report

    def judge(
        self,
        scorer: Scorer,
        rows: Segments,
        *,
        list_length: int = LIST_LENGTH,
        tell: Callable[[int], None] | None = None,
    ) -> Judgement:
        """Rank the next items of some rows as the settings say; see `evaluation.judge`.

        Raises:
            DeviceMemoryError: so many rows at once did not fit the memory.
        """
        with memory_errors_explained(self.choice.device, what="judging", fix=SMALLER_JUDGING):
            return judge(
                scorer,
                self.dataset,
                rows,
                batch_size=self.settings.eval_batch_size,
                remove_seen=self.removes_seen,
                list_length=list_length,
                n_threads=self.choice.n_side_by_side,
                tell=tell,
            )


def _tells(
    watch: JudgeWatch | None, name: str, part: str, n_rows: int
) -> Callable[[int], None] | None:
    return None if watch is None else lambda n_done: watch(name, part, n_done, n_rows)


def choice_for(dataset: SequenceDataset, settings: Hyperparameters) -> DeviceChoice:
    """Choose where to train on a dataset.

    Raises:
        DeviceError: the device was asked for by name and is not there.
    """
    windows = np.minimum(dataset.lengths, settings.max_seq_length)
    return choose_for(settings, float(windows.mean()) if len(windows) else 0.0)


def batches_of(
    dataset: SequenceDataset,
    train: Segments,
    settings: Hyperparameters,
    choice: DeviceChoice,
    loss_type: str,
) -> TrainingBatches:
    """Return the batches of a training on some rows; a GPU records what CE does with them."""
    return TrainingBatches(
        dataset.items,
        train,
        dataset.vocabulary.mask_idx,
        settings,
        choice.device,
        choice.n_threads,
        is_static=is_recorded(choice, loss_type),
    )


def is_recorded(choice: DeviceChoice, loss_type: str) -> bool:
    """Return whether the steps of a training are recorded: with CE, on a GPU."""
    return choice.kind == "cuda" and loss_type == "CE"


def _tell_nobody(event: Event) -> None:
    """Hear of an event and do nothing."""


def loss_for(dataset: SequenceDataset, settings: Hyperparameters, split: Split) -> tuple[str, str]:
    """Return the loss to train with and the reason."""
    lengths = split.train.lengths
    return choose_loss(
        settings,
        dataset.n_items,
        n_sequences=int((lengths > 0).sum()),
        longest=int(lengths.max(initial=0)),
    )
