from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.batches import TrainingBatches, generator_at
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.losses import full_softmax_loss
from bert4rec.model import Bert4Rec
from bert4rec.parts import MAX_PADDING, MAX_PART_TOKENS, NEXT_ITEM_SHARE, Part, cuts
from tests.factories import random_dataset, small_settings


def batches_of(dataset: SequenceDataset, **changes: Any) -> TrainingBatches:
    users = np.arange(dataset.n_users)
    everything = Segments(users, dataset.offsets[:-1], dataset.offsets[1:])
    mask_idx = dataset.vocabulary.mask_idx
    return TrainingBatches(
        dataset.items, everything, mask_idx, small_settings(**changes), device="cpu"
    )


def parts_at(batches: TrainingBatches, epoch: int, step: int) -> list[Part]:
    return batches.parts(batches.order(epoch), epoch, step)


def part_at(batches: TrainingBatches, epoch: int, step: int) -> Part:
    [part] = parts_at(batches, epoch, step)
    return part


def same(one: Part, two: Part) -> bool:
    pairs = zip(vars(one).values(), vars(two).values(), strict=True)
    return all(torch.equal(torch.as_tensor(left), torch.as_tensor(right)) for left, right in pairs)


def test_every_sequence_comes_once_an_epoch_in_a_new_order() -> None:
    batches = batches_of(random_dataset([3] * 50), batch_size=8)
    orders = [batches.order(epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(50))
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])
    steps = [parts_at(batches, 0, step) for step in range(batches.n_steps)]
    sizes = [sum(len(part.items_bl) for part in parts) for parts in steps]
    assert sizes == [8, 8, 8, 8, 8, 8, 2]


def test_empty_sequences_are_left_out() -> None:
    batches = batches_of(random_dataset([0, 3, 0, 2, 0]))
    assert (batches.n_sequences, batches.n_steps) == (2, 1)


def test_the_same_seed_epoch_and_step_give_the_same_batch() -> None:
    dataset = random_dataset([9, 20, 4, 12])
    one, two = batches_of(dataset), batches_of(dataset)
    torch.manual_seed(1)
    first = parts_at(one, 5, 0)
    # What was asked for in between and torch's own generator must not matter.
    torch.manual_seed(2)
    parts_at(two, 0, 0)
    assert all(same(*pair) for pair in zip(first, parts_at(two, 5, 0), strict=True))


def test_masks_are_fresh_every_epoch_and_differ_by_seed() -> None:
    dataset = random_dataset([12] * 4)
    batches = batches_of(dataset, next_item_rate=0)
    order = batches.order(0)
    by_epoch = [batches.parts(order, epoch, 0)[0].items_bl for epoch in range(3)]
    other_seed = batches_of(dataset, next_item_rate=0, seed=8).parts(order, 0, 0)[0].items_bl
    assert not torch.equal(by_epoch[0], by_epoch[1])
    assert not torch.equal(by_epoch[1], by_epoch[2])
    assert not torch.equal(by_epoch[0], other_seed)


def test_masks_fall_evenly_on_all_places() -> None:
    batches = batches_of(random_dataset([10] * 1000), next_item_rate=0, batch_size=1000)
    hidden_bl = part_at(batches, 0, 0).items_bl == batches.mask_idx
    share = hidden_bl.float().mean(dim=0)
    # Two of ten; 0.06 is more than four standard deviations of 1,000 draws.
    assert (share - 0.2).abs().max() < 0.06


def test_a_next_item_row_hides_nothing_and_asks_for_the_last_item_and_others() -> None:
    batches = batches_of(random_dataset([10, 2, 7]), next_item_rate=1)
    part = part_at(batches, 0, 0)
    assert not part.sees_future
    assert not (part.items_bl == batches.mask_idx).any()
    assert (part.places_bm == part.items_bl.shape[1] - 1).any(dim=1).all()
    lengths = (part.items_bl != PAD_IDX).sum(dim=1)
    n_asked = torch.bincount(part.target_places // part.places_bm.shape[1])
    assert torch.equal(n_asked, (NEXT_ITEM_SHARE * (lengths - 1)).round().long().clamp(min=1))


def test_a_next_item_row_never_asks_for_a_first_item() -> None:
    batches = batches_of(random_dataset([2, 3, 9] * 50), next_item_rate=1, batch_size=150)
    for epoch in range(20):
        for part in parts_at(batches, epoch, 0):
            first = (part.items_bl == PAD_IDX).sum(dim=1, keepdim=True)
            assert (part.places_bm > first).all()


def test_next_item_places_fall_evenly_on_all_but_the_ends() -> None:
    batches = batches_of(random_dataset([12] * 1000), next_item_rate=1, batch_size=1000)
    part = part_at(batches, 0, 0)
    share = torch.bincount(part.places_bm.flatten(), minlength=12) / 1000
    assert share[0] == 0
    assert share[-1] == 1
    # Four of eleven places, one of them the last: three of the ten others.
    assert (share[1:-1] - 0.3).abs().max() < 0.07


def test_a_history_of_one_item_is_asked_for_as_a_cloze() -> None:
    cloze, next_item = parts_at(batches_of(random_dataset([1, 4]), next_item_rate=1), 0, 0)
    assert (cloze.sees_future, next_item.sees_future) == (True, False)
    assert cloze.items_bl.tolist() == [[10]]
    assert next_item.items_bl.shape == (1, 4)


def test_about_the_given_share_of_rows_asks_for_next_items() -> None:
    batches = batches_of(random_dataset([4] * 2000), next_item_rate=0.25, batch_size=2000)
    cloze, next_item = parts_at(batches, 0, 0)
    assert (cloze.sees_future, next_item.sees_future) == (True, False)
    assert len(cloze.items_bl) + len(next_item.items_bl) == 2000
    # Five standard deviations.
    assert abs(len(next_item.items_bl) - 500) < 100


@given(st.lists(st.integers(1, 400), max_size=60))
def test_parts_hold_every_row_once_and_little_padding(lengths: list[int]) -> None:
    lengths = sorted(lengths, reverse=True)
    bounds = [0, *cuts(lengths), len(lengths)]
    assert bounds == sorted(set(bounds)) or not lengths
    for start, end in itertools.pairwise(bounds):
        part = lengths[start:end]
        assert sum(lengths[start] - length for length in part) <= MAX_PADDING
        assert sum(part) <= MAX_PART_TOKENS


def test_the_parts_of_a_step_change_nothing_but_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same windows, places and targets, and the same gradient, with any cut."""
    dataset = random_dataset([1, 2, 3, 5, 8, 13, 20, 20, 7, 6, 30, 2])
    changes = {"next_item_rate": 0.5, "batch_size": 12, "max_seq_length": 16, "dropout_rate": 0}
    batches = batches_of(dataset, **changes)
    order = batches.order(0)
    whole = batches.parts(order, 0, 0)
    monkeypatch.setattr("bert4rec.parts.MAX_PADDING", 2)
    parted = batches.parts(order, 0, 0)
    assert len(whole) == 2 < len(parted)
    assert asked(parted) == asked(whole)
    for one, two in zip(gradients(dataset, whole), gradients(dataset, parted), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("next_item_rate", [0, 0.5, 1])
@pytest.mark.parametrize("n_parts", [1, 2, 4])
def test_static_parts_ask_the_same_in_few_sizes(next_item_rate: float, n_parts: int) -> None:
    """Rows of both kinds together, targets that are none: the same batch and gradient."""
    dataset = random_dataset([1, 2, 3, 5, 8, 13, 20, 20, 7, 6, 30, 2])
    changes = {"batch_size": 12, "max_seq_length": 16, "dropout_rate": 0}
    batches = batches_of(dataset, next_item_rate=next_item_rate, **changes)
    static = batches_of(dataset, next_item_rate=next_item_rate, **changes)
    static.is_static, static.n_parts = True, n_parts
    plain, order = batches.parts(batches.order(0), 0, 0), batches.order(0)
    few = static.parts(order, 0, 0)
    assert len(few) == n_parts
    assert asked(few) == asked(plain)
    for one, two in zip(gradients(dataset, few), gradients(dataset, plain), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-7)


def test_each_thread_gets_a_part_of_either_kind() -> None:
    dataset = random_dataset([10] * 64)
    rows = Segments(np.arange(64), dataset.offsets[:-1], dataset.offsets[1:])
    for n_threads in (2, 4):
        batches = TrainingBatches(
            dataset.items, rows, 10, small_settings(batch_size=64), "cpu", n_threads
        )
        parts = batches.parts(batches.order(0), 0, 0)
        kinds = [part.sees_future for part in parts]
        assert kinds.count(True) in (n_threads, n_threads - 1)
        assert kinds.count(False) in (n_threads, n_threads - 1)


def asked(parts: list[Part]) -> list[tuple[list[int], list[int], list[int], bool]]:
    """Each row as its items, the distances of its places from its end, its targets, its kind."""
    found = []
    for part in parts:
        length, n_wide = part.items_bl.shape[1], part.places_bm.shape[1]
        sees_future = part.rows_see_future()
        for row, items in enumerate(part.items_bl.tolist()):
            mine = (part.target_places // n_wide == row) & (part.targets != PAD_IDX)
            places = part.places_bm[row, part.target_places[mine] % n_wide]
            found.append(
                (
                    [item for item in items if item != PAD_IDX],
                    (length - places).tolist(),
                    part.targets[mine].tolist(),
                    sees_future[row],
                )
            )
    return sorted(found)


def gradients(dataset: SequenceDataset, parts: list[Part]) -> list[torch.Tensor]:
    network = Bert4Rec(
        dataset.n_items,
        small_settings(max_seq_length=16, dropout_rate=0),
        torch.Generator().manual_seed(1),
    )
    for part in parts:
        hidden = network(
            part.items_bl, part.places_bm, sees_future=part.sees_future, shown_bs=part.shown_bs
        )
        at = hidden.flatten(0, 1)[part.target_places]
        loss = full_softmax_loss(at, network.item_vectors(), part.targets - 1)
        (loss * part.share).backward()
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def test_cloze_rows_read_what_they_show_and_no_more_than_they_must() -> None:
    batches = batches_of(random_dataset([20] * 8), next_item_rate=0)
    part = part_at(batches, 0, 0)
    assert (part.items_bl.gather(1, part.shown_bs) != batches.mask_idx).all()
    read = [sorted(row) for row in part.shown_bs.tolist()]
    shown = [row.nonzero().squeeze(1).tolist() for row in part.items_bl != batches.mask_idx]
    assert read == shown


def test_a_cloze_row_that_hides_all_it_has_reads_what_hides_it() -> None:
    part = part_at(batches_of(random_dataset([1, 4]), mask_rate=0.99, next_item_rate=0), 0, 0)
    read = part.items_bl.gather(1, part.shown_bs)
    assert (read != PAD_IDX).any(dim=1).all()


def test_windows_of_a_long_history_lie_everywhere_in_it() -> None:
    dataset = SequenceDataset.from_sequences([range(1, 31)])
    batches = batches_of(dataset, max_seq_length=5, next_item_rate=0)
    lasts = set()
    for epoch in range(400):
        part = part_at(batches, epoch, 0)
        row = part.items_bl[0]
        shown = (row != batches.mask_idx).nonzero()[0, 0]
        lasts.add(int(row[shown] + 4 - shown))
    assert lasts == set(range(5, 31))


def test_a_batch_is_as_wide_as_its_longest_window() -> None:
    batches = batches_of(random_dataset([3, 5]), max_seq_length=12)
    assert part_at(batches, 0, 0).items_bl.shape == (2, 5)


def test_a_dataset_mapped_from_disk_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    dataset = random_dataset([6, 7]).save(tmp_path / "data")
    before = dataset.items.copy()
    part = part_at(batches_of(dataset), 0, 0)
    assert (part.items_bl != PAD_IDX).sum() == 13
    assert np.array_equal(dataset.items, before)


def test_generators_depend_on_every_counter_and_nothing_else() -> None:
    draws = [
        torch.rand(1, generator=generator_at("cpu", *counters)).item()
        for counters in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (1, 2, 3), (1, 2))
    ]
    assert draws[0] == draws[4]
    assert len(set(draws)) == 5
