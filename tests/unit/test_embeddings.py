from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bert4rec.embeddings as embeddings
from bert4rec.data.dataset import SequenceDataset
from bert4rec.embeddings import (
    MapService,
    MapSettings,
    clusters,
    map_neighbours,
    mapped_items,
    neighbour_recall,
    neighbours,
    project_pca,
    project_umap,
    trustworthiness,
)
from bert4rec.errors import DatasetError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.pipeline import train
from bert4rec.recommender import Recommender, load
from bert4rec.runs.folder import Run

SETTINGS = MapSettings(n_neighbors=5)


def vectors_of(n: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def two_groups(n: int) -> np.ndarray:
    """Return vectors around two directions that are far apart; the second half is the second."""
    centres = np.repeat([[10.0, 0, 0, 0], [0, 0, 0, 10.0]], n // 2, axis=0)
    return (centres + vectors_of(n, 4)).astype(np.float32)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 1], [7, 1, 2, 3]])
    settings = Hyperparameters(hidden_size=8, n_heads=1, n_layers=1, n_epochs=1, inner_size=8)
    return train(dataset, settings, workspace=tmp_path)


def wait_for(service: MapService, run: Run, settings: MapSettings) -> None:
    service._futures[embeddings._map_file(run, settings)].exception()


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
    found = neighbours(vectors, 7, k=5)
    cosine = [vectors[6] @ v / (np.linalg.norm(vectors[6]) * np.linalg.norm(v)) for v in vectors]
    expected = [at + 1 for at in np.argsort(cosine)[::-1] if at != 6][:5]
    assert [idx for idx, _ in found] == expected
    assert found[0][1] == pytest.approx(cosine[expected[0] - 1], abs=1e-6)


def test_a_catalogue_of_one_item_has_no_neighbours() -> None:
    assert neighbours(vectors_of(1), 1) == []


def test_a_zero_vector_is_no_error() -> None:
    vectors = vectors_of(5)
    vectors[2] = 0
    assert len(neighbours(vectors, 3, k=10)) == 4
    assert np.isfinite(project_pca(vectors)).all()


def test_neighbours_on_the_map_are_the_nearest_points() -> None:
    points = np.array([[0, 0], [1, 0], [5, 0], [0.5, 0]], dtype=np.float32)
    assert map_neighbours(points, 0, k=2).tolist() == [3, 1]


def test_a_map_that_changes_nothing_keeps_every_neighbour() -> None:
    vectors = embeddings.unit(vectors_of(80, 3))
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
        near = {idx - 1 for idx, _ in neighbours(vectors, row + 1, k)}
        kept += len(near & set(map_neighbours(points, row, k).tolist()))
    monkeypatch.setattr(embeddings, "BLOCK_ROWS", 7)
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


def test_a_large_catalogue_is_mapped_by_its_most_frequent_items() -> None:
    counts = np.array([5, 1, 9, 7, 1])
    assert mapped_items(counts, limit=3).tolist() == [1, 3, 4]
    assert mapped_items(counts, limit=5).tolist() == [1, 2, 3, 4, 5]


def test_clusters_find_the_groups_and_the_largest_comes_first() -> None:
    vectors = np.concatenate([two_groups(20)[:10], two_groups(40)[20:]])
    labels = clusters(vectors, 2)
    assert labels.tolist() == [1] * 10 + [0] * 20


def test_there_are_no_more_clusters_than_different_vectors() -> None:
    assert set(clusters(np.ones((6, 3), dtype=np.float32), 4)) == {0}


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 6, 40])
@pytest.mark.parametrize("n_components", [2, 3])
def test_umap_maps_small_catalogues_and_repeats_itself(n: int, n_components: int) -> None:
    vectors = vectors_of(n)
    points = project_umap(vectors, n_components)
    assert points.shape == (n, n_components)
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(points, project_umap(vectors, n_components))


def test_umap_of_three_items_is_refused_with_advice() -> None:
    with pytest.raises(DatasetError, match="PCA"):
        project_umap(vectors_of(3))


@pytest.mark.slow
def test_two_visitors_may_ask_for_umap_at_once() -> None:
    expected = {seed: project_umap(vectors_of(60, seed=seed)) for seed in (1, 2)}
    found: dict[int, np.ndarray] = {}

    def ask(seed: int) -> None:
        found[seed] = project_umap(vectors_of(60, seed=seed))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        np.testing.assert_array_equal(found[seed], expected[seed])


@pytest.mark.slow
def test_umap_runs_on_a_layer_of_numba_that_allows_threads() -> None:
    import numba

    project_umap(vectors_of(40))
    assert numba.threading_layer() in ("tbb", "omp")


@pytest.mark.slow
def test_a_map_is_made_in_the_background_and_kept_as_a_file(run: Run) -> None:
    service = MapService()
    assert service.state(run, SETTINGS) == "missing"
    assert service.get(run, SETTINGS) is None
    service.start(run, SETTINGS)
    wait_for(service, run, SETTINGS)
    assert service.state(run, SETTINGS) == "done"
    # Another process finds it, and does not make it again.
    found = MapService().get(run, SETTINGS)
    assert found is not None
    assert found.item_idx.tolist() == list(range(1, 8))
    assert found.points.shape == (7, 2)
    assert 0 <= found.trustworthiness <= 1
    assert not list(run.artifacts.glob(".*"))


def test_a_map_under_way_is_not_started_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, calls = threading.Event(), []

    def slow(vectors: np.ndarray, *_: object, **__: object) -> np.ndarray:
        calls.append(len(vectors))
        may_go_on.wait(30)
        return project_pca(vectors)

    monkeypatch.setattr(embeddings, "project_umap", slow)
    service = MapService()
    service.start(run, SETTINGS)
    assert service.state(run, SETTINGS) == "running"
    service.start(run, SETTINGS)
    may_go_on.set()
    wait_for(service, run, SETTINGS)
    service.start(run, SETTINGS)
    assert calls == [7]


def test_a_map_that_fails_says_why_and_can_be_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_small(*_: object, **__: object) -> np.ndarray:
        raise DatasetError("too few items")

    service = MapService()
    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "project_umap", too_small)
        service.start(run, SETTINGS)
        wait_for(service, run, SETTINGS)
    assert service.state(run, SETTINGS) == "failed"
    assert service.failure(run, SETTINGS) == "too few items"
    monkeypatch.setattr(embeddings, "project_umap", lambda v, *_, **__: project_pca(v))
    service.start(run, SETTINGS)
    wait_for(service, run, SETTINGS)
    assert service.state(run, SETTINGS) == "done"
    assert service.failure(run, SETTINGS) == ""


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01"])
def test_a_damaged_map_counts_as_missing(
    run: Run, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "project_umap", lambda v, *_, **__: project_pca(v))
    service = MapService()
    service.start(run, SETTINGS)
    wait_for(service, run, SETTINGS)
    embeddings._map_file(run, SETTINGS).write_bytes(content)
    assert service.state(run, SETTINGS) == "missing"


def test_a_map_belongs_to_its_checkpoint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "project_umap", lambda v, *_, **__: project_pca(v))
    service = MapService()
    service.start(run, SETTINGS)
    wait_for(service, run, SETTINGS)
    os.utime(run.checkpoint("best"), ns=(1, 1))
    assert service.state(run, SETTINGS) == "missing"


def test_a_map_of_a_checkpoint_that_was_replaced_meanwhile_is_not_filed_under_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_newer(*asked: object, **how: object) -> Recommender:
        os.utime(run.checkpoint("best"), ns=(2, 2))
        return load(run)

    monkeypatch.setattr(embeddings, "project_umap", lambda v, *_, **__: project_pca(v))
    path = embeddings._map_file(run, SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(embeddings, "load", load_newer)
        embeddings._make_map(run, SETTINGS, path)
    assert not path.exists()
    service = MapService()
    assert service.state(run, SETTINGS) == "missing"
    service.start(run, SETTINGS)
    wait_for(service, run, SETTINGS)
    assert service.state(run, SETTINGS) == "done"


def test_the_maps_of_older_checkpoints_are_removed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "project_umap", lambda v, *_, **__: project_pca(v))
    other = replace(SETTINGS, seed=SETTINGS.seed + 1)
    service = MapService()
    run.artifacts.mkdir(exist_ok=True)
    for moment in (1, 2):
        os.utime(run.checkpoint("best"), ns=(moment, moment))
        (run.artifacts / "umap-damaged.json").write_text("{")
        for settings in (SETTINGS, other):
            service.start(run, settings)
            wait_for(service, run, settings)
    kept = {embeddings._map_file(run, settings) for settings in (SETTINGS, other)}
    assert set(run.artifacts.glob("umap-*.npy")) == kept
    assert {path.with_suffix(".npy") for path in run.artifacts.glob("umap-*.json")} == kept
