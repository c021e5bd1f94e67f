"""Ranks of scored pairs among those of their history, wherever these stand in a file.

A rank is known only when all pairs of its history are. Until then keys of histories and scores wait
in a file. They are ranked by sorting: all at once where memory allows, else one part of the
histories after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bert4rec.bulk.row_writers import rows_from_aside

# What ranking may hold, and what a pair takes of it: its key, row, score and places while sorting.
RANKING_BYTES = 512 * 2**20
PAIR_BYTES = 128


class Ranks:
    """The ranks of scored pairs in the order of their rows, handed out as many as are asked for.

    Args:
        scored: What `rows_set_aside` wrote: the key of each pair's history, int64 or of 16 bytes,
            null where there is no rank; and its score, float32.
        ranks: The file in which the ranks wait.
        n_pairs: Rows of it.
        n_bytes: What may be held while ranking.

    Cost: O(n log n); `scored` is read once for each part that fits into `n_bytes`.
    """

    def __init__(
        self, scored: Path, ranks: Path, n_pairs: int, n_bytes: int = RANKING_BYTES
    ) -> None:
        # A file of no bytes cannot be mapped.
        self._ranks = np.memmap(ranks, dtype=np.int32, mode="w+", shape=max(n_pairs, 1))
        self._n_taken = 0
        n_parts = max(1, -(-n_pairs * PAIR_BYTES // n_bytes))
        for part in range(n_parts):
            rows, histories, scores = _part_of(scored, part, n_parts)
            self._ranks[rows] = ranks_within(histories, scores)

    def take(self, n_rows: int) -> pa.Array:
        """Return the ranks of the next rows, int64, null for those without one."""
        taken = self._ranks[self._n_taken : self._n_taken + n_rows]
        self._n_taken += n_rows
        return pa.array(taken.astype(np.int64), mask=taken == 0)


def _part_of(scored: Path, part: int, n_parts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, numbers of histories and scores of the pairs of some histories, each (n,)."""
    rows, keys, scores = zip(*_pieces_of(scored, part, n_parts), strict=True)
    histories = pa.chunked_array(keys).combine_chunks().dictionary_encode()
    return np.concatenate(rows), np.asarray(histories.indices), np.concatenate(scores)


def _pieces_of(
    scored: Path, part: int, n_parts: int
) -> Iterator[tuple[np.ndarray, pa.Array, np.ndarray]]:
    start = 0
    for table in rows_from_aside(scored):
        keys, scores = (column.combine_chunks() for column in table.columns)
        rows = np.arange(start, start + len(table))
        start += len(table)
        if n_parts > 1 or keys.null_count:
            is_here = _first_words(keys) % n_parts == part
            at = np.flatnonzero(is_here & np.asarray(keys.is_valid()))
            rows, keys, scores = rows[at], keys.take(pa.array(at)), scores.take(pa.array(at))
        yield rows, keys, scores.to_numpy()


def _first_words(keys: pa.Array) -> np.ndarray:
    """Return the first eight bytes of each key, uint64 (n,)."""
    n_words = keys.type.bit_width // 64
    words = np.frombuffer(keys.buffers()[1], np.uint64).reshape(-1, n_words)
    return words[keys.offset : keys.offset + len(keys), 0]


def ranks_within(groups: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the rank of each score among those of its group, largest first, int32 (n,).

    Args:
        groups: Whole numbers below 2^31, (n,).
        scores: float32 (n,); none of them is NaN.

    Returns:
        Ranks from 1; equal scores have equal ranks, and those after them as if they had not.
    """
    # Zero has one sign from here.
    bits = (scores + np.float32(0)).view(np.int32)
    # As whole numbers in the order of the floats: below zero, larger bits are a smaller number.
    ascending = bits ^ ((bits >> 31) & 0x7FFF_FFFF)
    keys = (groups.astype(np.int64) << 32) + (0x7FFF_FFFF - ascending.astype(np.int64))
    order = np.argsort(keys)
    keys = keys[order]
    ranks = np.empty(len(keys), dtype=np.int32)
    ranks[order] = 1 + _first_equal(keys) - _first_equal(keys >> 32)
    return ranks


def _first_equal(values: np.ndarray) -> np.ndarray:
    """Return for each of some sorted values the place of the first that equals it, int32 (n,)."""
    is_first = np.ones(len(values), dtype=bool)
    is_first[1:] = values[1:] != values[:-1]
    places = np.arange(len(values), dtype=np.int32)
    firsts: np.ndarray = np.maximum.accumulate(places * is_first)
    return firsts
