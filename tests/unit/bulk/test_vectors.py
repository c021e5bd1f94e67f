from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bert4rec.bulk import vectors
from bert4rec.bulk.retrieval import nearest_in_file
from bert4rec.bulk.vector_table import VectorTable, vector_batches
from bert4rec.bulk.vectors import Wanted, write_vectors
from bert4rec.errors import FormatError, UnknownIdError
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.vector_search import unit
from tests.factories import abandoned_beside


def read_vectors(path: Path) -> VectorTable:
    return VectorTable.joined(list(vector_batches(path)))


@pytest.fixture(scope="module")
def model(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


@pytest.mark.parametrize("block_rows", [7, 10_000])
def test_items_users_and_sequences_get_the_vectors_of_the_library(
    block_rows: int, model: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", block_rows)
    sequences = [["1"], ["2", "3"], [str(1 + at % 30) for at in range(40)]]
    path = tmp_path / "sequences.csv"
    texts = [json.dumps(sequence) for sequence in sequences]
    pd.DataFrame({"id": ["a", "b", "c"], "sequence": texts}).to_csv(path, index=False)
    out = tmp_path / "vectors.parquet"
    report = write_vectors(model, out, Wanted(users=True, sequences=path))
    assert (report.n_items, report.n_users, report.n_sequences) == (30, 240, 3)
    found = read_vectors(out)
    expected = np.concatenate(
        [
            model.item_embeddings(),
            model.user_embeddings(),
            model.sequence_embeddings(sequences),
        ]
    )
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-4, atol=1e-5)
    assert found.kinds == ["item"] * 30 + ["user"] * 240 + ["sequence"] * 3
    assert found.ids[-3:] == ["a", "b", "c"]
    assert found.titles[:2] == ["1", "2"]
    assert found.titles[-1] is None


def test_vectors_of_length_one_say_so(model: Recommender, tmp_path: Path) -> None:
    write_vectors(model, tmp_path / "unit.parquet", Wanted(is_unit=True))
    found = read_vectors(tmp_path / "unit.parquet")
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    facts = pq.read_schema(tmp_path / "unit.parquet").metadata
    assert facts[b"bert4rec.normalised"] == b"true"
    assert facts[b"bert4rec.run"] == str(model.run and model.run.id).encode()


def test_a_zero_vector_stays_zero() -> None:
    np.testing.assert_array_equal(unit(np.zeros((1, 2), dtype=np.float32)), [[0, 0]])


def test_a_sequence_that_cannot_be_read_is_told_or_left_empty(
    model: Recommender, tmp_path: Path
) -> None:
    path, out = tmp_path / "sequences.csv", tmp_path / "vectors.parquet"
    path.write_text('sequence\n1\n"1,nosuch"\n2\n"1,,2"\n')
    wanted = Wanted(items=False, sequences=path)
    with pytest.raises(UnknownIdError, match=r"'nosuch' .* in row 3; 2 of 4 rows"):
        write_vectors(model, out, wanted)
    assert not out.exists()
    wanted = Wanted(items=False, sequences=path, skip_unknown=True)
    report = write_vectors(model, out, wanted)
    assert report.problems.rows == {"unknown item": [3], "unreadable": [5]}
    table = pq.read_table(out)
    # Without names they are known by their rows.
    assert table.column("id").to_pylist() == ["2", "3", "4", "5"]
    assert [one is None for one in table.column("vector").to_pylist()] == [False, True, False, True]
    assert read_vectors(out).ids == ["2", "4"]


def test_a_blank_line_is_a_row_without_a_sequence(model: Recommender, tmp_path: Path) -> None:
    path, out = tmp_path / "sequences.csv", tmp_path / "vectors.parquet"
    path.write_text('sequence\n"1,2,3"\n\n"4,5"\n"6,7"\n\n\n')
    with pytest.raises(FormatError, match=r"empty item, in row 3; 1 of 4 rows"):
        write_vectors(model, out, Wanted(items=False, sequences=path))
    wanted = Wanted(items=False, sequences=path, skip_unknown=True)
    assert write_vectors(model, out, wanted).problems.rows == {"unreadable": [3]}
    found = read_vectors(out)
    assert found.ids == ["2", "4", "5"]
    expected = model.sequence_embeddings([["1", "2", "3"], ["4", "5"], ["6", "7"]])
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-4, atol=1e-5)


def test_what_a_killed_process_left_beside_the_vectors_goes_with_the_next_one(
    model: Recommender, tmp_path: Path
) -> None:
    for name in ("vectors.parquet", "near.parquet"):
        left = abandoned_beside(tmp_path / name)
        left.write_bytes(b"half")
        if name == "vectors.parquet":
            write_vectors(model, tmp_path / name)
        else:
            nearest_in_file(tmp_path / "vectors.parquet", tmp_path / name)
        assert not left.exists()


def test_a_file_without_sequences_is_refused(model: Recommender, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="the columns are 'a', 'b'"):
        write_vectors(model, tmp_path / "v.parquet", Wanted(sequences=tmp_path / "other.csv"))
    assert not (tmp_path / "v.parquet").exists()
