"""Texts that occur more than once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Repeated(NamedTuple):
    """Where texts stand that occur more than once.

    Args:
        rows: Their places, from 0, in order, int64 (n,).
        by_text: The same places, equal texts beside each other, int64 (n,).
        codes: Equal for equal texts, of all texts.
    """

    rows: np.ndarray
    by_text: np.ndarray
    codes: np.ndarray

    @property
    def n_texts(self) -> int:
        """How many different texts they are."""
        return len(np.unique(self.codes[self.rows]))


def repeated_texts(texts: pa.Array) -> Repeated | None:
    """Return where texts stand that occur more than once; None where none do but empty ones."""
    codes = texts.dictionary_encode().indices.to_numpy()
    is_repeated = (np.bincount(codes)[codes] > 1) & pc.not_equal(texts, "").to_numpy(False)
    rows = np.flatnonzero(is_repeated)
    if not len(rows):
        return None
    return Repeated(rows, rows[np.argsort(codes[rows], kind="stable")], codes)
