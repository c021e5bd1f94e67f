from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bert4rec.bulk.pair_ranks import PAIR_BYTES, Ranks, ranks_within
from bert4rec.bulk.row_writers import rows_set_aside


def plain_ranks(groups: np.ndarray, scores: np.ndarray) -> np.ndarray:
    by_group = pd.Series(scores).groupby(groups)
    return by_group.rank(method="min", ascending=False).to_numpy(dtype=np.int64)


def scores_with_ties(chance: np.random.Generator, n: int) -> np.ndarray:
    special = [0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, np.inf, -np.inf]
    return chance.choice([*special, *chance.normal(size=20)], n).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 2, 1_000])
def test_ranks_are_those_of_pandas_ties_and_signs_of_zero_included(n: int) -> None:
    chance = np.random.default_rng(n)
    groups, scores = chance.integers(0, 40, n), scores_with_ties(chance, n)
    np.testing.assert_array_equal(ranks_within(groups, scores), plain_ranks(groups, scores))


def test_neighbouring_floats_have_ranks_of_their_own() -> None:
    scores = np.array([1.0, np.nextafter(np.float32(1), np.float32(2)), -1.0], dtype=np.float32)
    largest = 2**31 - 1
    assert list(ranks_within(np.full(3, largest), scores)) == [2, 1, 3]


@pytest.mark.parametrize("n_bytes", [20 * PAIR_BYTES, 150 * PAIR_BYTES, 2**20])
@pytest.mark.parametrize("kind", [pa.int64(), pa.binary(16)])
def test_ranks_in_parts_are_those_of_the_whole_in_the_order_of_the_rows(
    kind: pa.DataType, n_bytes: int, tmp_path: Path
) -> None:
    chance, sizes = np.random.default_rng(3), [40, 1, 0, 300, 59]
    n = sum(sizes)
    groups, scores = chance.integers(0, 30, n), scores_with_ties(chance, n)
    is_asked = chance.random(n) < 0.9
    distinct = [int(key) if kind == pa.int64() else chance.bytes(16) for key in range(30)]
    keys = pa.array(distinct, kind).take(pa.array(groups, mask=~is_asked))
    table = pa.table({"history": keys, "score": pa.array(scores, mask=~is_asked)})
    with rows_set_aside(tmp_path / "scored") as write:
        for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
            write(table.slice(start, size))
    ranks = Ranks(tmp_path / "scored", tmp_path / "ranks", n, n_bytes)
    found = pa.concat_arrays([ranks.take(size) for size in sizes]).to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(np.isnan(found), ~is_asked)
    expected = plain_ranks(groups[is_asked], scores[is_asked])
    np.testing.assert_array_equal(found[is_asked], expected)
