"""Training steps on a GPU, recorded once and then replayed (CUDA graphs, decision 0025).

A step is hundreds of operations that take a GPU microseconds each and Python more than that. What
is done with a part depends on its size alone, so it is recorded for each size that comes a second
time, and from then on one call does all of it. Whatever differs between steps is written into
tensors that stay where they are: rows, chance, learning rate.

What cannot be recorded is done operation by operation, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert4rec.batches import PART, PLACES, TrainingBatches, seed_at
from bert4rec.parts import Draft, Part, Shape


class RecordedSteps:
    """Do the steps of a training on a CUDA device.

    Args:
        batches: Static ones, on the device.
        parameters: What is trained; their gradients stay where they are.
        loss: Returns the loss of a part, a scalar, computed with chance from a generator.
        loss_sum: Where losses are summed up, a scalar on the device.
        update: Changes the weights by the gradients. Is given the learning rate and how far their
            average moves towards them, both scalars on the device.
        on_failure: Told why, should recording fail; the steps are done all the same.
    """

    def __init__(
        self,
        batches: TrainingBatches,
        parameters: list[torch.nn.Parameter],
        *,
        loss: Callable[[Part, torch.Generator], Tensor],
        loss_sum: Tensor,
        update: Callable[[Tensor, Tensor], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self.batches = batches
        self.parameters = parameters
        self.loss = loss
        self.update = update
        self.tape = Tape(batches.device, on_failure)
        self.loss_sum = loss_sum
        self.rates = torch.zeros(2, device=batches.device)
        self._gradients: list[Tensor] = []
        self._slots: dict[Shape, _Slot] = {}

    def __enter__(self) -> RecordedSteps:
        self._gradients = [torch.zeros_like(parameter) for parameter in self.parameters]
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            parameter.grad = gradient
        self.tape.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.tape.__exit__(*error)
        for parameter in self.parameters:
            parameter.grad = None

    def step(
        self, drafts: list[Draft], epoch: int, step: int, *, learning_rate: float, pull: float
    ) -> None:
        """Do one step (from 0) of an epoch.

        Args:
            drafts: Its parts.
            epoch: Epoch, from 0.
            step: Step of the epoch.
            learning_rate: Of this step.
            pull: How far the average moves towards the trained weights.
        """
        seed = self.batches.settings.seed
        n_targets = sum(int(draft.rows_5b[4].sum()) for draft in drafts)
        for index, draft in enumerate(drafts):
            if draft.shape not in self._slots:
                self._slots[draft.shape] = _Slot(draft.shape, self.batches)
            slot = self._slots[draft.shape]
            slot.fill(draft, n_targets)
            slot.drawing.manual_seed(seed_at(seed, PLACES, epoch, step))
            slot.chance.manual_seed(seed_at(seed, PART, epoch, step, index))
            if self.batches.settings.compile:
                # What torch.compile builds draws from the device's own generator.
                torch.cuda.manual_seed(slot.chance.initial_seed())
            self.tape.run(
                draft.shape, partial(self._add_gradients, slot), (slot.drawing, slot.chance)
            )
        self.rates.copy_(torch.tensor([learning_rate, pull]), non_blocking=True)
        self.tape.run("update", self._update)

    def _add_gradients(self, slot: _Slot) -> None:
        loss = self.loss(slot.part(), slot.chance)
        found = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        torch._foreach_add_(self._gradients, found)
        self.loss_sum += loss.detach()

    def _update(self) -> None:
        self.update(*self.rates)
        torch._foreach_zero_(self._gradients)


class _Slot:
    """The tensors from which a part of one shape is made."""

    def __init__(self, shape: Shape, batches: TrainingBatches) -> None:
        self.shape = shape
        self.batches = batches
        self.drawing = torch.Generator(device=batches.device)
        self.chance = torch.Generator(device=batches.device)
        # The rows of a draft and, behind them, the number of the step's targets.
        self.given = torch.zeros(
            5 * shape.size.n_rows + 1, dtype=torch.int64, device=batches.device
        )

    def fill(self, draft: Draft, n_targets: int) -> None:
        """Take the rows of a draft of this shape."""
        given = torch.from_numpy(np.append(draft.rows_5b, n_targets))
        self.given.copy_(given, non_blocking=True)

    def part(self) -> Part:
        """Return the part of what was taken."""
        rows_5b = self.given[:-1].view(5, -1)
        share = rows_5b[4].sum() / self.given[-1]
        draw_nl = self.batches.draw(self.shape, self.drawing)
        return self.batches.part(self.shape, rows_5b, draw_nl, share)


class Tape:
    """Record work on a CUDA device the second time that it is done, and replay it from then on.

    Args:
        device: A CUDA device; work is done and replayed in a stream of its own.
        on_failure: Told why, should recording fail; all is done as it comes from then on.
    """

    def __init__(self, device: str, on_failure: Callable[[str], None]) -> None:
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.on_failure = on_failure
        self.is_recording = True
        self.n_recorded = 0
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph | None] = {}
        self._pool: Any = None
        self._stream_context = torch.cuda.stream(self.stream)

    def __enter__(self) -> Tape:
        self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))
        self._stream_context.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        self._stream_context.__exit__(*error)
        self.stream.synchronize()
        # What they held is for whoever judges next.
        self._graphs.clear()
        self._pool = None

    def run(
        self, key: Hashable, work: Callable[[], None], chance: Sequence[torch.Generator] = ()
    ) -> None:
        """Do work, the same for the same key but for what the tensors hold that it reads.

        Args:
            key: What the work is told by.
            work: Neither waits for the device nor asks it for a size.
            chance: What it draws from.
        """
        if key not in self._graphs or not self.is_recording:
            # The first time loads kernels and memory, which cannot be recorded.
            work()
            self._graphs.setdefault(key, None)
            return
        graph = self._graphs[key]
        if graph is None:
            try:
                graph = self._graphs[key] = self._recorded(work, chance)
            except RuntimeError as error:
                self.is_recording = False
                self.stream.synchronize()
                self._graphs.clear()
                self.on_failure(str(error).partition("\n")[0])
                work()
                return
        graph.replay()

    def _recorded(
        self, work: Callable[[], None], chance: Sequence[torch.Generator]
    ) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        for generator in chance:
            graph.register_generator_state(generator)
        # Other threads may use the device meanwhile: visitors ask models that are in its memory.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=self.stream, capture_error_mode="thread_local"
        ):
            work()
        self._pool = self._pool or graph.pool()
        self.n_recorded += 1
        return graph
