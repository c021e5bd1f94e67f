from __future__ import annotations

import functools
import itertools
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bert4rec import batches
from bert4rec import trainer as trainer_module
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import NonFiniteLossError
from bert4rec.events import Event, Paused, Resumed, StateDue, Trained, Validated
from bert4rec.negatives import Negatives, NegativeSampler
from bert4rec.optimizer import learning_rate_at
from bert4rec.trainer import LOGS_PER_EPOCH, Trainer
from bert4rec.workshop import Workshop
from tests.factories import random_dataset, ring_dataset, small_settings
from tests.waiting import LIMIT_S


def small_dataset() -> SequenceDataset:
    return random_dataset([6, 9, 5, 12, 20, 7] * 5, n_items=9)


def trainer_of(
    dataset: SequenceDataset | None = None,
    *,
    listener: Callable[[Event], None] | None = None,
    control: Control | None = None,
    validate: Callable[[], dict[str, float]] | None = None,
    **changes: Any,
) -> Trainer:
    """A trainer on 30 histories in batches of 8, four steps an epoch."""
    settings = small_settings(**({"batch_size": 8} | changes))
    workshop = Workshop.open(dataset or small_dataset(), settings)
    return workshop.trainer(listener, control=control, validate=validate)


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.network.state_dict().items()}


def assert_equal_weights(one: Trainer, two: Trainer) -> None:
    left, right = weights_of(one), weights_of(two)
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


def tick(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    """Let every look of this thread at the clock find it `step_s` later."""
    clock, others, mine = itertools.count(step=step_s), time.monotonic, threading.get_ident()
    monkeypatch.setattr(
        trainer_module.time,
        "monotonic",
        lambda: float(next(clock)) if threading.get_ident() == mine else others(),
    )


def test_a_training_tells_of_losses_then_of_the_validation_then_of_its_state() -> None:
    events: list[Event] = []
    trainer = trainer_of(listener=events.append, n_epochs=2)
    assert trainer.run() == "completed"
    kinds = [type(event) for event in events]
    assert kinds == [*[Trained] * 4, Validated, StateDue] * 2
    steps = [event.position.step for event in events if isinstance(event, Trained)]
    assert steps == list(range(1, 9))
    assert (trainer.position.epoch, trainer.position.epoch_step) == (2, 0)


@pytest.mark.parametrize("loss_type", ["CE", "sampled_CE", "gBCE", "BCE", "BPR"])
def test_every_loss_falls_on_the_ring(loss_type: str) -> None:
    losses: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            losses.append(event.loss)

    trainer_of(
        ring_dataset(n_users=64),
        listener=listen,
        loss_type=loss_type,
        n_epochs=20,
        batch_size=32,
        eval_step=0,
        learning_rate=1e-2,
        initializer_range=0.1,
        dropout_rate=0,
    ).run()
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("loss_type", ["CE", "sampled_CE", "gBCE", "BCE", "BPR"])
def test_a_step_is_the_same_however_it_is_cut_into_parts(
    loss_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, n_parts = ring_dataset(n_items=5, n_users=60, min_length=6), []
    told: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            told.append(event.loss)

    for most in (12_800, 40):
        monkeypatch.setattr(batches, "MAX_PART_TOKENS", most)
        trainer = trainer_of(
            dataset,
            listener=listen,
            loss_type=loss_type,
            attention="causal",
            batch_size=60,
            negative_sharing="batch",
            dropout_rate=0,
            n_epochs=1,
            eval_step=0,
        )
        parts = trainer.batches.parts(trainer.batches.order(0), 0, 0)
        n_parts.append(len(parts))
        trainer.run()
    assert n_parts[0] < n_parts[1]
    assert told[0] == pytest.approx(told[1], rel=1e-6)


@pytest.mark.parametrize("grad_clip", [0.0, 1e-3, 1e9])
def test_the_gradient_norm_is_told_as_it_was_before_clipping(grad_clip: float) -> None:
    told: list[Trained] = []
    trainer = trainer_of(
        listener=lambda event: told.append(event) if isinstance(event, Trained) else None,
        n_epochs=1,
        grad_clip=grad_clip,
        eval_step=0,
    )
    twin = trainer_of(n_epochs=1, grad_clip=0.0, eval_step=0)
    norms: list[float] = []
    step = twin.optimizer.step

    def look(rate: float) -> torch.Tensor:
        gradients = [p.grad.flatten() for p in twin.optimizer.parameters if p.grad is not None]
        norms.append(float(torch.cat(gradients).norm()))
        return step(rate)

    twin.optimizer.step = look  # type: ignore[method-assign]
    trainer.run()
    twin.run()
    assert told[0].grad_norm == pytest.approx(norms[0], rel=1e-4)
    if grad_clip != 1e-3:
        # Unclipped both go the same way.
        assert [event.grad_norm for event in told] == pytest.approx(norms, rel=1e-3)


class Waits(TorchDispatchMode):
    """Counts how often a number is fetched from the device."""

    n = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.n += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_no_step_waits_for_the_device_to_tell_its_gradient_norm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = {}
    for n_lines in (1, 4):
        monkeypatch.setattr(trainer_module, "LOGS_PER_EPOCH", n_lines)
        norms: list[float] = []

        def listen(event: Event, norms: list[float] = norms) -> None:
            if isinstance(event, Trained):
                norms.append(event.grad_norm)

        trainer = trainer_of(listener=listen, n_epochs=1, eval_step=0)
        with Waits() as found:
            trainer.run()
        assert len(norms) == n_lines
        waits[n_lines] = found.n
    # Whatever else looks at numbers on a CPU does so in each step, however many lines there are.
    per_line = (waits[4] - waits[1]) / 3
    assert per_line <= 2


def test_the_state_of_the_time_before_gradient_norms_can_be_restored() -> None:
    told: list[Trained] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            told.append(event)

    trainer = trainer_of(listener=listen, n_epochs=1, eval_step=0)
    tensors, plain = trainer.state()
    del tensors["norm_sum"]
    trainer.restore(tensors, plain)
    trainer.run()
    # Of the line under way nothing is known; the next one is whole.
    assert [math.isnan(event.grad_norm) for event in told] == [True, False, False, False]


def test_the_mean_of_the_steps_since_the_last_line_is_told() -> None:
    losses: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            losses.append(event.loss)

    every_step = trainer_of(listener=listen, n_epochs=1, eval_step=0)
    every_step.run()
    single, losses = losses, []
    sparse = trainer_of(listener=listen, n_epochs=1, eval_step=0)
    every, n_steps = 4, sparse.batches.n_steps
    assert n_steps == every
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "LOGS_PER_EPOCH", 1)
        sparse.run()
    assert losses == pytest.approx([sum(single) / 4], rel=1e-6)


@pytest.mark.parametrize("n_lines", [4, 2, 1])
def test_the_learning_rate_that_is_told_is_that_of_the_last_step(
    n_lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, float]] = []
    used: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            told.append((event.position.step, event.learning_rate))

    trainer = trainer_of(listener=listen, n_epochs=2, warmup_steps=3, schedule="linear")
    step = trainer.optimizer.step

    def note(learning_rate: Any) -> torch.Tensor:
        used.append(learning_rate)
        return step(learning_rate)

    monkeypatch.setattr(trainer.optimizer, "step", note)
    monkeypatch.setattr(trainer_module, "LOGS_PER_EPOCH", n_lines)
    trainer.run()
    assert len(told) == 2 * n_lines
    assert told == [(n_done, used[n_done - 1]) for n_done, _ in told]


def test_an_epoch_writes_a_bounded_number_of_lines_and_one_at_its_end() -> None:
    lines: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            lines.append(event.position.epoch_step)

    trainer = trainer_of(listener=listen, n_epochs=1, batch_size=1, eval_step=0)
    trainer.run()
    assert trainer.batches.n_steps == 30
    assert len(lines) <= LOGS_PER_EPOCH
    assert lines[-1] == 30


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    one, two, other = trainer_of(), trainer_of(), trainer_of(seed=8)
    one.run()
    torch.manual_seed(99)
    two.run()
    other.run()
    assert_equal_weights(one, two)
    assert not torch.equal(one.network.items.weight, other.network.items.weight)


def test_the_padding_vector_stays_zero() -> None:
    trainer = trainer_of(weight_decay=0.1)
    trainer.run()
    assert trainer.network.items.weight[0].abs().sum() == 0


@pytest.mark.parametrize(
    ("stop_at", "changes"),
    [
        *((stop_at, {}) for stop_at in (1, 3, 4, 6, 8)),
        (3, {"ema_decay": 0}),
        (3, {"n_threads": 2}),
        (3, {"n_threads": 2, "precision": "bfloat16"}),
        (3, {"loss_type": "sampled_CE"}),
        (3, {"loss_type": "gBCE", "negative_sampling": "popularity", "negative_sharing": "batch"}),
    ],
)
def test_a_training_that_was_stopped_goes_on_exactly_where_it_was(
    stop_at: int, changes: dict[str, Any]
) -> None:
    whole = trainer_of(**changes)
    whole.run()
    control = Control()

    def listen(event: Event) -> None:
        if isinstance(event, Trained) and event.position.step == stop_at:
            control.stop()

    first = trainer_of(listener=listen, control=control, **changes)
    assert first.run() == "stopped"
    assert first.position.step == stop_at
    tensors, plain = first.state()
    copied = {name: value.clone() for name, value in tensors.items()}
    second = trainer_of(**changes)
    second.restore(copied, plain)
    assert second.run() == "completed"
    assert_equal_weights(whole, second)
    assert second.position.best_score == whole.position.best_score
    assert second.position.best_epoch == whole.position.best_epoch


def test_the_network_is_the_moving_average_of_the_trained_weights() -> None:
    trainer = trainer_of(ema_decay=0.7)
    expected = weights_of(trainer)
    order = trainer.batches.order(0)
    trainer.trained.train()
    for step in range(4):
        trainer._train_step(order, 0, step)
        # The first steps count for less: 1/10, 2/11, 3/12, then up to the decay.
        decay = min(0.7, (step + 1) / (step + 10))
        for name, value in trainer.trained.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in trainer.network.state_dict().items():
        torch.testing.assert_close(value, expected[name])
    assert not torch.equal(trainer.network.items.weight, trainer.trained.items.weight)


def test_without_a_decay_the_network_is_trained_in_place() -> None:
    trainer = trainer_of(ema_decay=0)
    assert trainer.trained is trainer.network
    assert not [name for name in trainer.state()[0] if name.startswith("trained.")]


def test_a_state_from_before_averages_were_kept_goes_on_from_its_weights() -> None:
    old = trainer_of(ema_decay=0, n_epochs=1)
    old.run()
    new = trainer_of()
    new.restore(*old.state())
    assert torch.equal(new.trained.items.weight, old.network.items.weight)
    assert new.run() == "completed"


@pytest.mark.parametrize("sharing", ["place", "batch"])
def test_a_sampled_loss_changes_the_items_that_it_met_and_no_others(sharing: str) -> None:
    dataset = random_dataset([6, 9, 5], n_items=5000)
    trainer = trainer_of(dataset, loss_type="sampled_CE", negative_sharing=sharing, n_epochs=1)
    before = trainer.network.items.weight.detach().clone()
    trainer.trained.train()
    trainer._train_step(trainer.batches.order(0), 0, 0)
    assert trainer.network.items.weight.grad.is_sparse
    is_changed = (trainer.network.items.weight != before).any(dim=1)
    assert 0 < is_changed.sum() < 100
    # Neither PAD nor any item beyond those of the three histories and a few negatives.
    assert not is_changed[0]
    assert is_changed[trainer.network.mask_idx]


@pytest.mark.parametrize("sharing", ["place", "batch"])
def test_all_parts_of_a_step_share_what_the_batch_shares(
    sharing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(loss_type="sampled_CE", negative_sharing=sharing, next_item_rate=0.5)
    drawn: list[torch.Tensor] = []
    draw = NegativeSampler.draw

    def spy(sampler: NegativeSampler, *args: Any) -> Negatives:
        found = draw(sampler, *args)
        drawn.append(found.rows.flatten()[: trainer.settings.negative_samples_count])
        return found

    monkeypatch.setattr(NegativeSampler, "draw", spy)
    trainer.trained.train()
    order = trainer.batches.order(0)
    trainer._train_step(order, 0, 0)
    n_parts = len(drawn)
    assert n_parts == len(trainer.batches.parts(order, 0, 0)) > 1
    are_same = all(torch.equal(rows, drawn[0]) for rows in drawn)
    assert are_same == (sharing == "batch")
    trainer._train_step(order, 0, 1)
    assert not torch.equal(drawn[n_parts], drawn[0])


def test_the_loss_line_after_a_restart_is_that_of_an_uninterrupted_training() -> None:
    """The steps before the stop belong to the mean too."""
    losses: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            losses.append(event.loss)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "LOGS_PER_EPOCH", 1)
        trainer_of(listener=listen, n_epochs=1).run()
        first = trainer_of(n_epochs=1)
        order = first.batches.order(0)
        first.trained.train()
        for epoch_step in range(2):
            first._train_step(order, 0, epoch_step)
        second = trainer_of(listener=listen, n_epochs=1)
        second.restore(*first.state())
        second.run()
    assert losses[0] == losses[1]


def test_the_speed_line_after_a_restart_counts_the_seconds_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Trained):
            told.append(event.sequences_per_s)

    monkeypatch.setattr(trainer_module, "LOGS_PER_EPOCH", 1)
    tick(monkeypatch, 1.0)
    trainer_of(listener=listen, n_epochs=1, eval_step=0).run()
    first = trainer_of(n_epochs=1)
    order = first.batches.order(0)
    first.trained.train()
    first._tick = trainer_module.time.monotonic()
    for epoch_step in range(2):
        first._must_leave()
        first._train_step(order, 0, epoch_step)
    tensors, plain = first.state()
    # As of the time before these seconds were kept.
    old = {key: value for key, value in plain.items() if key != "summed_s"}
    for state in (plain, old):
        second = trainer_of(listener=listen, n_epochs=1, eval_step=0)
        second.restore(tensors, state)
        second.run()
    assert told[1] == told[0] == 30 / 5
    assert told[2] == 30 / 3


def test_no_gain_in_as_many_validations_as_patience_ends_the_training() -> None:
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.1, 0.9])
    trainer = trainer_of(
        validate=lambda: {"ndcg@10": next(scores)}, n_epochs=50, early_stopping_step=3
    )
    assert trainer.run() == "no gain"
    assert trainer.position.epoch == 5
    assert (trainer.position.best_epoch, trainer.position.best_score) == (2, 0.3)


def test_a_patience_of_zero_never_ends_the_training() -> None:
    trainer = trainer_of(validate=lambda: {"ndcg@10": 0.0}, n_epochs=15, early_stopping_step=0)
    assert trainer.run() == "completed"
    assert trainer.position.best_epoch == 1


@pytest.mark.parametrize(
    ("eval_step", "epochs"), [(0, []), (1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])]
)
def test_validations_come_at_their_epochs_and_after_the_last(
    eval_step: int, epochs: list[int]
) -> None:
    validated: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, Validated):
            validated.append(event.position.epoch)

    trainer_of(listener=listen, n_epochs=5, eval_step=eval_step).run()
    assert validated == epochs


def test_the_best_epoch_is_that_of_the_metric_that_was_chosen() -> None:
    rows = iter([{"ndcg@10": 0.5, "hr@5": 0.1}, {"ndcg@10": 0.4, "hr@5": 0.2}])
    trainer = trainer_of(validate=lambda: next(rows), n_epochs=2, valid_metric="hr@5")
    trainer.run()
    assert trainer.position.best_epoch == 2


def test_the_time_limit_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    tick(monkeypatch, 10.0)
    trainer = trainer_of(max_minutes=1, n_epochs=50, eval_step=0)
    assert trainer.run() == "time limit"
    assert 60 <= trainer.position.trained_s < 100
    assert trainer.position.epoch < 50


def test_a_long_epoch_offers_its_state_for_saving(monkeypatch: pytest.MonkeyPatch) -> None:
    tick(monkeypatch, trainer_module.CHECKPOINT_EVERY_S / 2)
    due: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, StateDue):
            due.append(event.position.epoch_step)

    trainer_of(listener=listen, n_epochs=1, batch_size=2, eval_step=0).run()
    assert len(due) > 3
    # The last one is the epoch's own end.
    assert due[-1] == 0
    assert all(0 < step < 15 for step in due[:-1])


def test_a_pause_lasts_until_another_thread_lets_the_training_go_on() -> None:
    control, is_paused = Control(), threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Trained) and event.position.step == 2:
            control.pause()
        if isinstance(event, Paused):
            is_paused.set()

    trainer = trainer_of(listener=listen, control=control)
    worker = threading.Thread(target=trainer.run)
    worker.start()
    assert is_paused.wait(LIMIT_S)
    assert control.is_paused
    assert trainer.position.step == 2
    control.resume()
    worker.join(LIMIT_S)
    assert not worker.is_alive()
    kinds = [type(event) for event in events[:6]]
    assert kinds == [Trained, Trained, StateDue, Paused, Resumed, Trained]
    whole = trainer_of()
    whole.run()
    assert_equal_weights(whole, trainer)


def test_a_paused_training_can_be_stopped() -> None:
    control, is_paused = Control(), threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Paused):
            is_paused.set()

    control.pause()
    trainer = trainer_of(listener=listen, control=control)
    worker = threading.Thread(target=trainer.run)
    worker.start()
    assert is_paused.wait(LIMIT_S)
    control.stop()
    worker.join(LIMIT_S)
    assert not worker.is_alive()
    assert trainer.position.step == 0
    assert not any(isinstance(event, Resumed) for event in events)


def test_a_pause_does_not_count_as_training(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(trainer_module.time, "monotonic", lambda: now[0])
    control = Control()
    monkeypatch.setattr(
        control, "wait", lambda: (now.__setitem__(0, now[0] + 999), control.resume())
    )
    control.pause()
    trainer = trainer_of(control=control, eval_step=0)
    trainer.run()
    assert now == [999]
    assert trainer.position.trained_s == 0


def test_a_loss_that_is_no_number_ends_the_training_with_advice() -> None:
    trainer = trainer_of()
    with torch.no_grad():
        trainer.trained.items.weight[3] = float("inf")
    with pytest.raises(NonFiniteLossError, match="smaller learning_rate") as caught:
        trainer.run()
    assert "epoch 1, step 1" in caught.value.message


def test_bfloat16_trains_near_to_float32() -> None:
    losses: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for precision, found in losses.items():
        trainer_of(
            listener=lambda event, found=found: (  # type: ignore[misc]
                found.append(event.loss) if isinstance(event, Trained) else None
            ),
            precision=precision,
            eval_step=0,
        ).run()
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)
    assert losses["bfloat16"] != losses["float32"]


def test_the_learning_rate_climbs_then_follows_its_schedule() -> None:
    settings = small_settings(learning_rate=1.0, warmup_steps=4, schedule="linear")
    rates = [learning_rate_at(step, 104, settings) for step in range(105)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1
    assert rates[54] == pytest.approx(0.01 + 0.99 * 0.5)
    assert rates[104] == pytest.approx(0.01)
    cosine = small_settings(learning_rate=1.0, schedule="cosine")
    assert learning_rate_at(50, 100, cosine) == pytest.approx(0.505)
    assert learning_rate_at(10, 100, cosine) > learning_rate_at(10, 100, settings)
    constant = small_settings(learning_rate=0.5)
    assert {learning_rate_at(step, 10, constant) for step in range(12)} == {0.5}


def test_a_compiled_step_gives_the_numbers_of_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tracing is what could go wrong here; building machine code would only take a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    losses = {}
    for is_compiled in (False, True):
        told: list[Event] = []
        trainer_of(listener=told.append, compile=is_compiled, n_epochs=1).run()
        losses[is_compiled] = [event.loss for event in told if isinstance(event, Trained)]
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)
