"""The dataset folder: sequences, items and users on disk, memory-mapped."""

from __future__ import annotations

import hashlib
import mmap
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bert4rec.data.vocabulary import PAD_IDX, Vocabulary
from bert4rec.errors import DatasetError, FormatError, NotFoundError, UnknownIdError
from bert4rec.files import folder_swapped_in
from bert4rec.json_files import check_format, read_json, write_json
from bert4rec.moments import now_text

FORMAT_VERSION = 1
# Interactions looked at together where a whole log would not fit the memory.
BLOCK_ROWS = 4_000_000


@dataclass(frozen=True, eq=False)
class SequenceDataset:
    """Users' histories in time order, as one flat array cut by offsets.

    Args:
        items: Item indices 1..N of all users one after the other, int32 of shape (n_interactions,).
        offsets: User u owns items[offsets[u]:offsets[u + 1]], int64 of shape (n_users + 1,).
        times_s: Unix seconds beside `items`, float64, or None when file order was the order.
        vocabulary: The items.
        users: One row a user, in index order, with `user_id` (str).
        manifest: Source, roles, settings, counts and the report of what was dropped; `fingerprint`
            identifies the content.
        folder: Where the dataset lies, or None while it lives in memory only.
    """

    items: np.ndarray
    offsets: np.ndarray
    vocabulary: Vocabulary
    users: pd.DataFrame
    times_s: np.ndarray | None = None
    manifest: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The name given at preparation."""
        return str(self.manifest.get("name", "dataset"))

    @property
    def fingerprint(self) -> str:
        """Hash of source and settings: equal logs with equal settings have equal fingerprints."""
        return str(self.manifest.get("fingerprint", ""))

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        """Size N of the catalogue."""
        return len(self.vocabulary)

    @property
    def n_interactions(self) -> int:
        """Number of interactions."""
        return len(self.items)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return the number of interactions of each user, int64 of shape (n_users,)."""
        return np.diff(self.offsets)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of whole users that hold about `BLOCK_ROWS` interactions each."""
        first = 0
        while first < self.n_users:
            row = self.offsets[first] + BLOCK_ROWS
            end = max(first + 1, int(np.searchsorted(self.offsets, row, side="right")) - 1)
            yield first, min(end, self.n_users)
            first = end

    @cached_property
    def n_pairs(self) -> int:
        """Number of different pairs of user and item."""
        n = 0
        for first, end in self.blocks():
            users = np.repeat(np.arange(end - first), self.lengths[first:end])
            items = self.items[self.offsets[first] : self.offsets[end]]
            n += count_distinct(users * np.int64(self.n_items + 1) + items)
        return n

    @cached_property
    def _user_idx_of_id(self) -> dict[str, int]:
        return {str(user_id): idx for idx, user_id in enumerate(self.users["user_id"])}

    def find_user(self, user_id: str) -> int | None:
        """Return the dense index of a raw user id, if known."""
        return self._user_idx_of_id.get(str(user_id))

    def user_idx(self, user_id: str) -> int:
        """Return the dense index of a raw user id.

        Raises:
            UnknownIdError: there is no such user.
        """
        idx = self.find_user(user_id)
        if idx is None:
            fix = (
                "Write the id as the log has it; users with too few interactions were left out "
                "when the dataset was prepared."
            )
            raise UnknownIdError(
                f"user {user_id!r} is not among the {self.n_users:,} users of {self.name}",
                fix=fix if self.n_users else "Give the items of the user's history instead.",
                user=user_id,
            )
        return idx

    def user_id(self, user_idx: int) -> str:
        """Return the raw id of a dense user index."""
        return str(self.users["user_id"].iloc[user_idx])

    def history(self, user_idx: int) -> np.ndarray:
        """Return the item indices of one user, oldest first, int32."""
        return self.items[self.offsets[user_idx] : self.offsets[user_idx + 1]]

    @classmethod
    def from_sequences(
        cls, sequences: Sequence[Sequence[int]], *, n_items: int | None = None, name: str = "made"
    ) -> SequenceDataset:
        """Build a dataset in memory from sequences of item indices 1..N.

        Example:
            >>> SequenceDataset.from_sequences([[1, 2, 3], [2, 3]]).n_items
            3
        """
        if not any(len(sequence) for sequence in sequences):
            raise DatasetError("no sequence holds an item", fix="Give at least one interaction.")
        items = np.concatenate([np.asarray(s, dtype=np.int32) for s in sequences])
        offsets = np.concatenate([[0], np.cumsum([len(s) for s in sequences])]).astype(np.int64)
        n = n_items or int(items.max())
        if items.min() <= PAD_IDX or items.max() > n:
            raise DatasetError(
                f"item indices go from {items.min()} to {items.max()}, not from 1 to {n}",
                fix="Number the items from 1; 0 is the padding.",
            )
        ids = [str(idx) for idx in range(1, n + 1)]
        counts = np.bincount(items, minlength=n + 1)[1:]
        table = pd.DataFrame({"item_id": ids, "title": ids, "count": counts})
        users = pd.DataFrame({"user_id": [str(idx) for idx in range(len(sequences))]})
        sizes = np.concatenate([offsets, [n]])
        content = hashlib.blake2b(items.tobytes() + sizes.tobytes(), digest_size=16)
        manifest = {
            "name": name,
            "fingerprint": content.hexdigest(),
            "created_at": now_text(),
            "counts": {"n_users": len(users), "n_items": n, "n_interactions": len(items)},
        }
        return cls(items, offsets, Vocabulary(table), users, manifest=manifest)

    def save(self, folder: Path) -> SequenceDataset:
        """Write the dataset to `folder`, all or nothing, and return it opened from there."""
        with folder_swapped_in(folder) as new:
            _save_array(new / "items.npy", self.items.astype(np.int32, copy=False))
            _save_array(new / "offsets.npy", self.offsets.astype(np.int64, copy=False))
            if self.times_s is not None:
                _save_array(new / "times_s.npy", self.times_s.astype(np.float64, copy=False))
            self.vocabulary.table.to_parquet(new / "items.parquet", index=False)
            self.users.to_parquet(new / "users.parquet", index=False)
            write_json(
                new / "manifest.json", {"format_version": FORMAT_VERSION} | dict(self.manifest)
            )
        return open_dataset(folder)


def _save_array(path: Path, array: np.ndarray) -> None:
    """Write an array; one that maps a whole file of its kind is copied without being read."""
    base: object = array.base
    if isinstance(array, np.memmap) and isinstance(base, mmap.mmap):
        source = Path(str(array.filename))
        # A mapped array that begins behind a header and fills the rest is all that the file holds.
        if array.offset and array.offset + array.nbytes == source.stat().st_size:
            shutil.copyfile(source, path)
            return
    with path.open("wb") as file:
        begin_array(file, array.dtype, len(array))
        file.write(np.ascontiguousarray(array).data)


def begin_array(file: BinaryIO, dtype: npt.DTypeLike, n: int) -> None:
    """Write the head of an `.npy` file of `n` numbers, which are written behind it.

    NumPy would write them itself, but leaves a full disk unnoticed.
    """
    head = np.lib.format.header_data_from_array_1_0(np.empty(0, dtype)) | {"shape": (n,)}
    np.lib.format.write_array_header_1_0(file, head)


def count_distinct(keys: np.ndarray) -> int:
    """Return how many different values there are, of whole numbers of shape (n,).

    Cost: one sort, which for whole numbers is many times faster than the table of `np.unique`.
    """
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(len(ordered), 1)


def open_dataset(folder: str | Path) -> SequenceDataset:
    """Open a dataset folder; the large arrays are memory-mapped, not read.

    Raises:
        NotFoundError: there is no dataset in `folder`.
        FormatError: it was written by a newer version or is damaged.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise NotFoundError(f"there is no dataset in {folder.name!r}", where=str(folder.parent))
    manifest = read_manifest(folder)
    check_format(manifest, FORMAT_VERSION, folder)
    try:
        dataset = _opened(folder, manifest)
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise _damaged(folder, reason) from error
    for is_whole, reason in _promises(dataset):
        if not is_whole:
            raise _damaged(folder, reason)
    return dataset


def _opened(folder: Path, manifest: dict[str, Any]) -> SequenceDataset:
    times = folder / "times_s.npy"
    return SequenceDataset(
        items=np.load(folder / "items.npy", mmap_mode="r", allow_pickle=False),
        offsets=np.load(folder / "offsets.npy", allow_pickle=False),
        vocabulary=Vocabulary(pd.read_parquet(folder / "items.parquet"), _token_lists(manifest)),
        users=pd.read_parquet(folder / "users.parquet"),
        times_s=np.load(times, mmap_mode="r", allow_pickle=False) if times.exists() else None,
        manifest=manifest,
        folder=folder,
    )


def _token_lists(manifest: dict[str, Any]) -> list[str]:
    # Older datasets say nothing of them, and have cells that are one value each.
    table = manifest.get("item_table")
    found = table.get("token_lists") if isinstance(table, dict) else None
    return list(map(str, found)) if isinstance(found, list) else []


def _promises(dataset: SequenceDataset) -> Iterator[tuple[bool, str]]:
    """Yield what must hold between the files, each with what to say where it does not.

    Cost: the users; the interactions are not read.
    """
    table, offsets = dataset.vocabulary.table, dataset.offsets
    yield {"item_id", "title", "count"} <= set(table.columns), "its items lack a column"
    yield "user_id" in dataset.users.columns, "its users have no ids"
    yield len(offsets) == len(dataset.users) + 1, "it has other users than histories"
    spans = offsets[0] == 0 and offsets[-1] == dataset.n_interactions
    yield bool(spans and (dataset.lengths >= 0).all()), "its histories do not fit its interactions"
    if dataset.times_s is None:
        yield not dataset.manifest.get("has_times"), "it has no times"
    else:
        yield len(dataset.times_s) == dataset.n_interactions, "it has times for others"
    counts = dataset.manifest.get("counts")
    n_items = counts.get("n_items") if isinstance(counts, dict) else None
    yield n_items in (None, len(table)), "it has other items than it counts"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a dataset folder says of itself.

    Raises:
        NotFoundError: it says nothing.
        FormatError: what it says cannot be read.
    """
    try:
        manifest = read_json(folder / "manifest.json")
    except FormatError as error:
        raise _damaged(folder, error.message) from error
    if not isinstance(manifest, dict):
        raise _damaged(folder, "manifest.json holds no object")
    return manifest


def _damaged(folder: Path, reason: str) -> FormatError:
    return FormatError(
        f"dataset {folder.name!r} is damaged: {reason}",
        where=str(folder),
        fix="Restore its folder, or prepare the log again.",
        is_damaged=True,
    )
