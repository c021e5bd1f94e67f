"""Steps as a GPU does them: on a CPU without the recording, on a GPU with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from bert4rec import recorded
from bert4rec.data.dataset import SequenceDataset
from bert4rec.evaluation import judge
from bert4rec.events import Event, Trained, Unrecorded
from bert4rec.histories import Histories
from bert4rec.losses import full_softmax_loss, softmax_and_losses
from bert4rec.parts import N_SIZES, n_static_parts, rounded_up
from bert4rec.trainer import Trainer
from bert4rec.workshop import Workshop
from tests.factories import random_dataset, small_settings

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
KINDS = [
    {"next_item_rate": 0.5},
    {"next_item_rate": 0.0},
    {"attention": "causal"},
    {"next_item_rate": 0.5, "ema_decay": 0.0},
]


class PlainTape:
    """Does work as it comes, on any device, as a tape does until it records."""

    def __init__(self, device: str, on_failure: Callable[[str], None]) -> None:
        self.keys: list[Hashable] = []

    def __enter__(self) -> PlainTape:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was begun."""

    def run(
        self, key: Hashable, work: Callable[[], None], chance: tuple[torch.Generator, ...] = ()
    ) -> None:
        self.keys.append(key)
        work()


def mixed_dataset() -> SequenceDataset:
    lengths = np.random.default_rng(1).integers(1, 60, 200).tolist()
    return random_dataset(lengths, n_items=50)


def trainer_of(
    device: str, told: list[Event], *, is_static: bool = True, **changes: Any
) -> Trainer:
    settings = small_settings(
        **{"n_layers": 2, "max_seq_length": 40, "batch_size": 64, "device": device} | changes
    )
    workshop = Workshop.open(mixed_dataset(), settings)
    workshop.batches.is_static = is_static
    return workshop.trainer(told.append, validate=lambda: {settings.valid_metric: 0.0})


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in trainer.network.state_dict().items()}


def assert_close(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], limit: float) -> None:
    """The distance of all weights together, as a share of their norm."""
    distance = sum(float((one[name] - two[name]).norm() ** 2) for name in one) ** 0.5
    norm = sum(float(value.norm() ** 2) for value in two.values()) ** 0.5
    assert distance < limit * norm


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("n_parts", [1, 2])
def test_steps_for_a_tape_are_those_of_the_plain_loop(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], n_parts: int
) -> None:
    monkeypatch.setattr(recorded, "Tape", PlainTape)
    found, losses = [], []
    for is_taped in (True, False):
        told: list[Event] = []
        trainer = trainer_of("cpu", told, **changes)
        trainer.batches.n_parts = n_parts
        if not is_taped:
            trainer.recorded = None
        trainer.run()
        found.append(weights_of(trainer))
        lines = [event.loss for event in told if isinstance(event, Trained)]
        # What is taped has fewer lines.
        losses.append(np.reshape(lines, (3, -1)).mean(axis=1))
    assert_close(*found, 1e-4)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_is_taped_has_few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "Tape", PlainTape)
    trainer = trainer_of("cpu", [], n_epochs=20)
    trainer.run()
    assert trainer.recorded is not None
    tape = trainer.recorded.tape
    assert isinstance(tape, PlainTape)
    # Four steps an epoch, the last one smaller, with the targets of its rows up to chance.
    assert tape.keys.count("update") == 80
    assert len(set(tape.keys)) < 14


@pytest.mark.parametrize("most", [1, 2, 15, 16, 17, 100, 1000])
def test_rounded_sizes_are_few_and_no_smaller(most: int) -> None:
    found = [rounded_up(value, most) for value in range(1, most + 1)]
    assert all(size >= value for value, size in enumerate(found, 1))
    assert found == sorted(found)
    assert found[-1] == most
    assert len(set(found)) <= N_SIZES


def test_long_and_short_histories_are_apart_where_that_saves_a_gpu_more_than_it_costs() -> None:
    spread = np.concatenate([np.full(500, 200), np.full(9_500, 8)])
    found = [
        n_static_parts(spread, small_settings(hidden_size=d, max_seq_length=200, batch_size=256))
        for d in (16, 128, 512)
    ]
    assert found == [1, 2, 4]
    wide = small_settings(hidden_size=512, max_seq_length=200, batch_size=256)
    assert n_static_parts(np.full(10_000, 200), wide) == 1
    assert n_static_parts(np.array([], dtype=np.int64), wide) == 1


@contextmanager
def broken_graph(*arguments: object, **options: object) -> Iterator[None]:
    yield
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


@needs_gpu
@pytest.mark.parametrize("changes", KINDS)
def test_replayed_steps_are_those_done_as_they_come(changes: dict[str, Any]) -> None:
    found = []
    for is_recording in (True, False):
        told: list[Event] = []
        trainer = trainer_of("cuda:0", told, n_epochs=8, **changes)
        assert trainer.recorded is not None
        trainer.recorded.tape.is_recording = is_recording
        trainer.run()
        assert (trainer.recorded.tape.n_recorded > 1) == is_recording
        assert not any(isinstance(event, Unrecorded) for event in told)
        found.append(weights_of(trainer))
    # Additions meet in another order on a GPU every time, and training makes more of it.
    assert_close(*found, 3e-3)


@needs_gpu
def test_a_step_that_cannot_be_recorded_is_done_and_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = trainer_of("cuda:0", [])
    plain.run()
    monkeypatch.setattr(torch.cuda, "graph", broken_graph)
    told: list[Event] = []
    trainer = trainer_of("cuda:0", told)
    trainer.run()
    [event] = [event for event in told if isinstance(event, Unrecorded)]
    assert event.reason == "operation not permitted when stream is capturing"
    assert trainer.position.step == plain.position.step


@needs_gpu
def test_a_resumed_training_on_a_gpu_goes_on_where_it_was() -> None:
    whole = trainer_of("cuda:0", [], n_epochs=6)
    whole.run()
    first = trainer_of("cuda:0", [], n_epochs=3)
    first.run()
    second = trainer_of("cuda:0", [], n_epochs=6)
    second.restore(*first.state())
    second.run()
    assert_close(weights_of(second), weights_of(whole), 3e-3)


@needs_gpu
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (300, 1000), (0, 5)])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_s_loss_and_gradients_are_those_in_float64(
    shape: tuple[int, int], compiled: bool
) -> None:
    n_places, n_items = shape
    chance = torch.Generator().manual_seed(3)
    hidden = torch.randn(n_places, 8, generator=chance, dtype=torch.float64)
    table = torch.randn(n_items, 8, generator=chance, dtype=torch.float64)
    target = torch.randint(-1, n_items, (n_places,), generator=chance)
    softmax = torch.compile(softmax_and_losses) if compiled else softmax_and_losses
    found = []
    for device, dtype in (("cpu", torch.float64), ("cuda", torch.float32)):
        inputs = [each.to(device, dtype, copy=True).requires_grad_() for each in (hidden, table)]
        chosen = softmax if device == "cuda" else softmax_and_losses
        loss = full_softmax_loss(*inputs, target.to(device), chosen)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append([each.detach().cpu().double() for each in (loss, *(x.grad for x in inputs))])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


@needs_gpu
def test_a_gpu_ranks_as_a_cpu_does_ties_included() -> None:
    dataset = mixed_dataset()

    class Steps:
        """Scores of few values, so that many are equal."""

        def __init__(self, device: str) -> None:
            self.device = device

        def scores(self, histories: Histories) -> torch.Tensor:
            rows = torch.arange(len(histories), device=self.device)[:, None]
            items = torch.arange(dataset.n_items, device=self.device)
            return ((rows * 7 + items * 3) % 5).float()

    split = Workshop.open(dataset, small_settings()).split
    for remove_seen in (True, False):
        one, two = (
            judge(Steps(device), dataset, split.test, remove_seen=remove_seen)
            for device in ("cpu", "cuda:0")
        )
        assert np.array_equal(one.ranks, two.ranks)
        assert np.array_equal(one.top, two.top)
