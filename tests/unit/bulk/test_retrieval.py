from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert4rec import score_blocks
from bert4rec.bulk.retrieval import nearest_in_file
from bert4rec.bulk.vectors import VECTOR_SCHEMA
from bert4rec.errors import FormatError, SettingsError, UnknownIdError, UnwritableError
from bert4rec.vector_search import Similarity, nearest, unit

FEW = st.integers(1, 12)


def plain(
    queries: np.ndarray, vectors: np.ndarray, k: int, similarity: Similarity
) -> tuple[np.ndarray, np.ndarray]:
    """The same by sorting all of it."""
    if similarity == "cosine":
        queries, vectors = unit(queries), unit(vectors)
    all_of_it = queries @ vectors.T
    order = np.argsort(-all_of_it, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(all_of_it, order, axis=1)


@given(FEW, FEW, st.integers(1, 15), st.sampled_from(get_args(Similarity)), st.integers(0, 99))
def test_the_nearest_are_those_that_sorting_finds(
    n_queries: int, n_vectors: int, k: int, similarity: Similarity, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    # Small whole numbers tie often, and their dot products are exact.
    queries = chance.integers(-2, 3, (n_queries, 3)).astype(np.float32)
    vectors = chance.integers(-2, 3, (n_vectors, 3)).astype(np.float32)
    found, similar = nearest(queries, vectors, k, similarity=similarity, device="cpu")
    expected, similar_too = plain(queries, vectors, k, similarity)
    np.testing.assert_allclose(similar, similar_too, atol=1e-6)
    if similarity == "dot":
        np.testing.assert_array_equal(found, expected)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    queries = chance.normal(size=(70, 8)).astype(np.float32)
    vectors = chance.normal(size=(5_000, 8)).astype(np.float32)
    monkeypatch.setattr(score_blocks, "SCORE_BYTES", 4_000)
    found, _ = nearest(queries, vectors, 9, device="cpu")
    np.testing.assert_array_equal(found, plain(queries, vectors, 9, "dot")[0])


def test_what_asks_does_not_find_itself() -> None:
    vectors = np.eye(4, dtype=np.float32)
    found, similar = nearest(vectors, vectors, 4, leave_out=np.array([0, 1, -1, 3]), device="cpu")
    assert found[0, 0] == 1
    assert found[2, 0] == 2
    assert list(similar[0]) == [0, 0, 0, -np.inf]


def test_fewer_than_one_neighbour_cannot_be_asked_for() -> None:
    vectors = np.eye(3, dtype=np.float32)
    for k in (0, -1):
        with pytest.raises(SettingsError, match=f"k is {k}"):
            nearest(vectors, vectors, k, device="cpu")


def test_vectors_of_two_widths_are_not_compared() -> None:
    with pytest.raises(SettingsError, match="queries have 2 numbers, vectors 3"):
        nearest(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32))


def file_of(path: Path, kinds: list[str], vectors: list[list[float]]) -> Path:
    ids = [f"{kind[0]}{place}" for place, kind in enumerate(kinds)]
    columns = [kinds, ids, [None] * len(ids), vectors]
    pq.write_table(pa.Table.from_arrays(list(map(pa.array, columns)), names=NAMES), path)
    return path


NAMES = VECTOR_SCHEMA.names
SIDES = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]]


def test_users_of_a_file_ask_about_its_items(tmp_path: Path) -> None:
    kinds = ["item", "item", "item", "user", "user"]
    path = file_of(tmp_path / "vectors.parquet", kinds, SIDES)
    answer = nearest_in_file(path, tmp_path / "near.csv", 2)
    assert (answer.n_queries, answer.n_vectors, answer.n_rows) == (2, 3, 4)
    found = pd.read_csv(tmp_path / "near.csv")
    assert list(found.columns) == ["query_kind", "query", "rank", "id", "title", "similarity"]
    assert list(zip(found["query"], found["rank"], found["id"], strict=True)) == [
        ("u3", 1, "i0"),
        ("u3", 2, "i1"),
        ("u4", 1, "i2"),
        ("u4", 2, "i1"),
    ]


def test_items_ask_about_items_by_direction_unless_told_otherwise(tmp_path: Path) -> None:
    # The third is the longest by far and points elsewhere.
    sides = [[1.0, 0.0], [0.9, 0.1], [30.0, 30.0], [1.0, 0.2]]
    path = file_of(tmp_path / "vectors.parquet", ["item", "item", "item", "user"], sides)
    near = nearest_in_file(path, k=1, ids=["i0"])
    assert (near.similarity, near.rows[0].column("id").to_pylist()) == ("cosine", ["i1"])
    scored = nearest_in_file(path, k=1, ids=["i0"], similarity="dot")
    assert (scored.similarity, scored.rows[0].column("id").to_pylist()) == ("dot", ["i2"])
    users = nearest_in_file(path, k=1)
    assert (users.similarity, users.rows[0].column("id").to_pylist()) == ("dot", ["i2"])


def test_items_alone_ask_about_each_other_or_by_name(tmp_path: Path) -> None:
    path = file_of(tmp_path / "vectors.parquet", ["item"] * 5, SIDES)
    rows = nearest_in_file(path, k=1, similarity="cosine").rows
    assert rows[0].column("id").to_pylist() == ["i3", "i3", "i4", "i1", "i2"]
    one = nearest_in_file(path, k=9, ids=["i2"]).rows[0]
    assert set(one.column("id").to_pylist()) == {"i0", "i1", "i3", "i4"}
    with pytest.raises(UnknownIdError, match="no vector of 'nosuch'"):
        nearest_in_file(path, ids=["nosuch"])


def test_another_file_asks(tmp_path: Path) -> None:
    items = file_of(tmp_path / "items.parquet", ["item"] * 3, SIDES[:3])
    queries = file_of(tmp_path / "queries.parquet", ["sequence"] * 2, SIDES[3:])
    nearest_in_file(items, tmp_path / "near.parquet", 1, queries=queries)
    assert list(pd.read_parquet(tmp_path / "near.parquet")["id"]) == ["i0", "i2"]


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        ([[1.0], [1.0, 2.0]], "lists of as many numbers"),
        ([[float("nan")], [1.0]], "no number"),
        ([[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]], "lists of as many numbers"),
        (["a", "b"], "lists of as many numbers"),
        ([["a"], ["b"]], "lists of as many numbers"),
    ],
)
def test_a_file_of_something_else_is_refused(
    vectors: list[list[float]], reason: str, tmp_path: Path
) -> None:
    path = file_of(tmp_path / "vectors.parquet", ["item"] * len(vectors), vectors)
    with pytest.raises(FormatError, match=reason):
        nearest_in_file(path)
    with pytest.raises(FormatError, match="no Parquet file"):
        nearest_in_file(Path(__file__))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7.0, None], ["", "7"]),
        ([b"a", b"\xff"], [r"\xFF", "a"]),
        ([10**12, 2], ["2", str(10**12)]),
    ],
)
def test_ids_of_a_file_of_vectors_are_read_as_those_of_other_files(
    ids: list[object], expected: list[str], tmp_path: Path
) -> None:
    table = pa.table({"id": pa.array(ids), "vector": pa.array([[1.0, 0.0], [0.0, 1.0]])})
    pq.write_table(table, tmp_path / "vectors.parquet")
    answer = nearest_in_file(tmp_path / "vectors.parquet", device="cpu")
    assert answer.rows[0].column("id").to_pylist() == expected


@pytest.mark.parametrize("name", ["id", "kind", "title"])
def test_a_file_whose_names_are_lists_is_refused(name: str, tmp_path: Path) -> None:
    columns = {"id": ["a", "b"], "vector": [[1.0, 0.0], [0.0, 1.0]], name: [["a"], ["b"]]}
    pq.write_table(pa.table(columns), tmp_path / "vectors.parquet")
    with pytest.raises(FormatError, match=rf"column {name}: .* \(vectors\.parquet\)"):
        nearest_in_file(tmp_path / "vectors.parquet", device="cpu")


def test_a_file_without_items_has_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no vectors of items"):
        nearest_in_file(file_of(tmp_path / "users.parquet", ["user"], [[1.0]]))


def lists_of(vectors: list[list[float] | None], path: Path) -> Path:
    """Write vectors as another program may: as lists whose type says nothing of a width."""
    column = pa.array(vectors, pa.list_(pa.float32()))
    pq.write_table(
        pa.table({"id": [str(at) for at in range(len(vectors))], "vector": column}), path
    )
    return path


def test_rows_without_a_vector_may_come_first(tmp_path: Path) -> None:
    path = lists_of([None] * 70_000 + [[1.0, 0.0], [0.0, 1.0]], tmp_path / "v.parquet")
    answer = nearest_in_file(path, k=1, device="cpu")
    assert [row["id"] for part in answer.rows for row in part.to_pylist()] == ["70001", "70000"]


@pytest.mark.parametrize("vectors", [[], [None], [[], []]])
def test_a_file_without_vectors_is_told_as_that(
    vectors: list[list[float] | None], tmp_path: Path
) -> None:
    items = lists_of([[1.0, 0.0]], tmp_path / "items.parquet")
    empty = lists_of(vectors, tmp_path / "empty.parquet")
    for asked in ({"vectors": items, "queries": empty}, {"vectors": empty}):
        with pytest.raises(FormatError, match=r"it holds no vectors \(empty\.parquet\)"):
            nearest_in_file(**asked, device="cpu")


def test_an_index_finds_what_is_nearest(tmp_path: Path) -> None:
    usearch = pytest.importorskip("usearch.index")
    from bert4rec.bulk.vector_index import write_index

    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    report = write_index(vectors, tmp_path / "items.usearch", similarity="cosine")
    assert report.n_items == report.n_checked == 300
    assert report.recall > 0.9
    index = usearch.Index.restore(str(tmp_path / "items.usearch"))
    assert int(index.search(vectors[7], 1).keys[0]) == 7


def test_an_index_of_several_blocks_holds_each_vector_under_its_row_and_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usearch = pytest.importorskip("usearch.index")
    from bert4rec.bulk import vector_index

    monkeypatch.setattr(vector_index, "BLOCK_ROWS", 70)
    vectors, told = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32), []
    report = vector_index.write_index(vectors, tmp_path / "items.usearch", tell=told.append)
    assert told == [70, 140, 210, 280, 300]
    assert report.recall > 0.9
    index = usearch.Index.restore(str(tmp_path / "items.usearch"))
    kept = np.asarray(index.get(np.arange(300, dtype=np.uint64)), dtype=np.float32)
    np.testing.assert_allclose(kept, vectors, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "numbers"), [(1.0, "f16"), (20_000.0, "f32"), (1e-6, "f32"), (0.0, "f32")]
)
def test_an_index_keeps_half_floats_only_where_these_hold_the_vectors(
    size: float, numbers: str, tmp_path: Path
) -> None:
    usearch = pytest.importorskip("usearch.index")
    from bert4rec.bulk.vector_index import write_index

    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32) * np.float32(size)
    write_index(vectors, tmp_path / "items.usearch", similarity="cosine")
    index = usearch.Index.restore(str(tmp_path / "items.usearch"))
    assert np.isfinite(np.asarray(index.get(0), dtype=np.float32)).all()
    assert str(index.dtype).lower().endswith(numbers)


def test_an_index_adds_the_longest_vectors_first_where_dot_products_count() -> None:
    from bert4rec.bulk.vector_index import _order

    vectors = np.array([[1, 0], [0, -3], [2, 0], [0, 3]], dtype=np.float32)
    assert _order(vectors, "dot").tolist() == [1, 3, 2, 0]
    assert _order(vectors, "cosine").tolist() == [0, 1, 2, 3]


def test_an_index_that_is_broken_off_leaves_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch.index")
    from bert4rec.bulk import vector_index

    monkeypatch.setattr(vector_index, "BLOCK_ROWS", 70)
    path, vectors = tmp_path / "items.usearch", np.eye(300, 8, dtype=np.float32)
    path.write_bytes(b"the one before")

    def break_off(n_added: int) -> None:
        if n_added >= 140:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vector_index.write_index(vectors, path, tell=break_off)
    assert [one.name for one in tmp_path.iterdir()] == ["items.usearch"]
    assert path.read_bytes() == b"the one before"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that takes no files")
def test_an_index_that_cannot_be_written_is_told() -> None:
    pytest.importorskip("usearch.index")
    from bert4rec.bulk.vector_index import write_index

    with pytest.raises(UnwritableError, match="the folder /proc cannot be written"):
        write_index(np.eye(3, dtype=np.float32), "/proc/index")
