from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bert4rec.batches import NEXT_ITEM_SHARE, Batch, TrainingBatches, generator_at
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from tests.factories import random_dataset, small_settings


def batches_of(dataset: SequenceDataset, **changes: Any) -> TrainingBatches:
    users = np.arange(dataset.n_users)
    everything = Segments(users, dataset.offsets[:-1], dataset.offsets[1:])
    mask_idx = dataset.vocabulary.mask_idx
    return TrainingBatches(
        dataset.items, everything, mask_idx, small_settings(**changes), device="cpu"
    )


def batch_at(batches: TrainingBatches, epoch: int, step: int) -> Batch:
    return batches.batch(batches.order(epoch), epoch, step)


def same(one: Batch, two: Batch) -> bool:
    pairs = zip(vars(one).values(), vars(two).values(), strict=True)
    return all(torch.equal(torch.as_tensor(left), torch.as_tensor(right)) for left, right in pairs)


def test_every_sequence_comes_once_an_epoch_in_a_new_order() -> None:
    batches = batches_of(random_dataset([3] * 50), batch_size=8)
    orders = [batches.order(epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(50))
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])
    sizes = [len(batch_at(batches, 0, step).items_bl) for step in range(batches.n_steps)]
    assert sizes == [8, 8, 8, 8, 8, 8, 2]


def test_empty_sequences_are_left_out() -> None:
    batches = batches_of(random_dataset([0, 3, 0, 2, 0]))
    assert (batches.n_sequences, batches.n_steps) == (2, 1)


def test_the_same_seed_epoch_and_step_give_the_same_batch() -> None:
    dataset = random_dataset([9, 20, 4, 12])
    one, two = batches_of(dataset), batches_of(dataset)
    torch.manual_seed(1)
    first = batch_at(one, 5, 0)
    # What was asked for in between and torch's own generator must not matter.
    torch.manual_seed(2)
    batch_at(two, 0, 0)
    assert same(first, batch_at(two, 5, 0))


def test_masks_are_fresh_every_epoch_and_differ_by_seed() -> None:
    dataset = random_dataset([12] * 4)
    batches = batches_of(dataset, next_item_rate=0)
    order = batches.order(0)
    by_epoch = [batches.batch(order, epoch, 0).items_bl for epoch in range(3)]
    other_seed = batches_of(dataset, next_item_rate=0, seed=8).batch(order, 0, 0).items_bl
    assert not torch.equal(by_epoch[0], by_epoch[1])
    assert not torch.equal(by_epoch[1], by_epoch[2])
    assert not torch.equal(by_epoch[0], other_seed)


def test_masks_fall_evenly_on_all_places() -> None:
    batches = batches_of(random_dataset([10] * 2000), next_item_rate=0, batch_size=2000)
    hidden_bl = batch_at(batches, 0, 0).items_bl == batches.mask_idx
    share = hidden_bl.float().mean(dim=0)
    # Two of ten; 0.04 is more than four standard deviations of 2,000 draws.
    assert (share - 0.2).abs().max() < 0.04


def test_a_next_item_step_hides_nothing_and_asks_for_the_last_item_and_others() -> None:
    batches = batches_of(random_dataset([10, 2, 7]), next_item_rate=1)
    batch = batch_at(batches, 0, 0)
    assert not batch.sees_future
    assert not (batch.items_bl == batches.mask_idx).any()
    assert (batch.places_bm == batch.items_bl.shape[1] - 1).any(dim=1).all()
    lengths = (batch.items_bl != PAD_IDX).sum(dim=1)
    n_asked = torch.bincount(batch.target_places // batch.places_bm.shape[1])
    assert torch.equal(n_asked, (NEXT_ITEM_SHARE * (lengths - 1)).round().long().clamp(min=1))


def test_a_next_item_step_never_asks_for_a_first_item() -> None:
    batches = batches_of(random_dataset([2, 3, 9] * 50), next_item_rate=1, batch_size=150)
    for epoch in range(20):
        batch = batch_at(batches, epoch, 0)
        first = (batch.items_bl == PAD_IDX).sum(dim=1, keepdim=True)
        assert (batch.places_bm > first).all()


def test_next_item_places_fall_evenly_on_all_but_the_ends() -> None:
    batches = batches_of(random_dataset([12] * 2000), next_item_rate=1, batch_size=2000)
    batch = batch_at(batches, 0, 0)
    share = torch.bincount(batch.places_bm.flatten(), minlength=12) / 2000
    assert share[0] == 0
    assert share[-1] == 1
    # Four of eleven places, one of them the last: three of the ten others.
    assert (share[1:-1] - 0.3).abs().max() < 0.05


def test_a_history_of_one_item_is_asked_for_in_cloze_steps_alone() -> None:
    among_others = batch_at(batches_of(random_dataset([1, 4]), next_item_rate=1), 0, 0)
    assert not among_others.sees_future
    is_short = (among_others.items_bl != PAD_IDX).sum(dim=1) == 1
    rows = among_others.target_places // among_others.places_bm.shape[1]
    assert not is_short[rows].any()
    alone = batch_at(batches_of(random_dataset([1, 1]), next_item_rate=1), 0, 0)
    assert alone.sees_future
    assert alone.items_bl.tolist() == [[10], [10]]


def test_about_the_given_share_of_steps_asks_for_next_items() -> None:
    batches = batches_of(random_dataset([4] * 4), next_item_rate=0.25)
    is_next = [not batch_at(batches, epoch, 0).sees_future for epoch in range(800)]
    assert abs(sum(is_next) / 800 - 0.25) < 0.06


def test_windows_of_a_long_history_lie_everywhere_in_it() -> None:
    dataset = SequenceDataset.from_sequences([range(1, 31)])
    batches = batches_of(dataset, max_seq_length=5, next_item_rate=0)
    lasts = set()
    for epoch in range(400):
        batch = batch_at(batches, epoch, 0)
        row = batch.items_bl[0]
        shown = (row != batches.mask_idx).nonzero()[0, 0]
        lasts.add(int(row[shown] + 4 - shown))
    assert lasts == set(range(5, 31))


def test_a_batch_is_as_wide_as_its_longest_window() -> None:
    batches = batches_of(random_dataset([3, 5]), max_seq_length=12)
    assert batch_at(batches, 0, 0).items_bl.shape == (2, 5)


def test_a_dataset_mapped_from_disk_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    dataset = random_dataset([6, 7]).save(tmp_path / "data")
    before = dataset.items.copy()
    batch = batch_at(batches_of(dataset), 0, 0)
    assert (batch.items_bl != PAD_IDX).sum() == 13
    assert np.array_equal(dataset.items, before)


def test_generators_depend_on_every_counter_and_nothing_else() -> None:
    draws = [
        torch.rand(1, generator=generator_at("cpu", *counters)).item()
        for counters in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (1, 2, 3), (1, 2))
    ]
    assert draws[0] == draws[4]
    assert len(set(draws)) == 5
