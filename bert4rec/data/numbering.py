"""Final indices of users and items, and the arrays of a dataset in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bert4rec.data.filters import Filtered
from bert4rec.data.row_order import ROWS_SORTED, wanted_chunks
from bert4rec.data.staged_rows import StagedRows


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


def number_rows(rows: StagedRows, filtered: Filtered) -> NumberedRows:
    """Give who is left their indices, in the order in which the log first names them.

    Args:
        rows: The log's rows.
        filtered: What is left of them.

    Cost: a pass over the ordered rows, and one over the log's until all have been named.
    """
    users, items = _first_named(rows, filtered)
    item_idx = np.zeros(len(rows.item_ids), dtype=np.int32)
    item_idx[items] = np.arange(1, len(items) + 1, dtype=np.int32)
    folder = filtered.ordered.folder
    n_of_item = np.zeros(len(items) + 1, dtype=np.int64)
    has_times = "n" in rows.columns
    lengths = [np.zeros(1, dtype=np.int64)]
    with (folder / "items").open("wb") as to_items, (folder / "times_s").open("wb") as to_times:
        for places, n_of_user in _places(filtered.ordered.offsets, users):
            idx = item_idx[filtered.ordered.at("i", places)]
            is_kept = idx > 0
            kept = idx[is_kept]
            kept.tofile(to_items)
            n_of_item += np.bincount(kept, minlength=len(n_of_item))
            if has_times:
                rows.seconds(filtered.ordered.at("n", places[is_kept])).tofile(to_times)
            n_before = np.concatenate([[0], np.cumsum(is_kept)])
            lengths.append(np.diff(n_before[np.concatenate([[0], np.cumsum(n_of_user)])]))
    return NumberedRows(
        items=np.memmap(folder / "items", np.int32, mode="r"),
        times_s=np.memmap(folder / "times_s", np.float64, mode="r") if has_times else None,
        offsets=np.cumsum(np.concatenate(lengths)),
        user_ids=rows.user_ids.take(users).to_numpy(zero_copy_only=False),
        item_ids=rows.item_ids.take(items).to_numpy(zero_copy_only=False),
        n_of_item=n_of_item[1:],
    )


def _first_named(rows: StagedRows, filtered: Filtered) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of who is left in the order in which the rows that are left name them."""
    awaited = {"u": filtered.keeps_user.copy(), "i": filtered.keeps_item.copy()}
    found: dict[str, list[np.ndarray]] = {"u": [], "i": []}
    for users, items in wanted_chunks(rows, filtered.is_wanted, "u", "i"):
        is_left = filtered.keeps_user[users] & filtered.keeps_item[items]
        for name, codes in (("u", users), ("i", items)):
            new, first = np.unique(codes[is_left & awaited[name][codes]], return_index=True)
            found[name].append(new[np.argsort(first)])
            awaited[name][new] = False
        if not awaited["u"].any() and not awaited["i"].any():
            break
    return np.concatenate(found["u"]), np.concatenate(found["i"])


def _places(offsets: np.ndarray, users: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield where the ordered rows of some users lie, and how many each has, in their order.

    A block holds the rows of about `ROWS_SORTED` or one user.
    """
    lengths = offsets[users + 1] - offsets[users]
    ends = np.cumsum(lengths)
    n_blocks = -(-int(ends[-1]) // ROWS_SORTED)
    cuts = np.searchsorted(ends, np.arange(1, n_blocks) * ROWS_SORTED)
    for block in np.split(np.arange(len(users)), np.unique(cuts)):
        if len(block):
            n_of_user = lengths[block]
            before = np.concatenate([[0], np.cumsum(n_of_user)[:-1]])
            starts = np.repeat(offsets[users[block]] - before, n_of_user)
            yield starts + np.arange(len(starts)), n_of_user
