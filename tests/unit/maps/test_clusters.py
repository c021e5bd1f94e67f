from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from bert4rec.cli.mapping import map_
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.maps import clusters
from bert4rec.maps.clusters import (
    N_CLUSTERS,
    NOISE,
    cluster_captions,
    cluster_names,
    density_clusters,
    kmeans_clusters,
)


def two_groups(n: int) -> np.ndarray:
    """Return vectors around two directions that are far apart; the second half is the second."""
    centres = np.repeat([[10.0, 0, 0, 0], [0, 0, 0, 10.0]], n // 2, axis=0)
    noise = np.random.default_rng(0).normal(size=(n, 4))
    return (centres + noise).astype(np.float32)


def test_clusters_find_the_groups_and_the_largest_comes_first() -> None:
    vectors = np.concatenate([two_groups(20)[:10], two_groups(40)[20:]])
    labels = kmeans_clusters(vectors, 2)
    assert labels.tolist() == [1] * 10 + [0] * 20


def test_there_are_no_more_clusters_than_different_vectors() -> None:
    assert set(kmeans_clusters(np.ones((6, 3), dtype=np.float32), 4)) == {0}


def test_the_command_finds_as_many_clusters_as_the_page() -> None:
    (option,) = (one for one in map_.params if one.name == "clusters")
    assert option.default == N_CLUSTERS


def test_dense_places_are_clusters_and_what_lies_between_is_in_none() -> None:
    chance = np.random.default_rng(0)
    groups = [chance.normal(centre, 0.1, size=(n, 2)) for centre, n in ((0, 40), (9, 25))]
    points = np.concatenate([*groups, [[4.5, 40.0]]])
    labels = density_clusters(points, 10)
    assert labels[:40].tolist() == [0] * 40
    assert labels[40:65].tolist() == [1] * 25
    assert labels[65] == NOISE


def test_of_more_points_than_are_grouped_each_other_one_is_where_its_nearest_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clusters, "MAX_CLUSTERED", 60)
    chance = np.random.default_rng(0)
    groups = [chance.normal(centre, 0.1, size=(n, 2)) for centre, n in ((0, 400), (9, 200))]
    labels = density_clusters(np.concatenate(groups), 10)
    assert np.mean(labels[:400] == 0) > 0.9
    assert np.mean(labels[400:] == 1) > 0.9


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_points_are_no_error_for_dense_clusters(n: int) -> None:
    assert len(density_clusters(np.zeros((n, 2)), 10)) == n


def test_the_names_of_clusters_are_the_words_that_others_lack() -> None:
    texts = ["Calm song", "Calm river song", "Wild song", "Wild storm song", "song"]
    names = cluster_names(np.array([0, 0, 1, 1, -1]), texts)
    assert names[0].startswith("calm")
    assert names[1].startswith("wild")
    assert "song" not in " ".join(names)
    assert cluster_names(np.array([0, 1]), ["12", "7"]) == ["", ""]
    assert cluster_names(np.array([-1, -1]), ["a", "b"]) == []
    # One alone has nothing to be told from.
    assert cluster_names(np.array([0, 0]), ["calm song", "river"]) == [""]


def test_words_that_are_frequent_everywhere_name_no_cluster() -> None:
    subjects = ("ships", "birds", "stars", "bread")
    texts = [f"the {word} of the {at}" for word in subjects for at in ("sea", "sky", "day", "man")]
    names = cluster_names(np.repeat(np.arange(4), 4), texts)
    assert names == list(subjects)


def test_captions_number_clusters_from_one_and_name_them_by_titles_and_categories() -> None:
    table = pd.DataFrame({"item_id": list("abcd"), "title": ["12", "7", "3", "9"]})
    table["genre"] = ["calm", "calm", "wild", "wild"]
    vocabulary = Vocabulary(table)
    assert cluster_captions(np.array([0, 0, 1, 1]), vocabulary) == ["1: calm", "2: wild"]
    bare = Vocabulary(table[["item_id", "title"]])
    assert cluster_captions(np.array([0, 0, 1, 1]), bare) == ["Cluster 1", "Cluster 2"]


def test_names_of_thousands_of_clusters_take_no_more_memory_than_their_words() -> None:
    n = 4000
    texts = [f"{chr(97 + at % 26) * 2}{'xyz'[at % 3] * (2 + at // 26)}" for at in range(n)]
    tracemalloc.start()
    names = cluster_names(np.arange(n), texts)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert names == texts
    # A matrix of all clusters and all words would take this many bytes.
    assert peak < 8 * n * n / 4
