"""Ranking in blocks of items gives what the whole matrix of scores gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bert4rec import ranking
from bert4rec.histories import Histories
from bert4rec.metrics import CUT_OFFS
from bert4rec.ranking import (
    Removal,
    RunningTop,
    ranks_of,
    remove_items,
    top_and_log_sums,
    top_and_ranks,
    top_items,
)
from bert4rec.score_blocks import (
    SCORE_BYTES,
    Blocks,
    LogSums,
    Products,
    product_blocks,
    score_blocks,
)

# Few distinct values, so that ties are the rule; now and then something that is no score.
SCORE = st.sampled_from([-1.5, 0.0, 0.25, 3.0, -torch.inf, torch.nan])
FINITE = st.sampled_from([-1.5, 0.0, 0.25, 3.0])


@st.composite
def worlds(draw: st.DrawFn, score: st.SearchStrategy[float] = SCORE) -> dict[str, Any]:
    """Scores, targets and items that leave, with sizes that fit nothing."""
    n_rows, n_items = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    row = st.lists(score, min_size=n_items, max_size=n_items)
    item = st.integers(1, n_items)
    gone = st.lists(st.lists(item, max_size=6), min_size=n_rows, max_size=n_rows)
    return {
        "scores": torch.tensor(draw(st.lists(row, min_size=n_rows, max_size=n_rows))),
        "targets": np.array(draw(st.lists(item, min_size=n_rows, max_size=n_rows))),
        "gone": Histories.of(draw(gone)),
        "k": draw(st.integers(0, n_items + 3)),
        "width": draw(st.integers(1, n_items + 1)),
    }


class Parts:
    """Blocks of a matrix, copied whenever they are read."""

    def __init__(self, scores: torch.Tensor, width: int) -> None:
        self.scores, self.width = scores, width

    def __iter__(self) -> Any:
        for start in range(0, self.scores.shape[1], self.width):
            yield start, self.scores[:, start : start + self.width].clone()


def plain_top(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A stable sort of each whole row, in which NaN is as good as minus infinity."""
    scores = torch.where(scores.isnan(), -torch.inf, scores)
    value, column = scores.sort(dim=1, descending=True, stable=True)
    return column[:, :k] + 1, value[:, :k]


def plain_ranks(scores: torch.Tensor, targets: np.ndarray) -> list[int]:
    """How many other items score as much; more than any list, where the target has no score."""
    ranks = []
    for row, target in zip(scores.tolist(), targets, strict=True):
        score, lost = row.pop(target - 1), max(len(row), *CUT_OFFS)
        ranks.append(sum(s >= score for s in row) if score > -torch.inf else lost)
    return ranks


@given(worlds())
def test_ranks_and_lists_in_blocks_are_those_of_the_whole_rows(world: dict[str, Any]) -> None:
    scores, gone, k = world["scores"], world["gone"], world["k"]
    left = remove_items(scores.clone(), gone.rows, gone.items)
    top, ranks = top_and_ranks(Parts(scores, world["width"]), world["targets"], k, Removal(gone))
    assert ranks.tolist() == plain_ranks(left, world["targets"])
    assert torch.equal(ranks, ranks_of(left, torch.from_numpy(world["targets"])))
    items, found = plain_top(left, k)
    assert torch.equal(top, torch.where(found > -torch.inf, items, 0))
    assert torch.equal(top_items(left, k)[0], items)


@given(worlds(FINITE))
def test_probabilities_in_blocks_are_those_of_the_whole_rows(world: dict[str, Any]) -> None:
    """What leaves the list keeps its share of the probability."""
    scores, gone, k = world["scores"], world["gone"], world["k"]
    left = remove_items(scores.clone(), gone.rows, gone.items)
    top, log_sums = top_and_log_sums(Parts(scores, world["width"]), len(scores), k, Removal(gone))
    items, found = plain_top(left, k)
    assert torch.equal(top.items, items)
    assert torch.equal(top.scores, found)
    softmax = scores.softmax(dim=1).gather(1, items - 1)
    is_kept = found > -torch.inf
    probability = (top.scores - log_sums[:, None]).exp()
    torch.testing.assert_close(probability[is_kept], softmax[is_kept], rtol=1e-5, atol=1e-7)


@given(worlds(FINITE), st.booleans())
def test_ranks_are_counted_and_probabilities_summed_in_one_reading(
    world: dict[str, Any], is_held: bool
) -> None:
    """What leaves the ranking keeps its share of the probability, also where rows are held."""
    scores, k = world["scores"], world["k"]
    blocks = [(0, scores.clone())] if is_held else Parts(scores, world["width"])
    sums, removal = LogSums(), Removal(world["gone"])
    found = top_and_ranks(blocks, world["targets"], k, removal, sums)
    torch.testing.assert_close(sums.total(), scores.logsumexp(dim=1), rtol=1e-5, atol=1e-6)
    alone = top_and_ranks(Parts(scores, world["width"]), world["targets"], k, removal)
    assert all(torch.equal(*pair) for pair in zip(found, alone, strict=True))


@given(worlds(), st.integers(1, 5))
def test_the_best_items_are_found_by_groups_too(world: dict[str, Any], group: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "GROUP_ITEMS", group)
        patch.setattr(ranking, "MIN_GROUPS", 1)
        items, found = top_items(world["scores"], world["k"])
    expected = plain_top(world["scores"], world["k"])
    assert torch.equal(items, expected[0])
    assert torch.equal(found, expected[1])


@given(st.integers(1, 7), st.integers(1, 50), st.integers(1, 12), st.integers(0, 9))
def test_products_are_the_same_however_little_may_be_held(
    n_rows: int, n_items: int, k: int, seed: int
) -> None:
    """Vectors of small whole numbers: sums are exact in any order, and many scores tie."""
    chance = torch.Generator().manual_seed(seed)
    rows_bd = torch.randint(-1, 2, (n_rows, 3), generator=chance).float()
    items_nd = torch.randint(-1, 2, (n_items, 3), generator=chance).float()
    targets = torch.randint(1, n_items + 1, (n_rows,), generator=chance).numpy()
    whole = rows_bd @ items_nd.T
    for n_held in (1, 13, 60, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * n_held)
            n_done = 0
            for rows, blocks in product_blocks(rows_bd, items_nd):
                assert rows.start == n_done
                n_done = rows.stop
                assert max(block.numel() for _, block in blocks) <= max(n_held, n_rows)
                top, ranks = top_and_ranks(blocks, targets[rows], k, Removal(None))
                assert torch.equal(top, plain_top(whole[rows], k)[0])
                assert ranks.tolist() == plain_ranks(whole[rows], targets[rows])
        assert n_done == n_rows


@given(st.integers(1, 6), st.integers(2, 80), st.integers(1, 40), st.integers(0, 99), st.booleans())
def test_a_rank_among_products_is_that_of_exact_scores_but_for_what_rounding_may_hide(
    n_rows: int, n_items: int, d: int, seed: int, has_twins: bool
) -> None:
    chance = torch.Generator().manual_seed(seed)
    rows_bd = torch.randn(n_rows, d, generator=chance)
    items_nd = torch.randn(n_items, d, generator=chance)
    targets = torch.randint(1, n_items + 1, (n_rows,), generator=chance).numpy()
    if has_twins:
        items_nd[:] = items_nd[targets[0] - 1]
    exact = rows_bd.double() @ items_nd.double().T
    wanted = exact.gather(1, torch.from_numpy(targets)[:, None] - 1)
    most = items_nd.norm(dim=1).max() * rows_bd.norm(dim=1, keepdim=True)
    hidden = 3 * d * torch.finfo(torch.float32).eps * most.double()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * 13 * n_rows)
        (_, ranks) = top_and_ranks(Products(rows_bd, items_nd), targets, 0, Removal(None))
    assert (ranks >= (exact > wanted + hidden).sum(dim=1)).all()
    assert (ranks < (exact >= wanted - hidden).sum(dim=1)).all()
    assert not has_twins or ranks.tolist() == [n_items - 1] * n_rows


def test_a_target_that_leaves_or_has_no_score_is_lost_among_products_too() -> None:
    rows_bd = torch.tensor([[1.0], [1.0], [torch.nan], [torch.inf], [1.0]])
    items_nd = torch.arange(1.0, 41.0)[:, None]
    items_nd[4] = torch.nan
    gone = Histories.of([[40], [39], [], [], []])
    targets = np.array([40, 40, 1, 1, 5])
    _, ranks = top_and_ranks(Products(rows_bd, items_nd), targets, 0, Removal(gone))
    assert ranks.tolist() == [39, 0, 39, 39, 39]


def test_a_scorer_without_vectors_is_asked_for_few_rows_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    class Flat:
        def scores(self, histories: Histories) -> torch.Tensor:
            asked.append(len(histories))
            return torch.zeros(len(histories), 10)

    histories = Histories.of([[1], [], [2, 3], [4], [5]])
    for n_held, expected in ((20, [2, 2, 1]), (1, [1] * 5), (1000, [5])):
        asked.clear()
        monkeypatch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * n_held)
        rows = [rows for rows, _ in score_blocks(Flat(), histories, 10)]
        assert asked == expected
        assert [row for part in rows for row in range(5)[part]] == list(range(5))


def test_many_rows_of_a_large_catalogue_are_never_held_whole() -> None:
    rows_bd, items_nd = torch.ones(100, 2), torch.ones(300_000, 2)
    ((rows, blocks),) = product_blocks(rows_bd, items_nd)
    assert isinstance(blocks, Products)
    assert (rows.start, rows.stop) == (0, 100)
    first = next(iter(blocks))[1]
    assert first.numel() * first.element_size() <= SCORE_BYTES


def test_a_list_takes_from_a_later_block_only_what_is_better() -> None:
    top = RunningTop(2, 2)
    blocks: Blocks = [
        (0, torch.tensor([[1.0, 2.0, 0.0], [5.0, 5.0, 5.0]])),
        (3, torch.tensor([[2.0, 3.0], [5.0, torch.nan]])),
    ]
    for start, block in blocks:
        top.add(start, block)
    assert top.items.tolist() == [[5, 2], [1, 2]]
    assert top.scores.tolist() == [[3, 2], [5, 5]]


@pytest.mark.parametrize("rows", [slice(0, 2), slice(1, 4), slice(3, 9), slice(2, 2)])
def test_neighbouring_histories_can_be_taken(rows: slice) -> None:
    sequences = [[3, 1, 4], [], [2], [6, 5]]
    taken, expected = Histories.of(sequences).take(rows), Histories.of(sequences[rows])
    assert taken.items.tolist() == expected.items.tolist()
    assert taken.offsets.tolist() == expected.offsets.tolist()
