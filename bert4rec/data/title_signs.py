"""What titles give away: items of one title, which may be one item under several ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.data.repeated import repeated_texts

# Marks over and under letters of Latin, Greek and Cyrillic; those of other scripts make other
# words. With them the space that breaks no line, which a cell of a web page may hold.
ACCENTS = r"[\x{0300}-\x{036F}\x{00A0}]+"
# Names have spaces; codes, of which a capital may be another sign, have none.
NAMES_WITH_SPACES = 0.1


class SharedTitles(NamedTuple):
    """Items whose titles are equal but for case, accents and spaces.

    Args:
        rows: Their rows in the catalogue, from 0, int64 (n,).
        n_titles: Titles that several have.
        example: Rows of two items of one title, spelled differently where there are such.
    """

    rows: np.ndarray
    n_titles: int
    example: tuple[int, int]


def shared_titles(titles: Sequence[str]) -> SharedTitles | None:
    """Return which items share a title with another one; None where none does.

    Only names are looked at: titles of which one in ten at least has a space.

    Cost: 3 s for a million titles.
    """
    given = pa.array(titles, pa.large_string())
    n_with_spaces = pc.sum(pc.match_substring(given, " ")).as_py() or 0
    if n_with_spaces < max(1, NAMES_WITH_SPACES * len(titles)):
        return None
    plain = pc.utf8_lower(pc.utf8_normalize(given, form="NFD"))
    plain = pc.replace_substring(pc.replace_substring_regex(plain, ACCENTS, ""), " ", "")
    found = repeated_texts(plain)
    if found is None:
        return None
    ordered, codes = found.by_text, found.codes
    # Where one of a title stands beside the next of the same.
    places = np.flatnonzero(codes[ordered[1:]] == codes[ordered[:-1]])
    pairs = zip(ordered[places].tolist(), ordered[places + 1].tolist(), strict=True)
    unlike = (pair for pair in pairs if titles[pair[0]] != titles[pair[1]])
    first = (int(ordered[0]), int(ordered[1]))
    return SharedTitles(found.rows, found.n_texts, next(unlike, first))
