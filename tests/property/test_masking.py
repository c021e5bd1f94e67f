"""The laws of masking."""

from __future__ import annotations

import numpy as np
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
        last_item_rate=draw(st.sampled_from([0, 0.5, 1])),
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
def test_each_row_hides_the_rate_but_one_at_least(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    histories, batches, batch = case
    settings = batches.settings
    for row, history in zip(batch.items_bl.numpy(), histories, strict=True):
        size = min(len(history), settings.max_seq_length)
        hidden = np.flatnonzero(row == MASK_IDX)
        is_last_only = hidden.tolist() == [len(row) - 1]
        # Computed in float32, so that a half may be rounded either way.
        wanted = max(1, settings.mask_rate * size)
        assert abs(len(hidden) - wanted) <= 0.5 + 1e-4 or (settings.last_item_rate and is_last_only)
        assert settings.last_item_rate < 1 or is_last_only


@given(cases())
def test_targets_are_the_hidden_items_each_once(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    _, _, batch = case
    is_hidden = batch.items_bl == MASK_IDX
    assert len(batch.targets) == len(batch.target_places) == int(is_hidden.sum())
    width = batch.places_bm.shape[1]
    rows = batch.target_places // width
    places = batch.places_bm.flatten()[batch.target_places]
    assert is_hidden[rows, places].all()
    assert len(set(zip(rows.tolist(), places.tolist(), strict=True))) == len(batch.targets)
    assert batch.targets.min() >= 1
    assert batch.targets.max() <= N_ITEMS
    assert batch.places_bm.min() >= 0
    assert batch.places_bm.max() < batch.items_bl.shape[1]
