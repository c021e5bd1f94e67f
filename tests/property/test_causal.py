"""The laws of a causal run: nothing is hidden, and nothing sees what comes after."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.batches import TrainingBatches
from bert4rec.data.split import Segments
from bert4rec.data.vocabulary import PAD_IDX
from tests.factories import random_dataset, small_network, small_settings

N_ITEMS = 9
MASK_IDX = N_ITEMS + 1


@given(
    length=st.integers(2, 12),
    n_padding=st.integers(0, 5),
    place=st.integers(1, 16),
    n_layers=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_later_items_change_no_earlier_answer(
    length: int, n_padding: int, place: int, n_layers: int, seed: int
) -> None:
    """The answers at a place and at all before it, whatever is put there and after."""
    n_padding = min(n_padding, 12 - length)
    width = length + n_padding
    place = 1 + place % (width - 1)
    network = small_network(N_ITEMS, n_layers=n_layers, attention="causal")
    chance = torch.Generator().manual_seed(seed)
    items_bl = torch.randint(1, N_ITEMS + 1, (2, width), generator=chance)
    items_bl[:, :n_padding] = PAD_IDX
    items_bl[1, :place] = items_bl[0, :place]
    places_bm = torch.arange(1, width).expand(2, -1)
    with torch.no_grad():
        one, other = network(items_bl, places_bm)
    # Rows of a batch are added up in different orders: that is all by which they may differ.
    torch.testing.assert_close(one[:place], other[:place], rtol=1e-5, atol=1e-5)


@given(
    lengths=st.lists(st.integers(1, 25), min_size=1, max_size=8),
    window=st.integers(2, 15),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 10**6),
)
def test_every_item_but_the_first_is_asked_for_once_and_none_is_hidden(
    lengths: list[int], window: int, seed: int, epoch: int
) -> None:
    settings = small_settings(max_seq_length=window, seed=seed, attention="causal")
    dataset = random_dataset(lengths, N_ITEMS, seed=seed % 99)
    rows = Segments(np.arange(len(lengths)), dataset.offsets[:-1], dataset.offsets[1:])
    batches = TrainingBatches(dataset.items, rows, MASK_IDX, settings, "cpu")
    parts = batches.parts(batches.order(epoch), epoch, 0)
    for part in parts:
        assert not part.sees_future
        assert not (part.items_bl == MASK_IDX).any()
        # The last column is not read: nothing but what is asked for stands there.
        n_read = part.items_bl.shape[1] - 1
        assert part.shown_bs.tolist() == [list(range(n_read))] * len(part.items_bl)
        n_wide = part.places_bm.shape[1]
        for row, items_l in enumerate(part.items_bl):
            mine = part.target_places // n_wide == row
            places = part.places_bm[row, part.target_places[mine] % n_wide]
            assert torch.equal(items_l[places], part.targets[mine])
            real = (items_l != PAD_IDX).nonzero().squeeze(1).tolist()
            assert sorted(places.tolist()) == (real[1:] or real)
            assert set(part.places_bm[row].tolist()) == set(places.tolist())
    asked = sum(len(part.targets) for part in parts)
    assert asked == sum(max(1, min(length, window) - 1) for length in lengths)
