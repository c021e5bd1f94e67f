"""From scores to ranks: the whole catalogue, seen items removed, ties against the model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bert4rec.histories import Histories
from bert4rec.metrics import CUT_OFFS
from bert4rec.score_blocks import Blocks, ChosenScores, LogSums, Products

# Neighbouring items whose best score stands for all of them while the best are looked for.
GROUP_ITEMS = 64
# Fewer groups for each item of the list are not faster than a search of all items.
MIN_GROUPS = 8


class Removal:
    """Items that leave the ranking of their row.

    Args:
        histories: The items that leave each row; None when all stay.
    """

    def __init__(self, histories: Histories | None) -> None:
        gone = histories or Histories.of([])
        order = np.argsort(gone.items, kind="stable")
        self.rows, self.items = gone.rows[order], gone.items[order]

    def has(self, targets: np.ndarray) -> np.ndarray:
        """Return which rows' targets leave, bool (B,)."""
        is_gone = np.zeros(len(targets), dtype=bool)
        is_gone[self.rows[self.items == targets[self.rows]]] = True
        return is_gone

    def apply(self, start: int, block_bc: Tensor) -> Tensor:
        """Set what leaves to minus infinity in a block, in place, and return the block."""
        first, end = np.searchsorted(self.items, [start + 1, start + 1 + block_bc.shape[1]])
        if first == end:
            return block_bc
        return remove_items(block_bc, self.rows[first:end], self.items[first:end] - start)


def remove_items(scores_bn: Tensor, rows: np.ndarray, items: np.ndarray) -> Tensor:
    """Set scores[rows, items - 1] to minus infinity, in place, and return the scores."""
    row = torch.as_tensor(rows, device=scores_bn.device)
    column = torch.as_tensor(items - 1, device=scores_bn.device)
    return scores_bn.index_put_((row, column), scores_bn.new_tensor(-torch.inf))


def ranks_of(scores_bn: Tensor, target_b: Tensor) -> Tensor:
    """Return the rank of each row's target, from 0, int64 (B,).

    An item with the same score as the target counts as better, so that a model that cannot tell
    items apart gains nothing; a target scored NaN or minus infinity comes last, and behind every
    cut-off, however few items there are.

    Args:
        scores_bn: Scores of items 1..N, (B, N).
        target_b: Item indices 1..N, int64 (B,).
    """
    return _ranks([(0, scores_bn.clone())], scores_bn.gather(1, target_b[:, None] - 1))


def _ranks(blocks: Blocks, target_score_b1: Tensor) -> Tensor:
    """Return the ranks of targets with these scores, int64 (B,); the blocks are used up."""
    n_items = 0
    n_not_below = torch.zeros_like(target_score_b1[:, 0], dtype=torch.int64)
    for _, block in blocks:
        # Ones and zeros as floats are compared and summed several times faster than as bools; a
        # sum of them is exact, for a block is narrower than 2^24 items.
        n_not_below += block.ge_(target_score_b1).sum(dim=1).long()
        n_items += block.shape[1]
    is_lost = ~(target_score_b1[:, 0] > -torch.inf)
    return (n_not_below - 1).masked_fill(is_lost, max(n_items - 1, *CUT_OFFS))


def top_items(scores_bn: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the K best items of each row and their scores, best first, both (B, K).

    Equal scores are ordered by item index, so that the answer is the same on every device. NaN
    counts as minus infinity, which comes last.
    """
    n_items = scores_bn.shape[1]
    k = min(k, n_items)
    # NaN is the greatest for torch, so it shows in the maximum.
    if n_items and scores_bn.amax(dim=1).isnan().any():
        scores_bn = scores_bn.masked_fill(scores_bn.isnan(), -torch.inf)
    if k and n_items >= MIN_GROUPS * GROUP_ITEMS * k:
        return _top_in_groups(scores_bn, k)
    return _top_columns(scores_bn, k)


def _top_columns(scores_bn: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return `top_items` of rows without NaN, for K up to N."""
    n_items = scores_bn.shape[1]
    score, column = scores_bn.topk(min(k + 1, n_items), dim=1)
    is_open = (score[:, k - 1] == score[:, -1]) & (k < n_items)
    score, column = score[:, :k], column[:, :k]
    order = column.argsort(dim=1)
    score, column = score.gather(1, order), column.gather(1, order)
    order = score.argsort(dim=1, descending=True, stable=True)
    score, column = score.gather(1, order), column.gather(1, order)
    # topk takes any of the items that tie at the cut; those rows are sorted whole.
    rows = is_open.nonzero().squeeze(1)
    if len(rows):
        column[rows] = scores_bn[rows].argsort(dim=1, descending=True, stable=True)[:, :k]
    return column + 1, score


def _top_in_groups(scores_bn: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the same from the K groups of neighbours whose best items are best.

    An item elsewhere has K items before it: the best of each of these groups scores more, or as
    much at a smaller index.
    """
    n_items = scores_bn.shape[1]
    n_whole = n_items // GROUP_ITEMS
    whole, rest = scores_bn[:, : n_whole * GROUP_ITEMS], scores_bn[:, n_whole * GROUP_ITEMS :]
    group_scores = whole.reshape(len(whole), n_whole, GROUP_ITEMS).amax(dim=2)
    if rest.shape[1]:
        group_scores = torch.cat([group_scores, rest.amax(dim=1, keepdim=True)], dim=1)
    groups = _top_columns(group_scores, k)[0].sort(dim=1).values - 1
    within = torch.arange(GROUP_ITEMS, device=scores_bn.device)
    column = (groups[:, :, None] * GROUP_ITEMS + within).flatten(1)
    # The last group may be short: its missing items stand behind all others.
    found = scores_bn.gather(1, column.clamp(max=n_items - 1))
    place, score = _top_columns(found.masked_fill_(column >= n_items, -torch.inf), k)
    return column.gather(1, place - 1) + 1, score


class RunningTop:
    """The K best items of each row among the blocks added so far: `top_items` of all of them.

    Args:
        n_rows: Number of rows B.
        k: Length of the lists.
    """

    def __init__(self, n_rows: int, k: int) -> None:
        self.k = k
        self.items = torch.empty((n_rows, 0), dtype=torch.int64)
        self.scores = torch.empty((n_rows, 0))

    def add(self, start: int, block_bc: Tensor) -> None:
        """Add the items that stand behind those added before."""
        if not self.items.shape[1]:
            items, self.scores = top_items(block_bc, self.k)
            self.items = items + start
        elif self.items.shape[1] < self.k:
            self.items, self.scores = self._joined(slice(None), start, block_bc)
        else:
            self._add_to_full(start, block_bc)

    def _add_to_full(self, start: int, block_bc: Tensor) -> None:
        # A tie enters no full list, for its item stands behind; NaN hides what it is beside.
        is_out = block_bc.amax(dim=1) <= self.scores[:, -1]
        rows = (~is_out).nonzero().squeeze(1)
        if len(rows):
            self.items[rows], self.scores[rows] = self._joined(rows, start, block_bc[rows])

    def _joined(self, rows: Tensor | slice, start: int, block_bc: Tensor) -> tuple[Tensor, Tensor]:
        items, scores = top_items(block_bc, self.k)
        items = torch.cat([self.items[rows], items + start], dim=1)
        # Equal scores are in the order of their items on both sides of the seam.
        place, scores = top_items(torch.cat([self.scores[rows], scores], dim=1), self.k)
        return items.gather(1, place - 1), scores


def top_and_ranks(
    blocks: Blocks,
    targets: np.ndarray,
    k: int,
    removal: Removal,
    log_sums: LogSums | None = None,
    chosen: ChosenScores | None = None,
) -> tuple[Tensor, Tensor]:
    """Return what `top_items` and `ranks_of` say of the whole rows once items have left.

    Args:
        blocks: Scores of B rows for N items.
        targets: Item indices 1..N, int64 (B,).
        k: Length of the lists; 0 spares the search for the best.
        removal: What leaves the ranking.
        log_sums: Takes in all scores, also those of items that leave.
        chosen: Takes some of them out, also of items that leave.

    Returns:
        The K best items of each row, (B, K), 0 behind them where fewer are left; the rank of its
        target from 0, int64 (B,).

    Cost: the blocks are read twice, as a rank cannot be counted before the target's score is known;
    products are read once.
    """
    top = RunningTop(len(targets), k)
    if isinstance(blocks, Products):
        least_b1 = _least_scores(blocks, targets, removal)
    else:
        # What leaves may be gone when they are read again.
        least_b1 = _target_scores(_heard(blocks, log_sums, chosen), targets, removal)
        log_sums = chosen = None
    ranks = _ranks(_read(_heard(blocks, log_sums, chosen), removal, top), least_b1)
    return top.items.masked_fill(top.scores == -torch.inf, 0), ranks


def _heard(blocks: Blocks, log_sums: LogSums | None, chosen: ChosenScores | None) -> Blocks:
    """Yield blocks once whoever is there to hear all scores has heard theirs."""
    for start, block in blocks:
        if log_sums is not None:
            log_sums.add(block)
        if chosen is not None:
            chosen.add(start, block)
        yield start, block


def _read(blocks: Blocks, removal: Removal, top: RunningTop) -> Blocks:
    """Yield blocks without the items that leave, once the best of them are taken."""
    for start, block in blocks:
        removal.apply(start, block)
        if top.k:
            top.add(start, block)
        yield start, block


def _target_scores(blocks: Blocks, targets: np.ndarray, removal: Removal) -> Tensor:
    """Return the score of each row's target, (B, 1); minus infinity where it leaves."""
    found_b1 = torch.empty(0)
    for start, block in blocks:
        removal.apply(start, block)
        column_b1 = torch.as_tensor(targets - 1 - start, device=block.device)[:, None]
        is_here = (column_b1 >= 0) & (column_b1 < block.shape[1])
        here = block.gather(1, column_b1.clamp(0, block.shape[1] - 1))
        found_b1 = torch.where(is_here, here, found_b1) if start else here
    return found_b1


def _least_scores(products: Products, targets: np.ndarray, removal: Removal) -> Tensor:
    """Return down to which score an item is no worse than the target of each row, (B, 1).

    The target's score here may be another one in its last digits than among the products. So all
    counts against the model that may equal it: as much as float32 can take from a product, twice.

    Source: Higham 2002, "Accuracy and stability of numerical algorithms", section 3.1.
    """
    rows_bd = products.rows_bd
    wanted_bd = products.items_nd[torch.as_tensor(targets - 1, device=rows_bd.device)]
    score_b = (rows_bd * wanted_bd).sum(dim=1)
    off = rows_bd.shape[1] * torch.finfo(rows_bd.dtype).eps
    least_b: Tensor = score_b - off * rows_bd.norm(dim=1) * wanted_bd.norm(dim=1)
    is_lost = torch.as_tensor(removal.has(targets), device=rows_bd.device) | ~score_b.isfinite()
    return least_b.masked_fill(is_lost, -torch.inf)[:, None]


def top_and_log_sums(
    blocks: Blocks, n_rows: int, k: int, removal: Removal
) -> tuple[RunningTop, Tensor]:
    """Return the K best items once items have left, and what makes scores probabilities.

    Args:
        blocks: Scores of B rows for N items.
        n_rows: Number of rows B.
        k: Length of the lists.
        removal: What leaves the lists.

    Returns:
        The best items with their scores; the logarithm of the sum of the exponentials of each
        row's scores, (B,), also of those that leave: exp(score - log sum) is their softmax.
    """
    top, log_sums = RunningTop(n_rows, k), LogSums()
    for start, block in blocks:
        log_sums.add(block)
        top.add(start, removal.apply(start, block))
    return top, log_sums.total()
