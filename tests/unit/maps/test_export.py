from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.maps.export import csv_bytes, map_table, parquet_bytes, projector_bytes
from bert4rec.maps.neighbours import neighbours
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.vector_search import unit

VECTORS = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1]], dtype=np.float32)
VOCABULARY = Vocabulary(
    pd.DataFrame(
        {
            "item_id": ["t1", "t2", "t3", "t4"],
            "title": ["Ant", "=2+3", "Two\twords\nand", "</script><b>b</b>"],
            "count": [9, 5, 4, 3],
            "genre": ["a", "a", "@b", ""],
            "x": [7, 7, 7, 7],
        }
    )
)
MAP = EmbeddingMap("pca", VECTORS, np.arange(1, 5), 1.0, 1.0, 4)
TABLE = map_table(MAP, VOCABULARY, np.array([0, 0, -1, 1]))


def test_a_table_holds_all_that_is_known_and_the_points() -> None:
    assert list(TABLE) == ["id", "title", "count", "genre", "x", "y", "cluster"]
    np.testing.assert_allclose(TABLE[["x", "y"]], VECTORS)


def test_clusters_are_numbered_in_files_as_on_the_page() -> None:
    assert TABLE["cluster"].tolist() == [1, 1, 0, 2]


def test_no_cell_of_a_csv_starts_a_formula() -> None:
    back = pd.read_csv(io.BytesIO(csv_bytes(TABLE)))
    assert back["title"][1] == "'=2+3"
    assert back["genre"][2] == "'@b"


def test_a_parquet_file_holds_vectors_and_exact_neighbours_by_row() -> None:
    back = pd.read_parquet(io.BytesIO(parquet_bytes(TABLE, VECTORS)))
    np.testing.assert_allclose(np.stack(back["vector"]), VECTORS)
    for row, near in enumerate(back["neighbors"]):
        expected = neighbours(unit(VECTORS), row + 1)
        assert [at + 1 for at in near["ids"]] == [idx for idx, _ in expected]
        cosines = [cosine for _, cosine in expected]
        np.testing.assert_allclose(1 - np.array(near["distances"]), cosines, atol=1e-6)
    assert back["title"].tolist() == list(VOCABULARY.titles)


def test_a_catalogue_of_one_item_can_be_written() -> None:
    one = Vocabulary(VOCABULARY.table.iloc[:1])
    found = EmbeddingMap("pca", VECTORS[:1], np.array([1]), 1.0, 1.0, 1)
    back = pd.read_parquet(io.BytesIO(parquet_bytes(map_table(found, one), VECTORS[:1])))
    assert len(back) == 1


def test_the_projector_gets_a_line_an_item_whatever_the_titles_hold() -> None:
    with zipfile.ZipFile(io.BytesIO(projector_bytes(TABLE, VECTORS))) as archive:
        vectors = np.loadtxt(io.BytesIO(archive.read("vectors.tsv")), delimiter="\t")
        lines = archive.read("metadata.tsv").decode().rstrip("\n").split("\n")
    np.testing.assert_allclose(vectors, VECTORS, atol=1e-5)
    assert [len(line.split("\t")) for line in lines] == [5] * 5
    assert lines[2].split("\t")[1] == "'=2+3"
    assert lines[3].split("\t")[1] == "Two words and"


def test_what_is_not_known_is_an_empty_cell_for_the_projector() -> None:
    table = TABLE.assign(year=[1990, None, np.nan, 1993], genre=["a", None, "b", "c"])
    with zipfile.ZipFile(io.BytesIO(projector_bytes(table, VECTORS))) as archive:
        lines = archive.read("metadata.tsv").decode().rstrip("\n").split("\n")
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    assert [row["year"] for row in rows] == ["1990.0", "", "", "1993.0"]
    assert [row["genre"] for row in rows] == ["a", "", "b", "c"]
