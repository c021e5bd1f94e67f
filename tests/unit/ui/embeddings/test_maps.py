from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from bert4rec.data.item_groups import category_columns, item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.maps.projection import EmbeddingMap, judged_map, project_pca
from bert4rec.ui.embeddings.maps import cluster_table, neighbour_table, share_table
from bert4rec.ui.sequences.sequence_editor import find_item, item_names, taken_words
from bert4rec.vector_search import unit

N = 6
VECTORS = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [-1, 0]], dtype=np.float32)
TABLE = pd.DataFrame(
    {
        "item_id": [f"t{at}" for at in range(1, N + 1)],
        "title": ["Ant", "Bee", "Cat", "=2+3", "Bee", "Antler"],
        "count": [9, 5, 4, 3, 2, 20],
        "note": [f"only {at}" for at in range(N)],
        "year": ["1"] * N,
        "mood": ["calm", "calm", "wild", "wild", "wild", ""],
        "genre": ["a", "a", "b", "b", "", "b"],
    }
)
VOCABULARY = Vocabulary(TABLE)


def map_of(items: list[int]) -> EmbeddingMap:
    idx = np.array(items)
    return EmbeddingMap("pca", VECTORS[idx - 1], idx, 1.0, 1.0, len(idx))


def test_columns_that_group_items_are_offered_telling_names_first() -> None:
    assert category_columns(VOCABULARY) == ["genre", "mood"]


def test_values_in_a_row_group_by_the_first_where_whole_ones_are_too_many() -> None:
    n = 200
    firsts = ["Drama", "Comedy", "Crime"]
    table = pd.DataFrame(
        {
            "item_id": [f"t{at}" for at in range(n)],
            "title": [f"Title {at}" for at in range(n)],
            "count": [1] * n,
            "genres": [f"{firsts[at % 3]}|Other {at}" for at in range(n)],
            "link": [f"http://e.org/{at}" for at in range(n)],
        }
    )
    vocabulary = Vocabulary(table)
    assert category_columns(vocabulary) == ["genres"]
    assert item_groups(vocabulary, "genres").tolist()[:3] == firsts
    assert item_groups(VOCABULARY, "genre").tolist() == TABLE["genre"].tolist()


def test_equal_titles_can_be_told_apart() -> None:
    names = item_names(VOCABULARY)
    assert names["Bee"] == 2
    assert names["Bee (t5)"] == 5


def test_a_title_that_ends_like_another_items_name_hides_neither() -> None:
    table = pd.DataFrame({"item_id": ["1", "2", "3"], "title": ["A", "A", "A (2)"]})
    table["count"] = [3, 1, 2]
    assert sorted(item_names(Vocabulary(table)).values()) == [1, 2, 3]


def test_an_item_is_found_by_id_by_title_and_by_a_part_of_it() -> None:
    assert find_item("t6", VOCABULARY) == 6
    assert find_item("ant", VOCABULARY) == 1
    assert find_item("ntl", VOCABULARY) == 6


def test_an_item_that_was_taken_for_a_part_of_its_title_is_named() -> None:
    assert taken_words("ant", 1, VOCABULARY) == taken_words("t6", 6, VOCABULARY) == ""
    assert taken_words("ntl", 6, VOCABULARY) == "Taken: **Antler**."
    words = taken_words("t", find_item("t", VOCABULARY), VOCABULARY)
    # The ids of all six hold it.
    assert words == "Taken: **Antler**, the most frequent; 5 other items with “t”."


def test_neighbours_are_those_of_the_space_and_say_whether_the_map_keeps_them() -> None:
    table = neighbour_table(unit(VECTORS), map_of(list(range(1, N + 1))), 1, VOCABULARY, "genre")
    assert table["item_idx"].tolist()[:2] == [2, 3]
    assert table["kept"].tolist() == ["✓"] * 5
    assert table["group"].tolist()[:2] == ["a", "b"]


def test_a_map_keeps_as_many_neighbours_of_a_large_catalogue_as_its_quality_says() -> None:
    flat = np.random.default_rng(0).uniform(-0.3, 0.3, (12_000, 2))
    height = np.sqrt(1 - np.square(flat).sum(axis=1))
    vectors = np.column_stack([flat, height]).astype(np.float32)
    items = np.arange(1, len(vectors) + 1)
    whole = judged_map("pca", vectors, project_pca(vectors), items, len(vectors))
    assert whole.recall > 0.95
    table = pd.DataFrame({"item_id": items, "title": items.astype(str), "count": 1})
    vocabulary, asked = Vocabulary(table), items[::1000]
    tables = [neighbour_table(unit(vectors), whole, int(at), vocabulary, None) for at in asked]
    assert np.mean([(table["kept"] == "✓").mean() for table in tables]) > 0.9


def test_shares_of_a_choice_stand_beside_those_of_the_map() -> None:
    table = share_table(["a", "a", "b", ""], np.array([0, 1, 3]))
    assert table["group"].tolist() == ["a", "none"]
    assert table["share"].tolist() == [2 / 3, 1 / 3]
    assert table["map_share"].tolist() == [0.5, 0.25]


def test_words_in_a_row_are_values_where_the_column_was_declared_to_be_lists() -> None:
    words = [f"kind{at}" for at in range(9)]
    cells = [*words, *map(" ".join, permutations(words, 2))]
    table = pd.DataFrame({"item_id": cells, "title": cells, "count": 1, "class": cells})
    table["phrase"] = [f"{cell} and more" for cell in cells]
    vocabulary = Vocabulary(table, ["class"])
    assert category_columns(Vocabulary(table)) == []
    assert category_columns(vocabulary) == ["class"]
    assert item_groups(vocabulary, "class").iloc[-1] == "kind8"


def test_a_cluster_is_described_by_its_most_frequent_items_and_group() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    table = cluster_table(labels, ["a", "b"], map_of([1, 2, 3, 4, 5, 6]), VOCABULARY, "genre")
    assert table["n"].tolist() == [3, 3]
    assert table["group"].tolist() == ["a", "b"]
    assert table["items"].tolist()[0] == "Ant, Bee, Cat"
