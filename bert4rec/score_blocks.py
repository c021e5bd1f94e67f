"""Scores of the whole catalogue, in blocks within a budget of memory.

Scores of B rows for N items are never held all at once: a million items for a thousand rows would
take 4 GB. A catalogue of usual size is one block of items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from bert4rec.histories import Histories
from bert4rec.threads import leave_if_abandoned

# Scores that are held at once; counting in them takes three times as much again for a moment.
SCORE_BYTES = 2**23
# Of products that a CPU makes block by block: so many stay in a cache until they are read.
CACHE_BYTES = 2**21
# With fewer rows, reading the item vectors takes longer than multiplying with them.
MIN_ROWS = 64
# With more rows, blocks of items would be narrow.
MAX_ROWS = 1024


class Scorer(Protocol):
    """Anything that scores the whole catalogue for histories: a network or a yardstick."""

    def scores(self, histories: Histories) -> Tensor:
        """Return the score of each item as the next one, float32 (n_rows, N), bigger is better."""
        ...


@runtime_checkable
class VectorScorer(Scorer, Protocol):
    """A scorer whose scores are products of vectors, so that some items can be scored alone."""

    def vectors(self, histories: Histories) -> Tensor:
        """Return the vector of each history, float32 (n_rows, D)."""
        ...

    def item_vectors(self) -> Tensor:
        """Return the vectors of items 1..N, float32 (N, D)."""
        ...


# The rows, the items 1..N and the scores of what scores otherwise than for others, (n,) each.
Told = tuple[np.ndarray, np.ndarray, np.ndarray]


@runtime_checkable
class SharedScorer(Scorer, Protocol):
    """A scorer that gives nearly all items the same score whoever asks."""

    @property
    def common(self) -> np.ndarray:
        """Those scores, float32 (N,)."""
        ...

    def exceptions(self, histories: Histories) -> Told:
        """Return what scores otherwise, each item of a row once."""
        ...


# Scores of some rows, (B, N), in blocks of neighbouring items: the first column's place in the
# row, and the columns, (B, C). Whoever reads may write into a block, but not keep it: the next one
# may take its place. Reading again is allowed.
Blocks = Iterable[tuple[int, Tensor]]


@dataclass(frozen=True, eq=False)
class Products:
    """Blocks that are made anew whenever they are read, within `SCORE_BYTES` in all.

    Args:
        rows_bd: Vectors of histories, float32 (B, D).
        items_nd: Vectors of items, float32 (N, D).
    """

    rows_bd: Tensor
    items_nd: Tensor

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        n_rows, is_cpu = len(self.rows_bd), self.rows_bd.device.type == "cpu"
        n_held = (min(SCORE_BYTES, CACHE_BYTES) if is_cpu else SCORE_BYTES) // 4
        width = max(1, n_held // n_rows)
        # New memory for each block would take as long as the product.
        memory = self.rows_bd.new_empty(n_rows * min(width, len(self.items_nd)))
        for start in range(0, len(self.items_nd), width):
            leave_if_abandoned()
            items_cd = self.items_nd[start : start + width]
            block_bc = memory[: n_rows * len(items_cd)].view(n_rows, len(items_cd))
            yield start, torch.mm(self.rows_bd, items_cd.T, out=block_bc)


def score_blocks(
    scorer: Scorer, histories: Histories, n_items: int
) -> Iterator[tuple[slice, Blocks]]:
    """Yield rows of the histories and their scores, within a budget of `SCORE_BYTES`.

    A scorer that has no vectors is asked for as many whole rows as fit, one in any case.
    """
    if isinstance(scorer, VectorScorer):
        yield from product_blocks(scorer.vectors(histories), scorer.item_vectors())
        return
    for rows in row_slices(len(histories), SCORE_BYTES // (4 * n_items)):
        yield rows, [(0, scorer.scores(histories.take(rows)))]


def product_blocks(rows_bd: Tensor, items_nd: Tensor) -> Iterator[tuple[slice, Blocks]]:
    """Yield rows and the products of their vectors with all items', (B, D) with (N, D).

    As many rows as fit into `SCORE_BYTES` are multiplied once and held. Where these would be too
    few for a fast product, more rows stay together and the items are taken apart.
    """
    n_fitting = SCORE_BYTES // (4 * len(items_nd))
    if n_fitting < min(MIN_ROWS, len(rows_bd)):
        for rows in row_slices(len(rows_bd), MAX_ROWS):
            yield rows, Products(rows_bd[rows], items_nd)
        return
    for rows in row_slices(len(rows_bd), n_fitting):
        yield rows, [(0, rows_bd[rows] @ items_nd.T)]


class LogSums:
    """Logarithms of the sums of exponentials of B rows, block by block.

    What is kept of a block lies in memory of its own. As a tensor for each block it would stand in
    the way of the next block's memory, which the process then takes anew: 2 MB a block, 4 GB of a
    million items.
    """

    def __init__(self) -> None:
        self._n, self._parts_nb = 0, torch.empty(0, 0)

    @classmethod
    def of(cls, blocks: Blocks) -> Tensor:
        """Return those of the whole rows, (B,)."""
        sums = cls()
        for _, block in blocks:
            sums.add(block)
        return sums.total()

    def add(self, block_bc: Tensor) -> None:
        """Take a block into the sums."""
        if self._n == len(self._parts_nb):
            more = block_bc.new_empty(max(self._n, 1), len(block_bc))
            self._parts_nb = torch.cat([self._parts_nb, more]) if self._n else more
        self._parts_nb[self._n] = block_bc.logsumexp(dim=1)
        self._n += 1

    def total(self) -> Tensor:
        """Return those of the whole rows, (B,)."""
        return self._parts_nb[: self._n].logsumexp(dim=0)


class ChosenScores:
    """Scores of chosen items of B rows, taken out of the blocks as these pass.

    Args:
        items_bm: Item indices 1..N, (B, M).
    """

    def __init__(self, items_bm: np.ndarray) -> None:
        self._shape, flat = items_bm.shape, items_bm.ravel()
        # By item, as the blocks come.
        self._order = np.argsort(flat, kind="stable")
        self._items = flat[self._order]
        self._found = torch.empty(0)

    def add(self, start: int, block_bc: Tensor) -> None:
        """Take those out that stand in a block."""
        if not len(self._found):
            self._found = block_bc.new_empty(len(self._items))
        first, end = np.searchsorted(self._items, [start + 1, start + 1 + block_bc.shape[1]])
        at, items = self._order[first:end], self._items[first:end]
        places = (at // self._shape[1], items - 1 - start)
        row, column, place = (torch.as_tensor(one, device=block_bc.device) for one in (*places, at))
        self._found[place] = block_bc[row, column]

    def scores(self) -> Tensor:
        """Return what was found, (B, M)."""
        return self._found.view(self._shape)


def are_long(n_items: int) -> bool:
    """Return whether rows of scores are so long that too few fit into `SCORE_BYTES`."""
    return SCORE_BYTES // (4 * n_items) < MIN_ROWS


def row_slices(n_rows: int, size: int) -> Iterator[slice]:
    """Yield slices of `size` rows, of one row at least, that make up `n_rows`."""
    size = max(1, size)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
