from __future__ import annotations

import itertools

import numpy as np
import pytest

from bert4rec import estimate, run_memory
from bert4rec.batches import TrainingBatches
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.errors import DatasetError, DeviceMemoryError
from bert4rec.estimate import MAX_PROBE_STEPS, probe, size_of
from bert4rec.first_batch import first_batch
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.workshop import Workshop

SETTINGS = Hyperparameters(
    hidden_size=8, inner_size=16, batch_size=8, n_epochs=3, max_seq_length=6, n_threads=1
)


@pytest.fixture(scope="module")
def dataset() -> SequenceDataset:
    rng = np.random.default_rng(0)
    return SequenceDataset.from_sequences(
        [rng.integers(1, 21, size=size) for size in rng.integers(1, 15, size=40)], n_items=20
    )


class TickingClock:
    """A clock that goes on by one second whenever it is read."""

    def __init__(self) -> None:
        self.ticks = itertools.count()

    def __call__(self) -> float:
        return float(next(self.ticks))


def test_the_size_is_that_of_the_run(dataset: SequenceDataset) -> None:
    size, workshop = size_of(dataset, SETTINGS), Workshop.open(dataset, SETTINGS)
    assert size.n_parameters == sum(p.numel() for p in workshop.network.parameters())
    assert size.n_sequences == workshop.batches.n_sequences
    assert size.n_steps_per_epoch == workshop.batches.n_steps
    assert size.n_steps == 3 * workshop.batches.n_steps
    assert size.loss_type == workshop.objective.loss_type


def test_a_wider_network_and_a_larger_batch_need_more_memory(dataset: SequenceDataset) -> None:
    small = size_of(dataset, SETTINGS).memory_bytes
    wide = SETTINGS.model_copy(update={"hidden_size": 64})
    large = SETTINGS.model_copy(update={"batch_size": 64})
    assert size_of(dataset, wide).memory_bytes > small
    assert size_of(dataset, large).memory_bytes > small


def test_a_probe_ends_at_its_limit(dataset: SequenceDataset) -> None:
    found = probe(dataset, SETTINGS, limit_s=5, clock=TickingClock())
    assert 1 <= found.n_probed_steps <= 6


def test_a_probe_of_a_tiny_dataset_ends_after_enough_steps(dataset: SequenceDataset) -> None:
    found = probe(dataset, SETTINGS, limit_s=1e9, clock=TickingClock())
    assert found.n_probed_steps <= MAX_PROBE_STEPS


def test_the_time_of_a_run_is_that_of_its_steps_and_validations(dataset: SequenceDataset) -> None:
    found = probe(dataset, SETTINGS, limit_s=8, clock=TickingClock())
    expected = found.step_s * found.size.n_steps + 3 * found.valid_s
    assert found.total_s == pytest.approx(expected)
    assert found.epoch_s == pytest.approx(expected / 3)
    assert found.step_s > 0
    assert found.valid_s > 0


def test_a_run_that_never_validates_spends_no_time_on_it(dataset: SequenceDataset) -> None:
    silent = SETTINGS.model_copy(update={"eval_step": 0})
    assert probe(dataset, silent, limit_s=3, clock=TickingClock()).valid_s == 0


def test_a_probe_of_what_cannot_fit_is_refused_before_it_begins(
    dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "free_memory_bytes", lambda device: 1000)
    with pytest.raises(DeviceMemoryError, match="free on cpu"):
        probe(dataset, SETTINGS)


def test_a_dataset_without_a_long_history_is_refused() -> None:
    short = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    with pytest.raises(DatasetError):
        size_of(short, SETTINGS)


def test_the_first_batch_is_the_one_that_the_run_trains_on(dataset: SequenceDataset) -> None:
    batches: TrainingBatches = Workshop.open(dataset, SETTINGS).batches
    parts = batches.parts(batches.order(0), 0, 0)
    shown = first_batch(dataset, SETTINGS, n_rows=100)
    assert shown.n_sequences == len(shown.rows) == sum(len(part.items_bl) for part in parts)
    assert shown.n_next == sum(not row.sees_future for row in shown.rows)
    assert shown.n_asked == sum(place.is_asked for row in shown.rows for place in row.places)
    rows = iter(shown.rows)
    for part in parts:
        n_wide = part.places_bm.shape[1]
        for index, items in enumerate(part.items_bl):
            row = next(rows)
            columns = part.target_places[part.target_places // n_wide == index] % n_wide
            asked = part.places_bm[index, columns] - int((items == PAD_IDX).sum())
            assert row.sees_future == part.sees_future
            is_asked = [at for at, place in enumerate(row.places) if place.is_asked]
            assert is_asked == sorted(asked.tolist())


def test_a_place_that_is_asked_for_tells_the_true_item(dataset: SequenceDataset) -> None:
    settings = SETTINGS.model_copy(update={"max_seq_length": 50})
    histories = {
        tuple(dataset.vocabulary.title(int(item)) for item in dataset.history(user)[:-2])
        for user in range(dataset.n_users)
    } | {
        tuple(dataset.vocabulary.title(int(item)) for item in dataset.history(user))
        for user in range(dataset.n_users)
        if len(dataset.history(user)) < 3
    }
    rows = [row.places for row in first_batch(dataset, settings, n_rows=8).rows]
    assert all(tuple(place.title for place in row) in histories for row in rows)
    assert any(place.is_asked for row in rows for place in row)


@pytest.mark.parametrize("batch_size", [8, 64, 400])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_memory_is_told_of_parts_as_large_as_those_of_a_step(
    batch_size: int, n_threads: int
) -> None:
    rng = np.random.default_rng(0)
    histories = [rng.integers(1, 21, size=size) for size in rng.integers(3, 90, size=400)]
    dataset = SequenceDataset.from_sequences(histories, n_items=20)
    changes = {"batch_size": batch_size, "n_threads": n_threads, "max_seq_length": 60}
    settings = SETTINGS.model_copy(update=changes)
    workshop = Workshop.open(dataset, settings)
    parts = workshop.batches.parts(workshop.batches.order(0), 0, 0)
    n_tokens = sorted(part.shown_bs.numel() + part.places_bm.numel() for part in parts)
    found = run_memory._largest_part(workshop.split, settings, workshop.choice)
    assert 0.6 < found.n_tokens / sum(n_tokens[-n_threads:]) < 1.7
    n_places = sorted(part.places_bm.numel() for part in parts)
    assert 0.5 < found.n_places / sum(n_places[-n_threads:]) < 2


def test_what_is_judged_at_once_counts(dataset: SequenceDataset) -> None:
    few = SETTINGS.model_copy(update={"eval_batch_size": 1})
    assert size_of(dataset, few).memory_bytes < size_of(dataset, SETTINGS).memory_bytes
