"""This project's training and validation, on one window a user and epoch as a run does it."""

from __future__ import annotations

import time
from typing import Any

import bert4rec
from benchmarks.peers.task import Stopwatch, Task, read_task, tell
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.events import Event, Trained
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.workshop import Workshop


def main() -> None:
    histories, task = read_task()
    dataset = SequenceDataset.from_sequences(histories.sequences(), n_items=task.n_items)
    workshop = Workshop.open(dataset, settings_of(task))
    stopwatch = Stopwatch(task)
    train(workshop, stopwatch)
    began = time.perf_counter()
    workshop.validate()
    users_per_s = histories.n_users / (time.perf_counter() - began)
    tell(stopwatch, users_per_s, bert4rec.__version__)


def settings_of(task: Task) -> Hyperparameters:
    """Return the settings of a task, ours where it leaves them open."""
    left_open: dict[str, Any] = {}
    if task.next_item_rate is not None:
        left_open["next_item_rate"] = task.next_item_rate
    return Hyperparameters(
        hidden_size=task.hidden_size,
        inner_size=task.inner_size,
        max_seq_length=task.window,
        n_layers=task.n_layers,
        n_heads=task.n_heads,
        batch_size=task.batch_size,
        mask_rate=task.mask_rate,
        dropout_rate=task.dropout_rate,
        learning_rate=task.learning_rate,
        n_threads=task.n_threads,
        # The stopwatch ends it.
        n_epochs=1_000,
        eval_step=0,
        precision=task.precision,
        device="cpu",
        **left_open,
    )


def train(workshop: Workshop, stopwatch: Stopwatch) -> None:
    """Train until enough was timed."""
    control = Control()
    told = Told(workshop.dataset.n_users, workshop.settings.batch_size)

    def note(event: Event) -> None:
        if isinstance(event, Trained):
            n_sequences, n_steps = told.since(event)
            if stopwatch.tick(n_sequences, n_steps):
                control.stop()

    workshop.trainer(note, control=control).run()


class Told:
    """Count what was trained between two events, which may be several steps apart."""

    def __init__(self, n_sequences: int, batch_size: int) -> None:
        self.n_sequences_of_epoch = n_sequences
        self.batch_size = batch_size
        self.n_sequences = 0
        self.n_steps = 0

    def since(self, event: Trained) -> tuple[int, int]:
        """Return the sequences and the steps since the event before."""
        at = event.position
        of_epoch = min(at.epoch_step * self.batch_size, self.n_sequences_of_epoch)
        n_sequences = at.epoch * self.n_sequences_of_epoch + of_epoch
        new = n_sequences - self.n_sequences, at.step - self.n_steps
        self.n_sequences, self.n_steps = n_sequences, at.step
        return new


if __name__ == "__main__":
    main()
