"""Staged rows put together by user, in the order of time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from bert4rec.data.staged_rows import DTYPES, StagedRows
from bert4rec.stages import Stage, Watch, tell_nobody

# Rows that are sorted at once: they and their order fit the processor's caches and a sort key.
ROWS_SORTED = 1 << 18
MOST_BLOCKS = 1 << 15
KEY_BITS = 62
N_THREADS = min(os.cpu_count() or 1, 8)
# Parts under way or ready before their turn: more would only fill the memory.
N_AHEAD = N_THREADS + 1
Given = TypeVar("Given")
Found = TypeVar("Found")


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

    def at(self, name: str, places: slice | np.ndarray) -> np.ndarray:
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
    rows: StagedRows,
    folder: Path,
    *,
    is_wanted: np.ndarray | None,
    drop_duplicates: bool,
    watch: Watch = tell_nobody,
) -> OrderedRows:
    """Put rows in order.

    Args:
        rows: The rows.
        folder: Gets the ordered columns.
        is_wanted: Which rows to take, bool of shape (n_rows,); all if None.
        drop_duplicates: Leave out a row whose user, item and time an earlier one has.
        watch: Told how far it has come.

    Cost: two passes over the rows and a sort of each block of users, 40 bytes a row of a block.
    """
    folder.mkdir(parents=True)
    names = ("u", "i", "n") if "n" in rows.columns else ("u", "i")
    offsets = _offsets(rows, is_wanted)
    blocks = list(user_blocks(offsets))
    sort = partial(_sorted_block, folder, names, offsets, drop_duplicates)
    lengths = []
    n_rows = int(offsets[-1])
    parting = Stage(watch, "parting rows by users", n_rows, 0.0, 0.5)
    ordering = Stage(watch, "putting rows in order", n_rows, 0.5, 1.0)
    with ThreadPoolExecutor(N_THREADS) as pool, ExitStack() as opened:
        chunks = _told_of(wanted_chunks(rows, is_wanted, *names), parting)
        _part(chunks, folder, names, offsets, blocks, pool)
        files = {name: opened.enter_context((folder / name).open("wb")) for name in names[1:]}
        made = _in_turn(pool, sort, blocks)
        for (first, end), (n_of_user, columns) in zip(blocks, made, strict=True):
            ordering.add(int(offsets[end] - offsets[first]))
            lengths.append(n_of_user)
            for name, values in columns.items():
                files[name].write(values.data)
    for name in names:
        _parted(folder, name).unlink()
    ends = np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64)
    return OrderedRows(folder, ends, int(n_rows - ends[-1]))


def _in_turn(
    pool: ThreadPoolExecutor, work: Callable[[Given], Found], parts: Iterable[Given]
) -> Iterator[Found]:
    """Yield what is made of each part, in their order, with a few of them ahead at most."""
    waiting: deque[Future[Found]] = deque()
    for part in parts:
        waiting.append(pool.submit(work, part))
        if len(waiting) > N_AHEAD:
            yield waiting.popleft().result()
    for made in waiting:
        yield made.result()


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


def _told_of(
    chunks: Iterable[tuple[np.ndarray, ...]], stage: Stage
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield parts of columns, and tell how many of their rows have been asked for."""
    for chunk in chunks:
        yield chunk
        stage.add(len(chunk[0]))


def _part(
    chunks: Iterable[tuple[np.ndarray, ...]],
    folder: Path,
    names: tuple[str, ...],
    offsets: np.ndarray,
    blocks: list[tuple[int, int]],
    pool: ThreadPoolExecutor,
) -> None:
    """Write the rows of each block of users beside each other, in reading order."""
    # Numbers of 8 and 16 bits are put in order by counting, one byte after the other.
    few = np.uint8 if len(blocks) <= 1 << 8 else np.uint16
    block_of = np.repeat(np.arange(len(blocks), dtype=few), [end - first for first, end in blocks])
    places = [int(offsets[first]) for first, _ in blocks]

    def part(chunk: tuple[np.ndarray, ...]) -> tuple[np.ndarray, list[np.ndarray]]:
        block = block_of.take(chunk[0])
        order = np.argsort(block, kind="stable")
        n_of_block = np.bincount(block, minlength=len(blocks))
        return n_of_block, [values.take(order) for values in chunk]

    with ExitStack() as opened:
        files = [opened.enter_context(_parted(folder, name).open("wb")) for name in names]
        for n_of_block, columns in _in_turn(pool, part, chunks):
            cuts = np.concatenate([[0], np.cumsum(n_of_block)])
            for file, values in zip(files, columns, strict=True):
                for place, (first, end) in zip(places, pairwise(cuts), strict=True):
                    if end > first:
                        file.seek(place * values.itemsize)
                        file.write(values[first:end].data)
            places = [place + int(n) for place, n in zip(places, n_of_block, strict=True)]


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
    order = _order(users, end - first, columns.get("n"))
    columns = {name: values.take(order) for name, values in columns.items()}
    # In order, the users' rows stand beside each other as they are counted.
    n_of_user = np.bincount(users, minlength=end - first)
    if drop_duplicates and "n" in columns:
        ends = np.cumsum(n_of_user)
        again = _repeats(ends, columns["n"], columns["i"])
        if len(again):
            n_of_user -= np.bincount(
                np.searchsorted(ends, again, side="right"), minlength=end - first
            )
            columns = {name: np.delete(values, again) for name, values in columns.items()}
    return n_of_user, columns


def _order(users: np.ndarray, n_users: int, times: np.ndarray | None) -> np.ndarray:
    """Return the order of rows by user and time; equal ones stay as they stand.

    Whole numbers of users, times and places that fit one key together are sorted at once.
    """
    n_bits, user_bits = len(users).bit_length(), n_users.bit_length()
    offsets = None if times is None else _whole_offsets(times)
    time_bits = 0 if offsets is None else int(offsets.max(initial=0)).bit_length()
    if times is None or (offsets is not None and n_bits + user_bits + time_bits <= KEY_BITS):
        keys = users.astype(np.int64)
        if offsets is not None:
            keys <<= time_bits
            keys |= offsets
        return _sorted_places(keys, n_bits)
    if offsets is not None and n_bits + time_bits <= KEY_BITS:
        order = _sorted_places(offsets, n_bits)
    else:
        order = np.argsort(times, kind="stable")
    if n_users <= 1 << 16:
        users = users.astype(np.uint16)
    ordered: np.ndarray = order.take(np.argsort(users.take(order), kind="stable"))
    return ordered


def _whole_offsets(times: np.ndarray) -> np.ndarray | None:
    """Return whole numbers less the smallest of them, int64; None if one is no whole number."""
    low, high = (times.min(), times.max()) if len(times) else (0.0, 0.0)
    if high - low >= 1 << KEY_BITS or not (np.trunc(times) == times).all():
        return None
    offsets: np.ndarray = (times - low).astype(np.int64)
    return offsets


def _sorted_places(keys: np.ndarray, n_bits: int) -> np.ndarray:
    """Return the places of keys in their order, equal ones as they stand; the keys are lost."""
    keys <<= n_bits
    keys |= np.arange(len(keys))
    keys.sort()
    keys &= (1 << n_bits) - 1
    return keys


def _repeats(ends: np.ndarray, times: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return which of the ordered rows have an earlier one of the same user, time and item.

    Args:
        ends: Where the rows of each user end.
        times: Times of the rows.
        items: Items of the rows.
    """
    later = np.flatnonzero(times[1:] == times[:-1]) + 1
    later = later[~np.isin(later, ends)]
    tied = np.union1d(later - 1, later)
    ties = np.cumsum(~np.isin(tied, later, assume_unique=True))
    by_item = np.lexsort((items[tied], ties))
    ties, tied = ties[by_item], tied[by_item]
    is_same = (ties[1:] == ties[:-1]) & (items[tied[1:]] == items[tied[:-1]])
    repeats: np.ndarray = tied[1:][is_same]
    return repeats
