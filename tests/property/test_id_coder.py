from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.data.id_coder import MISSING, TABLE_SIZE, IdCoder

NUMBERS = ["0", "1", "7", "12", "4095", "4096", str(TABLE_SIZE - 1)]
OTHERS = ["007", " 7", "7 ", "-1", "+1", "1e3", "0x1", str(TABLE_SIZE), "123456789", "é", "a b", ""]


def codes_by_hand(batches: list[list[str | None]]) -> tuple[list[list[int]], list[str]]:
    known: dict[str, int] = {}
    codes = []
    for batch in batches:
        ids = ["" if text is None else text.strip(" ") for text in batch]
        codes.append([known.setdefault(i, len(known)) if i else MISSING for i in ids])
    return codes, list(known)


@pytest.mark.parametrize("pool", [NUMBERS, NUMBERS + OTHERS], ids=["numbers", "mixed"])
@given(data=st.data())
def test_ids_are_counted_in_the_order_in_which_they_come(pool: list[str], data: st.DataObject):
    one = st.one_of(st.none(), st.sampled_from(pool))
    batches = data.draw(st.lists(st.lists(one, max_size=12), min_size=1, max_size=4))
    coder = IdCoder()
    found = []
    for batch in batches:
        # Part of a longer array, as a reader may hand it out.
        n_before = data.draw(st.integers(0, 2))
        ids = pa.array([*["x"] * n_before, *batch], pa.string()).slice(n_before)
        found.append(coder.encode(ids).tolist())
    assert (found, coder.ids().to_pylist()) == codes_by_hand(batches)


def test_numbers_by_type_and_as_text_are_the_same_ids():
    coder = IdCoder()
    assert coder.encode(pa.array([3, None, 5], pa.int64())).tolist() == [0, MISSING, 1]
    assert coder.encode(pa.array(["5", "3", "03"])).tolist() == [1, 0, 2]
    assert coder.encode(pa.array([-4, 3], pa.int64())).tolist() == [3, 0]
    assert coder.ids().to_pylist() == ["3", "5", "03", "-4"]
