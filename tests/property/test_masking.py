"""The laws of masking."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.batches import TrainingBatches
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.parts import Part
from tests.factories import random_dataset, small_settings

N_ITEMS = 9
MASK_IDX = N_ITEMS + 1
Case = tuple[list[np.ndarray], TrainingBatches, list[Part]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Histories, the batches over them and the parts of the one step that holds them all."""
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
    histories = [dataset.history(user) for user in range(dataset.n_users)]
    return histories, batches, batches.parts(batches.order(epoch), epoch, 0)


def undone(part: Part) -> np.ndarray:
    """Put the hidden items back in their places."""
    items_bl = part.items_bl.clone()
    rows = part.target_places // part.places_bm.shape[1]
    items_bl[rows, part.places_bm.flatten()[part.target_places]] = part.targets
    return items_bl.numpy()


@given(cases())
def test_masking_never_touches_padding_and_rows_are_padded_on_the_left(case: Case) -> None:
    _, _, parts = case
    for part in parts:
        for row in part.items_bl.numpy():
            n_padding = int((row == PAD_IDX).sum())
            assert (row[:n_padding] == PAD_IDX).all()
        assert (part.items_bl[:, 0] != PAD_IDX).any()


@given(cases())
def test_masking_is_undone_by_its_targets_and_windows_are_pieces_of_the_histories(
    case: Case,
) -> None:
    histories, batches, parts = case
    length = batches.settings.max_seq_length
    pieces = [row[row != PAD_IDX] for part in parts for row in undone(part)]
    sizes = sorted(min(len(history), length) for history in histories)
    assert sorted(len(piece) for piece in pieces) == sizes
    for piece in pieces:
        size = len(piece)
        windows = (
            history[start : start + size]
            for history in histories
            if min(len(history), length) == size
            for start in range(len(history) - size + 1)
        )
        assert any((window == piece).all() for window in windows)


@given(cases())
def test_a_cloze_row_hides_the_rate_but_one_at_least_and_a_next_item_row_nothing(
    case: Case,
) -> None:
    histories, batches, parts = case
    settings = batches.settings
    for part in parts:
        for row in part.items_bl.numpy():
            size = int((row != PAD_IDX).sum())
            # Computed in float32, so that a half may be rounded either way.
            wanted = max(1, settings.mask_rate * size) if part.sees_future else 0
            assert abs((row == MASK_IDX).sum() - wanted) <= 0.5 + 1e-4
            assert size > 1 or part.sees_future
    n_cloze = sum(len(part.items_bl) for part in parts if part.sees_future)
    if settings.next_item_rate == 1:
        assert n_cloze == sum(len(history) == 1 for history in histories)
    if settings.next_item_rate == 0:
        assert n_cloze == len(histories)


@given(cases())
def test_targets_are_the_items_asked_for_each_once(case: Case) -> None:
    _, _, parts = case
    for part in parts:
        width = part.places_bm.shape[1]
        rows = part.target_places // width
        places = part.places_bm.flatten()[part.target_places]
        assert len(part.targets) == len(set(zip(rows.tolist(), places.tolist(), strict=True)))
        is_hidden = part.items_bl == MASK_IDX
        assert int(is_hidden.sum()) == (len(part.targets) if part.sees_future else 0)
        assert (is_hidden[rows, places] == part.sees_future).all()
        assert part.targets.min() >= 1
        assert part.targets.max() <= N_ITEMS


@given(cases())
def test_a_row_asks_for_nothing_but_its_targets(case: Case) -> None:
    """A place asked for in passing would take reach from the items before it."""
    _, _, parts = case
    for part in parts:
        width = part.places_bm.shape[1]
        for row, places in enumerate(part.places_bm.tolist()):
            own = part.target_places[part.target_places // width == row]
            assert set(places) == set(part.places_bm.flatten()[own].tolist())
