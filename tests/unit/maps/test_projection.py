from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert4rec.errors import DatasetError
from bert4rec.maps import projection
from bert4rec.maps.film import aligned_maps, turned_onto
from bert4rec.maps.neighbours import neighbour_recall
from bert4rec.maps.progress import Cancelled, Progress
from bert4rec.maps.projection import (
    EmbeddingMap,
    MapSettings,
    drawn_part,
    project_pca,
    project_umap,
)
from tests.waiting import LIMIT_S


def vectors_of(n: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


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
def test_progress_goes_up_to_the_end_and_a_map_can_be_called_off() -> None:
    told: list[tuple[str, float]] = []

    class Watched(Progress):
        def tell(self, stage: str, share: float) -> None:
            super().tell(stage, share)
            told.append((stage, share))
            if self.share > 0.3 and len(told) > limit:
                self.cancel()

    limit = 10**9
    project_umap(vectors_of(40), progress=Watched())
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert {stage for stage, _ in told} == {
        "getting ready",
        "looking for neighbours",
        "laying out",
    }
    limit = 0
    with pytest.raises(Cancelled):
        project_umap(vectors_of(40), progress=Watched())
    # The lock is free again.
    assert len(project_umap(vectors_of(10))) == 10


@pytest.mark.slow
def test_after_a_map_that_was_called_off_another_thread_makes_one() -> None:
    class OffInTheMiddle(Progress):
        def tell(self, stage: str, share: float) -> None:
            if stage == "laying out" and share > 0.3:
                self.cancel()
            super().tell(stage, share)

    with pytest.raises(Cancelled):
        project_umap(vectors_of(40), progress=OffInTheMiddle())
    made: list[np.ndarray] = []
    other = threading.Thread(target=lambda: made.append(project_umap(vectors_of(40))), daemon=True)
    other.start()
    other.join(timeout=LIMIT_S)
    assert [points.shape for points in made] == [(40, 2)]


@pytest.mark.slow
def test_a_large_catalogue_is_laid_out_by_a_sample_among_which_the_others_are_placed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projection, "MAX_FITTED", 200)
    centres = np.repeat(10 * np.eye(4, 8), 150, axis=0)
    vectors = (centres + vectors_of(600)).astype(np.float32)
    points = project_umap(vectors)
    assert np.isfinite(points).all()
    # Each of the four groups stays together: hardly any neighbour is of another one.
    near = projection.nearest_rows(points - points.mean(axis=0), points, 1)
    assert len(near[0]) == 600
    groups = np.arange(600) // 150
    middles = np.stack([np.median(points[groups == at], axis=0) for at in range(4)])
    nearest = np.square(points[:, None] - middles[None]).sum(axis=2).argmin(axis=1)
    assert (nearest == groups).mean() > 0.95


def test_what_is_looked_at_is_drawn_beside_the_sample() -> None:
    n = 50
    whole = EmbeddingMap("pca", project_pca(vectors_of(n)), np.arange(1, n + 1), 1.0, 1.0, n)
    assert drawn_part(whole, [3], limit=50) is whole
    without = drawn_part(whole, [], limit=10)
    missing = next(idx for idx in range(1, n + 1) if idx not in without.item_idx)
    drawn = drawn_part(whole, [missing], limit=10)
    assert sorted({*without.item_idx, missing}) == drawn.item_idx.tolist()
    np.testing.assert_array_equal(drawn.points, whole.points[drawn.item_idx - 1])


def test_turned_points_lie_on_the_base_and_keep_their_distances() -> None:
    base = vectors_of(30, 2)
    turn = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(turned_onto(base, base @ turn + 5), base, atol=1e-4)


@pytest.mark.slow
def test_a_film_moves_only_what_moved_in_the_vectors() -> None:
    vectors = vectors_of(80)
    states = [("epoch 1", vectors), ("epoch 2", vectors), ("epoch 3", vectors_of(80, 16, 5))]
    maps = aligned_maps(states, np.arange(1, 81), MapSettings(n_neighbors=8))
    assert maps.points.shape == (3, 80, 2)
    assert maps.names == ("epoch 1", "epoch 2", "epoch 3")
    first, second, third = maps.points
    moved = np.linalg.norm(second - first, axis=1).mean()
    assert moved < np.linalg.norm(third - second, axis=1).mean()
    assert maps.recall[2] == pytest.approx(neighbour_recall(vectors_of(80, 16, 5), third))


def test_umap_is_loaded_where_numba_may_keep_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As for a user without a home folder, who may not write where umap-learn is installed.
    import numba

    (tmp_path / "umap.py").write_text(
        "import numba\n"
        "if not numba.config.CACHE_DIR:\n"
        "    raise RuntimeError('cannot cache function: no locator available for file')\n"
    )
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as patch:
        ends: list[tuple[Any, ...]] = []
        patch.setattr("atexit.register", lambda *words, **_: ends.append(words))
        assert projection._umap.__wrapped__().__file__ == str(tmp_path / "umap.py")
    sys.modules.pop("umap")
    kept = Path(numba.config.CACHE_DIR)
    assert kept.stat().st_mode & 0o077 == 0
    assert ends == [(shutil.rmtree, str(kept))]
    kept.rmdir()


def test_another_failure_to_load_umap_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "umap.py").write_text("raise RuntimeError('numba is broken')\n")
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="numba is broken"):
        projection._umap.__wrapped__()
