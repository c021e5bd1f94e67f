"""The laws of masking."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.batches import Batch, TrainingBatches
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from tests.factories import random_dataset, small_settings

N_ITEMS = 9
MASK_IDX = N_ITEMS + 1


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[np.ndarray], TrainingBatches, Batch]:
    """Histories, the batches over them and the one batch that holds them all."""
    lengths = draw(st.lists(st.integers(1, 25), min_size=1, max_size=8))
    settings = small_settings(
        max_seq_length=draw(st.integers(2, 15)),
        mask_rate=draw(st.floats(0.01, 0.99)),
        next_item_rate=draw(st.sampled_from([0, 0.5, 1])),
        seed=draw(st.integers(0, 2**40)),
    )
    dataset = random_dataset(lengths, N_ITEMS, seed=draw(st.integers(0, 99)))
    rows = Segments(np.arange(len(lengths)), dataset.offsets[:-1], dataset.offsets[1:])
    batches = TrainingBatches(dataset.items, rows, MASK_IDX, settings, "cpu")
    epoch = draw(st.integers(0, 10**6))
    order = batches.order(epoch)
    histories = [dataset.history(int(user)) for user in order]
    return histories, batches, batches.batch(order, epoch, 0)


def undone(batch: Batch) -> np.ndarray:
    """Put the hidden items back in their places."""
    items_bl = batch.items_bl.clone()
    rows = batch.target_places // batch.places_bm.shape[1]
    items_bl[rows, batch.places_bm.flatten()[batch.target_places]] = batch.targets
    return items_bl.numpy()


@given(cases())
def test_masking_never_touches_padding(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    histories, _, batch = case
    width = batch.items_bl.shape[1]
    for row, history in zip(batch.items_bl.numpy(), histories, strict=True):
        n_padding = width - min(len(history), width)
        assert (row[:n_padding] == PAD_IDX).all()
        assert (row[n_padding:] != PAD_IDX).all()


@given(cases())
def test_masking_is_undone_by_its_targets_and_windows_are_pieces_of_the_history(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    histories, batches, batch = case
    length = batches.settings.max_seq_length
    for row, history in zip(undone(batch), histories, strict=True):
        piece = row[row != PAD_IDX]
        size = min(len(history), length)
        assert len(piece) == size
        starts = range(len(history) - size + 1)
        assert any((history[start : start + size] == piece).all() for start in starts)


@given(cases())
def test_a_cloze_row_hides_the_rate_but_one_at_least_and_a_next_item_row_nothing(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    histories, batches, batch = case
    settings = batches.settings
    rows = zip(batch.items_bl.numpy(), batch.is_next_b.tolist(), histories, strict=True)
    for row, is_next, history in rows:
        size = min(len(history), settings.max_seq_length)
        n_hidden = (row == MASK_IDX).sum()
        # Computed in float32, so that a half may be rounded either way.
        wanted = 0 if is_next else max(1, settings.mask_rate * size)
        assert abs(n_hidden - wanted) <= 0.5 + 1e-4
        assert (
            is_next == (settings.next_item_rate == 1 and size > 1) or settings.next_item_rate == 0.5
        )


@given(cases())
def test_targets_are_the_items_asked_for_each_once(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    _, _, batch = case
    width = batch.places_bm.shape[1]
    rows = batch.target_places // width
    places = batch.places_bm.flatten()[batch.target_places]
    assert len(batch.targets) == len(set(zip(rows.tolist(), places.tolist(), strict=True)))
    is_hidden = batch.items_bl == MASK_IDX
    assert int(is_hidden.sum()) == int((~batch.is_next_b[rows]).sum())
    assert torch.equal(is_hidden[rows, places], ~batch.is_next_b[rows])
    assert batch.targets.min() >= 1
    assert batch.targets.max() <= N_ITEMS


@given(cases())
def test_a_row_asks_for_nothing_but_its_targets(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    """A place asked for in passing would take reach from the items before it."""
    _, _, batch = case
    width = batch.places_bm.shape[1]
    for row, places in enumerate(batch.places_bm.tolist()):
        is_own = batch.target_places // width == row
        own = batch.places_bm.flatten()[batch.target_places[is_own]]
        assert set(places) == set(own.tolist())
