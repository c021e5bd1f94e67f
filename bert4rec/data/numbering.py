"""Final indices of users and items, and the arrays of a dataset in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import begin_array
from bert4rec.data.filters import Filtered
from bert4rec.data.row_order import ROWS_SORTED, wanted_chunks
from bert4rec.data.staged_rows import StagedRows
from bert4rec.stages import Stage, Watch, tell_nobody

ITEMS, TIMES = "items.npy", "times_s.npy"


@dataclass(frozen=True, eq=False)
class NumberedRows:
    """What is kept of a log, by user and time, as a dataset holds it.

    Args:
        items: Items' indices 1..N, int32 of shape (n_kept,), mapped from disk.
        times_s: Unix seconds, float64, mapped from disk; None where the log has no times.
        offsets: Where each user's rows begin, int64 of shape (n_users + 1,).
        user_ids: Raw ids of the users.
        item_ids: Raw ids of the items 1..N.
        n_of_item: Rows of each item, int64 of shape (N,).
    """

    items: np.ndarray
    times_s: np.ndarray | None
    offsets: np.ndarray
    user_ids: np.ndarray
    item_ids: np.ndarray
    n_of_item: np.ndarray


def number_rows(
    rows: StagedRows, filtered: Filtered, *, watch: Watch = tell_nobody
) -> NumberedRows:
    """Give who is left their indices, in the order in which the log first names them.

    Args:
        rows: The log's rows.
        filtered: What is left of them.
        watch: Told how far it has come.

    Cost: a pass over the ordered rows, and one over the log's until all have been named, which
    is left out where nobody was left out.
    """
    users, items = _first_named(rows, filtered)
    item_idx = np.zeros(len(rows.item_ids), dtype=np.int32)
    item_idx[items] = np.arange(1, len(items) + 1, dtype=np.int32)
    folder = filtered.ordered.folder
    has_times = "n" in rows.columns
    n_times = filtered.n_kept if has_times else 0
    stage = Stage(watch, "numbering users and items", filtered.n_kept)
    with (folder / ITEMS).open("wb") as to_items, (folder / TIMES).open("wb") as to_times:
        begin_array(to_items, np.int32, filtered.n_kept)
        begin_array(to_times, np.float64, n_times)
        for places in _places(filtered.ordered.offsets, users):
            idx = item_idx.take(filtered.ordered.at("i", places))
            is_kept = idx > 0
            keeps_all = bool(is_kept.all())
            idx = idx if keeps_all else idx[is_kept]
            to_items.write(idx.data)
            if has_times:
                times = filtered.ordered.at("n", places)
                to_times.write(rows.seconds(times if keeps_all else times[is_kept]).data)
            stage.add(len(idx))
    return NumberedRows(
        items=np.load(folder / ITEMS, mmap_mode="r"),
        times_s=np.load(folder / TIMES, mmap_mode="r") if has_times else None,
        offsets=np.concatenate([[0], np.cumsum(filtered.n_of_user[users])]),
        user_ids=rows.user_ids.take(users).to_numpy(zero_copy_only=False),
        item_ids=rows.item_ids.take(items).to_numpy(zero_copy_only=False),
        n_of_item=filtered.n_of_item[items],
    )


def _first_named(rows: StagedRows, filtered: Filtered) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of who is left in the order in which the rows that are left name them."""
    is_left = {"u": filtered.n_of_user > 0, "i": filtered.n_of_item > 0}
    awaited = {name: of_codes.copy() for name, of_codes in is_left.items()}
    found: dict[str, list[np.ndarray]] = {"u": [], "i": []}
    are_all_left = all(of_codes.all() for of_codes in is_left.values())
    if are_all_left and filtered.is_wanted is None and rows.is_whole:
        # Codes are given in that order.
        return np.arange(len(awaited["u"])), np.arange(len(awaited["i"]))
    for users, items in wanted_chunks(rows, filtered.is_wanted, "u", "i"):
        if not are_all_left:
            stays = is_left["u"].take(users) & is_left["i"].take(items)
            users, items = users[stays], items[stays]
        for name, codes in (("u", users), ("i", items)):
            if awaited[name].any():
                named = codes[awaited[name].take(codes)]
                new, first = np.unique(named, return_index=True)
                found[name].append(new[np.argsort(first)])
                awaited[name][new] = False
        if not awaited["u"].any() and not awaited["i"].any():
            break
    return np.concatenate(found["u"]), np.concatenate(found["i"])


def _places(offsets: np.ndarray, users: np.ndarray) -> Iterator[slice | np.ndarray]:
    """Yield where the ordered rows of some users lie, in their order.

    A block holds the rows of about `ROWS_SORTED` or one user. Rows beside each other are a slice.
    """
    lengths = offsets[users + 1] - offsets[users]
    ends = np.cumsum(lengths)
    n_blocks = -(-int(ends[-1]) // ROWS_SORTED)
    cuts = np.searchsorted(ends, np.arange(1, n_blocks) * ROWS_SORTED)
    for block in np.split(np.arange(len(users)), np.unique(cuts)):
        if not len(block):
            continue
        here, n_of_user = users[block], lengths[block]
        if (np.diff(here) == 1).all():
            yield slice(int(offsets[here[0]]), int(offsets[here[-1] + 1]))
        else:
            before = np.concatenate([[0], np.cumsum(n_of_user)[:-1]])
            starts = np.repeat(offsets[here] - before, n_of_user)
            yield starts + np.arange(len(starts))
