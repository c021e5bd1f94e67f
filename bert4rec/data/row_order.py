"""Staged rows put together by user, in the order of time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from bert4rec.data.staged_rows import DTYPES, StagedRows

# Rows that are sorted at once: they and their order fit the processor's caches and a sort key.
ROWS_SORTED = 1 << 20
MOST_BLOCKS = 1 << 15
KEY_BITS = 62


@dataclass(frozen=True, eq=False)
class OrderedRows:
    """Rows by user and time; equal times are in reading order, and so are rows without times.

    Args:
        folder: Holds the columns.
        offsets: Where the rows of each user begin, by code, int64 of shape (n_users + 1,).
        n_duplicates: Rows that were left out because an earlier one is the same.
    """

    folder: Path
    offsets: np.ndarray
    n_duplicates: int

    def at(self, name: str, places: np.ndarray) -> np.ndarray:
        """Return the items' codes `i` or the times `n` of some of the rows."""
        # Mapped for as long as this takes: what was looked at does not stay in memory.
        values: np.ndarray = np.memmap(self.folder / name, DTYPES[name], mode="r")[places]
        return values

    def item_blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the users and items of all rows in order, a block of them at a time."""
        with (self.folder / "i").open("rb") as file:
            for first, end in user_blocks(self.offsets):
                lengths = np.diff(self.offsets[first : end + 1])
                users = np.repeat(np.arange(first, end, dtype=np.int32), lengths)
                yield users, np.fromfile(file, DTYPES["i"], len(users))


def user_blocks(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield ranges of users that hold about `ROWS_SORTED` rows each, or one user."""
    n_blocks = min(max(1, -(-int(offsets[-1]) // ROWS_SORTED)), MOST_BLOCKS)
    marks = np.linspace(0, offsets[-1], n_blocks + 1)
    cuts = np.unique(np.searchsorted(offsets, marks, side="right") - 1)
    yield from pairwise(int(cut) for cut in (0, *cuts[cuts > 0]))


def order_rows(
    rows: StagedRows, folder: Path, *, is_wanted: np.ndarray | None, drop_duplicates: bool
) -> OrderedRows:
    """Put rows in order.

    Args:
        rows: The rows.
        folder: Gets the ordered columns.
        is_wanted: Which rows to take, bool of shape (n_rows,); all if None.
        drop_duplicates: Leave out a row whose user, item and time an earlier one has.

    Cost: two passes over the rows and a sort of each block of users, 40 bytes a row of a block.
    """
    folder.mkdir(parents=True)
    names = ("u", "i", "n") if "n" in rows.columns else ("u", "i")
    offsets = _offsets(rows, is_wanted)
    blocks = list(user_blocks(offsets))
    _part(rows, folder, names, is_wanted, offsets, blocks)
    sort = partial(_sorted_block, folder, names, offsets, drop_duplicates)
    lengths = []
    files = {name: (folder / name).open("wb") for name in names[1:]}
    try:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            for n_of_user, columns in pool.map(sort, blocks):
                lengths.append(n_of_user)
                for name, values in columns.items():
                    values.tofile(files[name])
    finally:
        for file in files.values():
            file.close()
    for name in names:
        _parted(folder, name).unlink()
    ends = np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64)
    return OrderedRows(folder, ends, int(offsets[-1] - ends[-1]))


def _offsets(rows: StagedRows, is_wanted: np.ndarray | None) -> np.ndarray:
    counts = np.zeros(len(rows.user_ids), dtype=np.int64)
    for (users,) in wanted_chunks(rows, is_wanted, "u"):
        counts += np.bincount(users, minlength=len(counts))
    return np.concatenate([[0], np.cumsum(counts)])


def wanted_chunks(
    rows: StagedRows, is_wanted: np.ndarray | None, *names: str
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield some columns of the rows that are wanted, in reading order."""
    first = 0
    for chunk in rows.chunks(*names):
        end = first + len(chunk[0])
        yield chunk if is_wanted is None else tuple(c[is_wanted[first:end]] for c in chunk)
        first = end


def _parted(folder: Path, name: str) -> Path:
    return folder / f"{name}.parted"


def _part(
    rows: StagedRows,
    folder: Path,
    names: tuple[str, ...],
    is_wanted: np.ndarray | None,
    offsets: np.ndarray,
    blocks: list[tuple[int, int]],
) -> None:
    """Write the rows of each block of users beside each other, in reading order."""
    block_of = np.repeat(
        np.arange(len(blocks), dtype=np.uint16), [end - first for first, end in blocks]
    )
    places = [int(offsets[first]) for first, _ in blocks]
    files = [_parted(folder, name).open("wb") for name in names]
    try:
        for chunk in wanted_chunks(rows, is_wanted, *names):
            block = block_of[chunk[0]]
            # Of 16 bits, this is a radix sort.
            order = np.argsort(block, kind="stable")
            cuts = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=len(blocks)))])
            for file, values in zip(files, chunk, strict=True):
                ordered = values[order]
                for place, (first, end) in zip(places, pairwise(cuts), strict=True):
                    if end > first:
                        file.seek(place * values.itemsize)
                        ordered[first:end].tofile(file)
            places = [place + int(n) for place, n in zip(places, np.diff(cuts), strict=True)]
    finally:
        for file in files:
            file.close()


def _sorted_block(
    folder: Path,
    names: tuple[str, ...],
    offsets: np.ndarray,
    drop_duplicates: bool,
    block: tuple[int, int],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return how many rows each user of a block has, and the other columns in order."""
    first, end = block
    place, n = int(offsets[first]), int(offsets[end] - offsets[first])
    columns = {
        name: np.fromfile(
            _parted(folder, name), DTYPES[name], n, offset=place * np.dtype(DTYPES[name]).itemsize
        )
        for name in names
    }
    users = columns.pop("u") - np.int32(first)
    if end - first <= 1 << 16:
        users = users.astype(np.uint16)
    order = np.arange(n) if "n" not in columns else _stable_order(columns["n"])
    order = order[np.argsort(users[order], kind="stable")]
    columns = {name: values[order] for name, values in columns.items()}
    users = users[order]
    if drop_duplicates and "n" in columns:
        is_first = _is_first(users, columns["n"], columns["i"])
        users = users[is_first]
        columns = {name: values[is_first] for name, values in columns.items()}
    return np.bincount(users, minlength=end - first), columns


def _stable_order(values: np.ndarray) -> np.ndarray:
    """Return the order of numbers, equal ones as they stand; whole ones are sorted faster."""
    n_bits = len(values).bit_length()
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    if high - low < 1 << (KEY_BITS - n_bits) and not np.any(values % 1):
        keys = (values - low).astype(np.int64) << n_bits
        keys |= np.arange(len(values))
        keys.sort()
        return keys & ((1 << n_bits) - 1)
    return np.argsort(values, kind="stable")


def _is_first(users: np.ndarray, times: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Tell of ordered rows which have no earlier one with the same user, time and item."""
    is_first = np.ones(len(users), dtype=bool)
    is_tied = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
    if not is_tied.any():
        return is_first
    tied = np.flatnonzero(np.append(is_tied, False) | np.insert(is_tied, 0, False))
    ties = np.cumsum(np.insert(~is_tied, 0, True))[tied]
    by_item = np.lexsort((items[tied], ties))
    ties, tied = ties[by_item], tied[by_item]
    is_same = (ties[1:] == ties[:-1]) & (items[tied[1:]] == items[tied[:-1]])
    is_first[tied[1:][is_same]] = False
    return is_first
