"""What a dataset holds, as a hash and in comparison; a manifest only says what was meant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from bert4rec.data.dataset import SequenceDataset

# Values looked at together where a whole log would not fit the memory.
BLOCK_VALUES = 1 << 24


def content_hash(dataset: SequenceDataset) -> str:
    """Return a hash of histories, times, items and users: equal contents have equal hashes.

    Cost: one pass over the data.
    """
    digest = hashlib.blake2b(digest_size=16)
    for array, kind in ((dataset.items, "<i4"), (dataset.offsets, "<i8"), (dataset.times_s, "<f8")):
        digest.update(b"none" if array is None else str(len(array)).encode())
        for block in _blocks(array):
            digest.update(np.asarray(block, dtype=kind).tobytes())
    for texts in _names(dataset):
        digest.update(json.dumps(texts).encode())
    return digest.hexdigest()


def holds_the_same(one: SequenceDataset, other: SequenceDataset) -> bool:
    """Whether two datasets hold the same histories of the same items and users.

    Cost: one pass over both, unless their arrays are the same file.
    """
    return (
        np.array_equal(one.offsets, other.offsets)
        and _are_equal(one.items, other.items)
        and (_have_equal_tables(one, other) or _names(one) == _names(other))
    )


def _have_equal_tables(one: SequenceDataset, other: SequenceDataset) -> bool:
    """Whether ids and titles are the same, cell by cell; where not, their texts may still be.

    Cost: a hundredth of making and comparing texts.
    """
    left, right = one.vocabulary.table, other.vocabulary.table
    pairs = [(left[name], right[name]) for name in ("item_id", "title")]
    pairs.append((one.users["user_id"], other.users["user_id"]))
    return all(_are_texts(a) and _are_texts(b) and a.equals(b) for a, b in pairs)


def _are_texts(column: pd.Series) -> bool:
    # Of objects of other kinds 1, 1.0 and True are equal, and their texts are not.
    return pd.api.types.infer_dtype(column, skipna=False) in ("string", "empty")


def _names(dataset: SequenceDataset) -> tuple[list[str], list[str], list[str]]:
    users = [str(user_id) for user_id in dataset.users["user_id"]]
    return dataset.vocabulary.item_ids, dataset.vocabulary.titles, users


def _are_equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        return False
    if _view(one) == _view(other) is not None:
        return True
    pairs = zip(_blocks(one), _blocks(other), strict=True)
    return all(np.array_equal(left, right) for left, right in pairs)


def _view(array: np.ndarray) -> tuple[object, ...] | None:
    """Return what part of which file an array shows, None where it lives in memory."""
    if not isinstance(array, np.memmap) or array.filename is None:
        return None
    return array.filename, array.offset, array.dtype, array.strides


def _blocks(array: np.ndarray | None) -> Iterator[np.ndarray]:
    if array is not None:
        for start in range(0, len(array), BLOCK_VALUES):
            yield array[start : start + BLOCK_VALUES]
