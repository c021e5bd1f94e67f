"""The training loop. It tells what happens and acts on nothing: no path, no page, no clock of day.

The batch, masks and dropout of a step depend on the seed and the step alone, so a trainer that is
given back its state goes on exactly where another one stopped.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from bert4rec.batches import PART, STEP, TrainingBatches, generator_at
from bert4rec.control import Control
from bert4rec.crew import Crew
from bert4rec.device import DeviceChoice, memory_errors_explained, return_freed_memory
from bert4rec.errors import NonFiniteLossError
from bert4rec.events import (
    Listener,
    Paused,
    Position,
    Resumed,
    StateDue,
    Trained,
    Unrecorded,
    Validated,
)
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Network
from bert4rec.objective import Objective
from bert4rec.optimizer import NetworkOptimizer, learning_rate_at, move_towards
from bert4rec.parts import Part
from bert4rec.recorded import RecordedSteps
from bert4rec.tally import Tally

# Loss lines that one epoch writes at most; more would only make the journal long.
LOGS_PER_EPOCH = 20
# Steps that a GPU does between two lines at least, for each line waits for it.
RECORDED_STEPS_PER_LOG = 16
# A long epoch offers its state for saving this often.
CHECKPOINT_EVERY_S = 300.0
# What steps of many shapes freed lies about in pieces: so often it goes back to the system.
TIDY_EVERY_S = 5.0


class Trainer:
    """Train a network on batches; validate after epochs; stop early when nothing is gained.

    Args:
        network: What becomes of the training: judged, saved and asked. It is trained in place or,
            with `ema_decay`, follows the trained weights as their moving average.
        batches: What it trains on.
        settings: The hyperparameters.
        objective: What to minimise.
        choice: Device and precision.
        validate: Returns the validation metrics of the network as it is now.
        listener: Told of every event.
        control: Asked before every step.
    """

    def __init__(
        self,
        network: Network,
        batches: TrainingBatches,
        settings: Hyperparameters,
        *,
        objective: Objective,
        choice: DeviceChoice,
        validate: Callable[[], dict[str, float]],
        listener: Listener,
        control: Control | None = None,
    ) -> None:
        self.network = network
        self.batches = batches
        self.settings = settings
        self.objective = objective
        self.choice = choice
        self.validate = validate
        self.listener = listener
        self.control = control or Control()
        self.position = Position()
        # An average over all items in every step would cost what a sampled loss saves.
        is_sampled = objective.sampler is not None
        is_averaged = settings.ema_decay > 0 and not is_sampled
        self.trained = copy.deepcopy(network) if is_averaged else network
        self._forward: Callable[..., Tensor] | None = None
        if settings.compile:
            self._forward = compiled(self.trained)
            self.objective = replace(objective, softmax=compiled(objective.softmax))
        # A sampled loss meets few items a step; those it does not meet cost nothing.
        self.trained.items.sparse = is_sampled
        self.optimizer = NetworkOptimizer(self.trained, settings, meets_few_items=is_sampled)
        # A network that is compiled for one thread computes part by part.
        self.crew = Crew(self.trained, 1 if settings.compile else choice.n_side_by_side)
        self.tally = Tally(choice.device)
        self.recorded = self._recorded_steps() if batches.is_static else None
        self._tick = 0.0
        self._unsaved_s = 0.0
        self._tidied = 0.0

    def run(self) -> str:
        """Train until the last epoch, early stopping, the time limit or a stop.

        Returns:
            Why it ended: "completed", "no gain", "time limit" or "stopped".

        Raises:
            NonFiniteLossError: the loss became NaN or infinite.
            DeviceMemoryError: a step or judging did not fit the memory.
        """
        torch.set_num_threads(self.choice.n_threads)
        self.trained.train()
        self._tick = time.monotonic()
        with memory_errors_explained(self.choice.device, what="a step"), self.recorded or self.crew:
            while (reason := self._reason_to_end()) is None:
                if not self._run_epoch():
                    return self._reason_to_end() or "stopped"
        return reason

    def _recorded_steps(self) -> RecordedSteps:
        return RecordedSteps(
            self.batches,
            self.optimizer.parameters,
            loss=self.part_loss,
            loss_sum=self.tally.loss,
            update=self._update_weights,
            on_failure=lambda reason: self.listener(Unrecorded(self.position, reason)),
        )

    def _reason_to_end(self) -> str | None:
        settings, position = self.settings, self.position
        if self.control.is_stopped:
            return "stopped"
        if position.epoch >= settings.n_epochs:
            return "completed"
        patience = settings.early_stopping_step
        if patience and position.n_without_gain >= patience:
            return "no gain"
        if settings.max_minutes and position.trained_s >= 60 * settings.max_minutes:
            return "time limit"
        return None

    def _run_epoch(self) -> bool:
        """Do the rest of the epoch under way; False if it was cut short."""
        epoch = self.position.epoch
        order = self.batches.order(epoch)
        for epoch_step in range(self.position.epoch_step, self.batches.n_steps):
            self._wait_if_paused()
            if self._must_leave():
                self.listener(StateDue(self.position))
                return False
            self._train_step(order, epoch, epoch_step)
        self._advance(epoch=epoch + 1, epoch_step=0)
        self._validate_if_due()
        self._unsaved_s = 0.0
        self.listener(StateDue(self.position))
        return True

    def _must_leave(self) -> bool:
        self._count_time()
        return self._reason_to_end() is not None

    def _train_step(self, order: Tensor, epoch: int, epoch_step: int) -> None:
        rates = {"learning_rate": self._learning_rate(self.position.step), "pull": self._pull()}
        if self.recorded is not None:
            drafts = self.batches.drafts(order, epoch, epoch_step)
            self.recorded.step(drafts, epoch, epoch_step, **rates)
        else:
            self.optimizer.zero_grad()
            self._collect_gradients(self.batches.parts(order, epoch, epoch_step), epoch, epoch_step)
            self._update_weights(**rates)
        self.tally.n_steps += 1
        self.tally.n_sequences += len(self.batches.rows(order, epoch_step))
        self._advance(epoch_step=epoch_step + 1, step=self.position.step + 1)
        if self._is_line_due():
            self._tell_line()
            self._tidy_if_due()
            self._offer_state_if_due()

    def _collect_gradients(self, parts: list[Part], epoch: int, epoch_step: int) -> None:
        def loss(network: Network, index: int) -> Tensor:
            part = parts[index]
            chance = self._chance(PART, epoch, epoch_step, index)
            # Negatives that a batch shares are the same in all its parts.
            drawing = self._chance(STEP, epoch, epoch_step) if self.objective.is_shared else chance
            return self._loss(network, part, chance, drawing) * part.share

        self.tally.loss += self.crew.backward([part.n_tokens for part in parts], loss)

    def _chance(self, *place: int) -> torch.Generator:
        return generator_at(self.choice.device, self.settings.seed, *place)

    def _loss(
        self, network: Network, part: Part, chance: torch.Generator, drawing: torch.Generator
    ) -> Tensor:
        """Return the mean loss over the targets of a part."""
        network.set_generator(chance)
        forward = network if self._forward is None else self._forward
        with self.choice.autocast():
            hidden_bmd = forward(
                part.items_bl,
                part.places_bm,
                sees_future=part.sees_future,
                shown_bs=part.shown_bs,
            )
            hidden_md = hidden_bmd.flatten(0, 1)[part.target_places]
            return self.objective.loss(network, hidden_md, part.targets, drawing)

    def part_loss(self, part: Part, chance: torch.Generator) -> Tensor:
        """Return what a part adds to the loss of its step, a scalar."""
        return self._loss(self.trained, part, chance, chance) * part.share

    def _update_weights(self, learning_rate: float | Tensor, pull: float | Tensor) -> None:
        self.tally.grad_norm += self.optimizer.step(learning_rate)
        if self.trained is not self.network:
            move_towards(tuple(self.network.parameters()), tuple(self.trained.parameters()), pull)

    def _pull(self) -> float:
        """Return how far the average moves; the first steps are not worth keeping."""
        n_done = self.position.step + 1
        return 1 - min(self.settings.ema_decay, n_done / (n_done + 9))

    def _learning_rate(self, step: int) -> float:
        return learning_rate_at(step, self.settings.n_epochs * self.batches.n_steps, self.settings)

    def _is_line_due(self) -> bool:
        n_steps, n_done = self.batches.n_steps, self.position.epoch_step
        least = 1 if self.recorded is None else RECORDED_STEPS_PER_LOG
        every = max(math.ceil(n_steps / LOGS_PER_EPOCH), least)
        return n_done % every == 0 or n_done == n_steps

    def _tell_line(self) -> None:
        loss, grad_norm = self.tally.means()
        # Fetching these is what waits for the device, so the clock is read after it.
        self._count_time()
        sequences_per_s = self.tally.sequences_per_s()
        self.tally.clear()
        if not math.isfinite(loss):
            raise self._diverged(loss)
        learning_rate = self._learning_rate(self.position.step - 1)
        self.listener(Trained(self.position, loss, grad_norm, learning_rate, sequences_per_s))

    def _diverged(self, loss: float) -> NonFiniteLossError:
        at = self.position
        also = "" if self.choice.precision == "float32" else ", or precision=float32"
        return NonFiniteLossError(
            f"the loss became {loss} in epoch {at.epoch + 1}, step {at.step:,}",
            fix=f"Use a smaller learning_rate{also}.",
            step=at.step,
        )

    def _tidy_if_due(self) -> None:
        if self._tick - self._tidied >= TIDY_EVERY_S:
            self._tidied = self._tick
            return_freed_memory()

    def _offer_state_if_due(self) -> None:
        # The end of an epoch offers it in any case.
        is_end = self.position.epoch_step == self.batches.n_steps
        if self._unsaved_s >= CHECKPOINT_EVERY_S and not is_end:
            self._unsaved_s = 0.0
            self.listener(StateDue(self.position))

    def _validate_if_due(self) -> None:
        every, epoch = self.settings.eval_step, self.position.epoch
        if not every or (epoch % every and epoch != self.settings.n_epochs):
            return
        metrics = self.validate()
        # Whoever asked a network put it into evaluation mode.
        self.trained.train()
        self._count_time()
        # The seconds of a validation are not those of the training steps after it.
        self.tally.passed_s = 0.0
        score = metrics[self.settings.valid_metric]
        best = self.position.best_score
        is_best = best is None or score > best
        if is_best:
            self._advance(best_score=score, best_epoch=epoch, n_without_gain=0)
        else:
            self._advance(n_without_gain=self.position.n_without_gain + 1)
        self.listener(Validated(self.position, metrics, is_best))

    def _wait_if_paused(self) -> None:
        if not self.control.is_paused:
            return
        self._count_time()
        self.listener(StateDue(self.position))
        self.listener(Paused(self.position))
        self.control.wait()
        self._tick = time.monotonic()
        if not self.control.is_stopped:
            self.listener(Resumed(self.position))

    def _count_time(self) -> None:
        now = time.monotonic()
        passed, self._tick = now - self._tick, now
        self.tally.passed_s += passed
        self._unsaved_s += passed
        self._advance(trained_s=self.position.trained_s + passed)

    def _advance(self, **changes: Any) -> None:
        self.position = replace(self.position, **changes)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return what `restore` needs: tensors by name, and plain data."""
        tensors = _named("network", self.network)
        if self.trained is not self.network:
            tensors |= _named("trained", self.trained)
        sums, counts = self.tally.state()
        return tensors | self.optimizer.state() | sums, asdict(self.position) | counts

    def restore(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """Go on from a saved state, exactly."""
        weights = _of("network", tensors)
        self.network.load_state_dict(weights)
        # A run of the time before averages were kept has one set of weights.
        self.trained.load_state_dict(_of("trained", tensors) or weights)
        self.optimizer.restore(tensors)
        self.tally.restore(tensors, plain)
        known = {field.name for field in fields(Position)}
        self.position = Position(**{k: v for k, v in plain.items() if k in known})


def _named(name: str, network: Network) -> dict[str, Tensor]:
    return {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}


def _of(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{name}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


Compute = TypeVar("Compute", bound=Callable[..., Any])


def compiled(compute: Compute) -> Compute:
    """Return a network or a function, compiled at its first call.

    What torch cannot compile runs as it is, with a line in torch's own log.
    """
    torch._dynamo.config.suppress_errors = True
    return cast("Compute", torch.compile(compute))
