from __future__ import annotations

import numpy as np
import pytest
import torch

from bert4rec.data.split import leave_one_out
from bert4rec.data.vocabulary import PAD_IDX
from bert4rec.histories import Histories
from bert4rec.metrics import mean_metrics
from bert4rec.ranking import ranks_of, remove_items, top_items
from bert4rec.score_blocks import LogSums
from tests.factories import random_dataset

HISTORIES = [[3, 1, 4, 1, 5], [], [2], [6, 5]]


def test_histories_are_rows_of_a_flat_array() -> None:
    histories = Histories.of(HISTORIES)
    assert len(histories) == 4
    assert histories.rows.tolist() == [0, 0, 0, 0, 0, 2, 3, 3]
    assert histories.last_items().tolist() == [5, PAD_IDX, 2, 5]


@pytest.mark.parametrize("rows", [[], [1], [3, 0, 1, 3], [2, 1]])
def test_picked_histories_are_copies_in_the_order_asked_for(rows: list[int]) -> None:
    picked = Histories.of(HISTORIES).pick(np.array(rows, dtype=np.int64))
    expected = Histories.of([HISTORIES[row] for row in rows])
    assert picked.items.tolist() == expected.items.tolist()
    assert picked.offsets.tolist() == expected.offsets.tolist()


@pytest.mark.parametrize("length", [1, 2, 4, 5, 9])
def test_windows_are_the_newest_items_padded_on_the_left(length: int) -> None:
    windows = Histories.of(HISTORIES).windows(length)
    width = min(length, 5)
    expected = [([PAD_IDX] * width + history)[-width:] for history in HISTORIES]
    assert windows.tolist() == expected
    assert windows.dtype == np.int64


def test_windows_of_nothing_are_empty() -> None:
    assert Histories.of([]).windows(5).shape == (0, 0)
    assert Histories.of([[], []]).windows(5).shape == (2, 0)
    assert Histories.of([[], []]).last_items().tolist() == [PAD_IDX, PAD_IDX]
    assert Histories.of([]).last_items().tolist() == []


def test_histories_of_a_dataset_are_its_segments() -> None:
    dataset = random_dataset([4, 6, 3])
    segments = leave_one_out(dataset).test
    histories = Histories.at(dataset, segments)
    for row, user in enumerate(segments.user_idx):
        found = histories.items[histories.offsets[row] : histories.offsets[row + 1]]
        assert found.tolist() == dataset.history(user)[:-1].tolist()
    assert histories.items.dtype == np.int64


def test_a_tie_counts_against_the_model() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    assert ranks_of(scores, torch.tensor([3, 1])).tolist() == [2, 3]
    assert ranks_of(scores, torch.tensor([2, 4])).tolist() == [0, 3]


@pytest.mark.parametrize("worst", [float("nan"), float("-inf")])
def test_a_target_without_a_score_comes_last_and_is_no_hit(worst: float) -> None:
    scores = torch.tensor([[worst, -5.0, float("nan"), float("-inf")]])
    rank = ranks_of(scores, torch.tensor([1]))
    assert set(mean_metrics(rank.numpy()).values()) == {0.0}
    many = torch.tensor([[worst, *[-5.0] * 99]])
    assert ranks_of(many, torch.tensor([1])).tolist() == [99]


def test_an_item_without_a_score_stands_behind_the_target() -> None:
    scores = torch.tensor([[float("nan"), 0.5, float("-inf"), 1.0]])
    assert ranks_of(scores, torch.tensor([2])).tolist() == [1]


def test_removed_items_score_minus_infinity_and_no_others() -> None:
    scores = torch.zeros(3, 4)
    histories = Histories.of([[1, 4], [], [2, 2]])
    removed = remove_items(scores, histories.rows, histories.items)
    is_removed = torch.isneginf(removed)
    assert is_removed.tolist() == [
        [True, False, False, True],
        [False, False, False, False],
        [False, True, False, False],
    ]
    assert (removed[~is_removed] == 0).all()


def test_the_best_items_come_best_first_and_equal_ones_by_index() -> None:
    scores = torch.tensor([[1.0, 2.0, 1.0, 5.0, 2.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    items, found = top_items(scores, 4)
    assert items.tolist() == [[4, 2, 5, 1], [5, 1, 2, 3]]
    assert found.tolist() == [[5, 2, 2, 1], [1, 0, 0, 0]]


def test_items_that_tie_at_the_cut_are_chosen_by_index_too() -> None:
    """What a device's own top-K leaves open must not decide who is recommended."""
    scores = torch.zeros(3, 1000)
    scores[1, 700] = 1
    scores[2] = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    items, found = top_items(scores, 3)
    assert items[0].tolist() == [1, 2, 3]
    assert items[1].tolist() == [701, 1, 2]
    assert found[2].tolist() == sorted(scores[2].tolist(), reverse=True)[:3]


def test_a_list_is_never_longer_than_the_catalogue() -> None:
    items, _ = top_items(torch.tensor([[1.0, 2.0]]), 10)
    assert items.tolist() == [[2, 1]]
    assert top_items(torch.zeros(3, 2), 0)[0].shape == (3, 0)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_best_items_equal_a_stable_sort_of_the_whole_row(k: int) -> None:
    scores = torch.randint(4, (20, 50), generator=torch.Generator().manual_seed(1)).float()
    items, found = top_items(scores, k)
    value, column = scores.sort(dim=1, descending=True, stable=True)
    assert torch.equal(items, column[:, :k] + 1)
    assert torch.equal(found, value[:, :k])


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 8, 13])
def test_log_sums_of_blocks_are_those_of_each_block_taken_together(n_blocks: int) -> None:
    scores = torch.randn(5, 7 * n_blocks, generator=torch.Generator().manual_seed(0))
    blocks = scores.split(7, dim=1)
    sums = LogSums()
    for block in blocks:
        sums.add(block)
    plain = torch.stack([block.logsumexp(dim=1) for block in blocks]).logsumexp(dim=0)
    assert torch.equal(sums.total(), plain)
    torch.testing.assert_close(sums.total(), scores.logsumexp(dim=1))
