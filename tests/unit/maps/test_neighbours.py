from __future__ import annotations

import numpy as np
import pytest

from bert4rec.maps import neighbours as neighbours_module
from bert4rec.maps.neighbours import (
    map_neighbours,
    nearest_rows,
    neighbour_recall,
    neighbours,
    trustworthiness,
)
from bert4rec.maps.projection import project_pca
from bert4rec.vector_search import unit


def vectors_of(n: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def two_groups(n: int) -> np.ndarray:
    """Return vectors around two directions that are far apart; the second half is the second."""
    centres = np.repeat([[10.0, 0, 0, 0], [0, 0, 0, 10.0]], n // 2, axis=0)
    return (centres + vectors_of(n, 4)).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 3, 50])
@pytest.mark.parametrize("n_components", [2, 3])
def test_pca_gives_every_item_a_point_however_small_the_catalogue(
    n: int, n_components: int
) -> None:
    points = project_pca(vectors_of(n), n_components)
    assert points.shape == (n, n_components)
    assert np.isfinite(points).all()


def test_pca_puts_the_groups_apart() -> None:
    points = project_pca(two_groups(40))
    assert (points[:20, 0] > 0).all() != (points[20:, 0] > 0).all()


def test_pca_ignores_the_length_of_vectors() -> None:
    vectors = vectors_of(30)
    lengths = np.linspace(1, 9, 30, dtype=np.float32)[:, None]
    np.testing.assert_allclose(project_pca(vectors), project_pca(vectors * lengths), atol=1e-5)


def test_the_nearest_neighbours_are_exact_and_leave_the_item_out() -> None:
    vectors = vectors_of(60)
    found = neighbours(unit(vectors), 7, k=5)
    cosine = [vectors[6] @ v / (np.linalg.norm(vectors[6]) * np.linalg.norm(v)) for v in vectors]
    expected = [at + 1 for at in np.argsort(cosine)[::-1] if at != 6][:5]
    assert [idx for idx, _ in found] == expected
    assert found[0][1] == pytest.approx(cosine[expected[0] - 1], abs=1e-6)


def test_a_catalogue_of_one_item_has_no_neighbours() -> None:
    assert neighbours(unit(vectors_of(1)), 1) == []


def test_a_zero_vector_is_no_error() -> None:
    vectors = vectors_of(5)
    vectors[2] = 0
    assert len(neighbours(unit(vectors), 3, k=10)) == 4
    assert np.isfinite(project_pca(vectors)).all()


def test_neighbours_on_the_map_are_the_nearest_points() -> None:
    points = np.array([[0, 0], [1, 0], [5, 0], [0.5, 0]], dtype=np.float32)
    assert map_neighbours(points, 0, k=2).tolist() == [3, 1]


def test_a_map_that_changes_nothing_keeps_every_neighbour() -> None:
    vectors = unit(vectors_of(80, 3))
    assert trustworthiness(vectors, vectors) == pytest.approx(1.0)
    assert neighbour_recall(vectors, vectors) == 1.0


def test_a_shuffled_map_keeps_hardly_any_neighbour() -> None:
    vectors = vectors_of(200)
    points = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    assert trustworthiness(vectors, points) < 0.7
    assert neighbour_recall(vectors, points, k=10) < 0.15


def test_recall_in_blocks_equals_recall_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, k = vectors_of(50), 5
    points = project_pca(vectors)
    kept = 0
    for row in range(50):
        near = {idx - 1 for idx, _ in neighbours(unit(vectors), row + 1, k)}
        kept += len(near & set(map_neighbours(points, row, k).tolist()))
    monkeypatch.setattr(neighbours_module, "TOLD_EVERY", 7)
    assert neighbour_recall(vectors, points, k) == pytest.approx(kept / (50 * k))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_quality_of_a_tiny_map_is_a_share(n: int) -> None:
    vectors = vectors_of(n)
    points = project_pca(vectors)
    assert 0 <= trustworthiness(vectors, points) <= 1
    assert 0 <= neighbour_recall(vectors, points) <= 1


def test_quality_is_judged_on_a_sample_that_is_repeatable() -> None:
    vectors = vectors_of(300)
    points = project_pca(vectors)
    first = trustworthiness(vectors, points, sample=100, seed=3)
    assert first == trustworthiness(vectors, points, sample=100, seed=3)
    assert first != trustworthiness(vectors, points, sample=100, seed=4)


def test_the_nearest_of_many_are_those_of_each_alone() -> None:
    directions = unit(vectors_of(70))
    rows, products = nearest_rows(directions, directions, 4, own_rows=np.arange(70))
    for row in range(70):
        found = neighbours(directions, row + 1, 4)
        assert (rows[row] + 1).tolist() == [idx for idx, _ in found]
        np.testing.assert_allclose(products[row], [cosine for _, cosine in found], atol=1e-6)


def test_equal_neighbours_are_in_the_order_of_their_items() -> None:
    directions = np.ones((6, 1), dtype=np.float32)
    assert [idx for idx, _ in neighbours(directions, 3, 3)] == [1, 2, 4]
