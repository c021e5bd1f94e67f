from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.contexts import CONTEXTS, contexts_shown


@given(st.integers(1, 4), st.integers(1, 7), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_context_of_a_place_is_told_by_what_is_shown_on_its_sides(
    n_rows: int, length: int, n_places: int, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    is_shown = chance.random((n_rows, length)) < 0.4
    places = chance.integers(0, length, (n_rows, n_places))
    found = contexts_shown(is_shown, places)
    assert found.shape == places.shape
    for row in range(n_rows):
        for at, place in enumerate(places[row]):
            sides = (any(is_shown[row, :place]), any(is_shown[row, place + 1 :]))
            expected = {(True, True): "both", (False, True): "future"}.get(sides, "past")
            assert CONTEXTS[found[row, at]] == expected
