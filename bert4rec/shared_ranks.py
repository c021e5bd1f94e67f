"""Ranks and lists of a scorer that gives nearly all items the same score whoever asks.

What is common is put in order once; a row costs by its exceptions: the items that score otherwise
for it, and those that leave its ranking. All comes out as from whole rows of scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bert4rec.histories import Histories
from bert4rec.metrics import CUT_OFFS
from bert4rec.score_blocks import SharedScorer, Told

# Candidates for the lists of some rows that are put in order at once.
MAX_CANDIDATES = 2**19


def sorting_keys(scores: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return whole numbers that are in order where better scores come first, equal ones by item.

    Whole numbers are sorted many times faster than rows by two keys; the lower half of each is its
    item.

    Args:
        scores: No NaN, float32.
        items: Below 2^32, of the same shape.
    """
    # Floats are in the order of their bits, negative ones in the opposite one; 0 has one form then.
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return np.asarray((-ordered << 32) + items)


ITEM_BITS = 2**32 - 1
# What is scored minus infinity has a key from here on.
LAST_KEY = int(sorting_keys(np.full(1, -np.inf, np.float32), np.zeros(1, np.int64))[0])


class SharedRanks:
    """Rank among the scores of one scorer.

    Args:
        scorer: The scorer.
    """

    def __init__(self, scorer: SharedScorer) -> None:
        self.scorer = scorer
        self.common = scorer.common
        self.n_items = len(self.common)
        # Best first, equal ones by index.
        self.order = np.argsort(-self.common, kind="stable")
        self.ascending = self.common[self.order[::-1]]
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(self.n_items)

    def top_and_ranks(
        self, told: Told, targets: np.ndarray, k: int, removed: Histories | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what `ranking.top_and_ranks` says of the whole rows of scores.

        Args:
            told: What the scorer says of B rows, its exceptions.
            targets: Item indices 1..N, int64 (B,).
            k: Length of the lists.
            removed: The items that leave each row; None when all stay.

        Returns:
            The K best items of each row, int64 (B, K), 0 behind them where fewer are left; the rank
            of its target from 0, int64 (B,).
        """
        others = _Exceptions.of(told, len(targets), removed)
        ranks = self._ranks(others, targets)
        top = np.zeros((len(targets), min(k, self.n_items)), dtype=np.int64)
        for rows in self._like_rows(others.n_of_row, top.shape[1]) if k else ():
            top[rows] = self._top(others.take(rows), top.shape[1])
        return top, ranks

    def chosen_scores(self, told: Told, items_bm: np.ndarray) -> np.ndarray:
        """Return the scores of chosen items of each row, float32 (B, M).

        Args:
            told: What the scorer says of B rows, its exceptions.
            items_bm: Item indices 1..N, (B, M).
        """
        rows, items, scores = told
        found: np.ndarray = self.common[items_bm - 1]
        if not len(rows):
            return found
        keys = rows * (self.n_items + 1) + items
        order = np.argsort(keys)
        keys, scores = keys[order], scores[order]
        asked = np.arange(len(items_bm))[:, None] * (self.n_items + 1) + items_bm
        place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        return np.asarray(np.where(keys[place] == asked, scores[place], found))

    def _ranks(self, others: _Exceptions, targets: np.ndarray) -> np.ndarray:
        n_rows = len(targets)
        score, is_gone = self.common[targets - 1], np.zeros(n_rows, dtype=bool)
        is_target = others.items == targets[others.rows]
        score[others.rows[is_target]] = others.scores[is_target]
        is_gone[others.rows[is_target]] = others.is_gone[is_target]
        n_not_below = self.n_items - np.searchsorted(self.ascending, score, "left")
        counted = self.common[others.items - 1] >= score[others.rows]
        counts = ~others.is_gone & (others.scores >= score[others.rows])
        change = np.bincount(others.rows, counts.astype(float) - counted, minlength=n_rows)
        ranks = n_not_below + change.astype(np.int64) - 1
        return np.where(is_gone, max(self.n_items - 1, *CUT_OFFS), ranks)

    def _like_rows(self, n_of_row: np.ndarray, k: int) -> Iterator[np.ndarray]:
        """Yield rows of like many exceptions, few enough to be put in order together."""
        order = np.argsort(-n_of_row, kind="stable")
        while len(order):
            width = min(self.n_items, k + n_of_row[order[0]]) + n_of_row[order[0]]
            n_together = max(1, MAX_CANDIDATES // int(width))
            yield order[:n_together]
            order = order[n_together:]

    def _top(self, others: _Exceptions, k: int) -> np.ndarray:
        """Return the K best items of each row, int64 (B, K): of what is common and the others."""
        n_most = int(others.n_of_row.max(initial=0))
        # So many of the best that are common hold K that are no exceptions.
        best = self.order[: k + n_most] + 1
        n_rows = len(others.n_of_row)
        items = np.zeros((n_rows, len(best) + n_most), dtype=np.int64)
        scores = np.full(items.shape, -np.inf, dtype=np.float32)
        items[:, : len(best)], scores[:, : len(best)] = best, self.common[best - 1]
        place = self.place[others.items - 1]
        is_best = place < len(best)
        scores[others.rows[is_best], place[is_best]] = -np.inf
        stays = ~others.is_gone
        first = np.cumsum(others.n_of_row) - others.n_of_row
        column = len(best) + np.arange(len(others.rows)) - first[others.rows]
        items[others.rows[stays], column[stays]] = others.items[stays]
        scores[others.rows[stays], column[stays]] = others.scores[stays]
        keys = np.sort(sorting_keys(scores, items), axis=1)[:, :k]
        return np.where(keys < LAST_KEY, keys & ITEM_BITS, 0)


@dataclass(frozen=True, eq=False)
class _Exceptions:
    """What scores otherwise than is common, or leaves the ranking; each item of a row once.

    Args:
        rows: Whose it is, ascending, int64 (n,).
        items: The item, 1..N, int64 (n,).
        scores: Its score, float32 (n,).
        is_gone: Whether it leaves, bool (n,).
        n_of_row: How many each row has, int64 (B,).
    """

    rows: np.ndarray
    items: np.ndarray
    scores: np.ndarray
    is_gone: np.ndarray
    n_of_row: np.ndarray

    @classmethod
    def of(cls, told: Told, n_rows: int, removed: Histories | None) -> _Exceptions:
        """Collect what a scorer and a removal say of some rows."""
        rows, items, scores = told
        gone = removed or Histories.of([])
        rows, items = np.concatenate([gone.rows, rows]), np.concatenate([gone.items, items])
        scores = np.concatenate([np.full(len(gone.items), -np.inf, np.float32), scores])
        is_gone = np.arange(len(rows)) < len(gone.items)
        # By row and item; what leaves stands first among its like.
        order = np.argsort(2 * (rows * (items.max(initial=0) + 1) + items) + ~is_gone)
        rows, items = rows[order], items[order]
        is_first = np.ones(len(rows), dtype=bool)
        is_first[1:] = (rows[1:] != rows[:-1]) | (items[1:] != items[:-1])
        kept, rows = order[is_first], rows[is_first]
        n_of_row = np.bincount(rows, minlength=n_rows)
        return cls(rows, items[is_first], scores[kept], is_gone[kept], n_of_row)

    def take(self, rows: np.ndarray) -> _Exceptions:
        """Return those of some rows, numbered from 0 in the order given."""
        number = np.full(len(self.n_of_row), -1)
        number[rows] = np.arange(len(rows))
        new_rows = number[self.rows]
        found = np.flatnonzero(new_rows >= 0)
        found = found[np.argsort(new_rows[found], kind="stable")]
        return _Exceptions(
            new_rows[found],
            self.items[found],
            self.scores[found],
            self.is_gone[found],
            self.n_of_row[rows],
        )
