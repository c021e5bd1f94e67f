"""Ids that are written in several ways: in other case, with other spaces, or 1 and 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.data.repeated import repeated_texts

# With more of these, in which a capital follows a small letter, ids are codes: case tells them.
MANY_CODES, CODE = 0.1, r"[a-z][A-Z]"
# The space that breaks no line is one as well.
SPACES, WHOLE_NUMBER = r"[\s\x{00A0}]+", r"^(-?\d+)\.0+$"


class LikeIds(NamedTuple):
    """Ids that are the same but for how they are written.

    Args:
        rows: Their places, from 0, int64 (n,).
        n_meant: How many ids they may be meant to be.
        example: Places of two that are the same.
        ways: In which ways they differ, in words.
    """

    rows: np.ndarray
    n_meant: int
    example: tuple[int, int]
    ways: str


def like_ids(ids: Sequence[str]) -> LikeIds | None:
    """Return which ids are the same but for case, spaces or a final .0; None where none is.

    Case counts in codes such as aB3x, where one in ten ids is written like that.

    Cost: half a second for a million ids.
    """
    given = pa.array(ids, pa.large_string())
    n_codes = pc.sum(pc.match_substring_regex(given, CODE)).as_py() or 0
    are_codes = n_codes > MANY_CODES * len(ids)
    spaced = pc.utf8_trim(pc.replace_substring_regex(given, SPACES, " "), " ")
    cased = spaced if are_codes else pc.utf8_lower(spaced)
    plain = pc.replace_substring_regex(cased, WHOLE_NUMBER, r"\1")
    found = repeated_texts(plain)
    if found is None:
        return None
    changes = {
        "case": pc.not_equal(cased, spaced),
        "spaces": pc.not_equal(spaced, given),
        "a final .0": pc.not_equal(plain, cased),
    }
    ways = [way for way, is_other in changes.items() if is_other.to_numpy(False)[found.rows].any()]
    example = int(found.by_text[0]), int(found.by_text[1])
    return LikeIds(found.rows, found.n_texts, example, _listed(ways))


def _listed(words: Sequence[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last
