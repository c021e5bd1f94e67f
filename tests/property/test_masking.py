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
def test_a_cloze_step_hides_the_rate_but_one_at_least_and_a_next_item_step_nothing(
    case: tuple[list[np.ndarray], TrainingBatches, Batch],
) -> None:
    histories, batches, batch = case
    settings = batches.settings
    for row, history in zip(batch.items_bl.numpy(), histories, strict=True):
        size = min(len(history), settings.max_seq_length)
        # Computed in float32, so that a half may be rounded either way.
        wanted = max(1, settings.mask_rate * size) if batch.sees_future else 0
        assert abs((row == MASK_IDX).sum() - wanted) <= 0.5 + 1e-4
    if settings.next_item_rate == 1:
        assert batch.sees_future == all(len(history) == 1 for history in histories)
    assert batch.sees_future or settings.next_item_rate > 0


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
    assert int(is_hidden.sum()) == (len(batch.targets) if batch.sees_future else 0)
    assert (is_hidden[rows, places] == batch.sees_future).all()
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
        own = batch.places_bm.flatten()[batch.target_places[batch.target_places // width == row]]
        is_too_short = not batch.sees_future and (batch.items_bl[row] != PAD_IDX).sum() == 1
        assert set(places) == set(own.tolist()) or is_too_short
