from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import DatasetError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.loaded_model import load_model
from bert4rec.maps import film, tasks
from bert4rec.maps.film import film_epochs
from bert4rec.maps.progress import Progress
from bert4rec.maps.projection import MapSettings, project_pca
from bert4rec.maps.service import MapService
from bert4rec.maps.tasks import FilmTask, PairTask, UmapTask
from bert4rec.pipeline import train
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.runs.storage import prune_run
from tests.waiting import LIMIT_S

SETTINGS = MapSettings(n_neighbors=5)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return trained(tmp_path)


def trained(workspace: Path, **changes: int) -> Run:
    dataset = SequenceDataset.from_sequences([[1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 1], [7, 1, 2, 3]])
    values = {"hidden_size": 8, "n_heads": 1, "n_layers": 1, "n_epochs": 1, "inner_size": 8}
    return train(dataset, Hyperparameters(**(values | changes)), workspace=workspace)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """PCA in place of UMAP."""
    for module in (tasks, film):
        monkeypatch.setattr(module, "project_umap", lambda v, n=2, **_: project_pca(v, n))


def made(task: UmapTask | FilmTask | PairTask) -> MapService:
    service = MapService()
    service.start(task)
    service.wait(task)
    return service


@pytest.mark.slow
def test_a_map_is_made_in_the_background_and_kept_as_a_file(run: Run) -> None:
    task, service = UmapTask(run, SETTINGS), MapService()
    assert service.state(task) == "missing"
    assert task.read() is None
    service.start(task)
    service.wait(task)
    assert service.state(task) == "done"
    # Another process finds it, and does not make it again.
    assert MapService().state(task) == "done"
    found = task.read()
    assert found is not None
    assert found.item_idx.tolist() == list(range(1, 8))
    assert found.points.shape == (7, 2)
    assert 0 <= found.trustworthiness <= 1
    assert 0 <= found.recall <= 1
    assert not list(run.artifacts.glob(".*"))


def test_a_map_under_way_is_not_started_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, calls = threading.Event(), []

    def slow(vectors: np.ndarray, *_: object, **__: object) -> np.ndarray:
        calls.append(len(vectors))
        assert may_go_on.wait(LIMIT_S)
        return project_pca(vectors)

    monkeypatch.setattr(tasks, "project_umap", slow)
    service, task = MapService(), UmapTask(run, SETTINGS)
    service.start(task)
    assert service.state(task) == "running"
    assert service.progress(task).stage != "waiting for another map"
    service.start(task)
    other = UmapTask(run, replace(SETTINGS, seed=SETTINGS.seed + 1))
    service.start(other)
    assert service.progress(other).stage == "waiting for another map"
    service.cancel(other)
    may_go_on.set()
    service.wait(task)
    service.wait(other)
    service.start(task)
    assert calls == [7]


def test_a_map_that_fails_says_why_and_can_be_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_small(*_: object, **__: object) -> np.ndarray:
        raise DatasetError("too few items")

    task = UmapTask(run, SETTINGS)
    monkeypatch.setattr(tasks, "project_umap", too_small)
    service = made(task)
    assert service.state(task) == "failed"
    assert service.failure(task) == "too few items"
    monkeypatch.setattr(tasks, "project_umap", lambda v, *_, **__: project_pca(v))
    service.start(task)
    service.wait(task)
    assert service.state(task) == "done"
    assert service.failure(task) == ""


def test_a_map_that_is_called_off_leaves_no_file_and_can_be_started_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()

    def slow(vectors: np.ndarray, *_: object, progress: Progress, **__: object) -> np.ndarray:
        has_begun.set()
        assert may_go_on.wait(LIMIT_S)
        progress.tell("laying out", 0.5)
        return project_pca(vectors)

    monkeypatch.setattr(tasks, "project_umap", slow)
    service, task = MapService(), UmapTask(run, SETTINGS)
    service.start(task)
    assert has_begun.wait(LIMIT_S)
    service.cancel(task)
    may_go_on.set()
    service.wait(task)
    assert service.state(task) == "cancelled"
    assert not task.path.exists()
    service.start(task)
    service.wait(task)
    assert service.state(task) == "done"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("content", [b"", b"no array", b"\x08" + b"\0" * 30])
def test_a_damaged_map_counts_as_missing(run: Run, content: bytes) -> None:
    task = UmapTask(run, SETTINGS)
    service = made(task)
    task.path.write_bytes(content)
    assert service.state(task) == "missing"


@pytest.mark.usefixtures("quick")
def test_a_map_belongs_to_its_checkpoint(run: Run) -> None:
    task = UmapTask(run, SETTINGS)
    service = made(task)
    os.utime(run.checkpoint("best"), ns=(1, 1))
    assert service.state(task) == "missing"


@pytest.mark.usefixtures("quick")
def test_a_map_of_a_checkpoint_that_was_replaced_meanwhile_is_not_filed_under_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_newer(*asked: object, **how: object) -> Recommender:
        os.utime(run.checkpoint("best"), ns=(2, 2))
        return load_model(run)

    task = UmapTask(run, SETTINGS)
    path = task.path
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "load_model", load_newer)
        task.make(Progress())
    assert not path.exists()
    assert made(task).state(task) == "done"


@pytest.mark.usefixtures("quick")
def test_the_maps_of_older_checkpoints_are_removed(run: Run) -> None:
    other = replace(SETTINGS, seed=SETTINGS.seed + 1)
    both = [UmapTask(run, SETTINGS), UmapTask(run, other)]
    for moment in (1, 2):
        os.utime(run.checkpoint("best"), ns=(moment, moment))
        for task in both:
            made(task)
    assert set(run.artifacts.glob("umap-*")) == {task.path for task in both}


@pytest.mark.usefixtures("quick")
def test_a_film_shows_the_epochs_that_a_run_kept_and_is_gone_with_them(tmp_path: Path) -> None:
    run = trained(tmp_path, n_epochs=3)
    task = FilmTask(run, SETTINGS)
    made(task)
    maps = task.read()
    assert maps is not None
    assert maps.names == ("epoch 1", "epoch 2", "epoch 3")
    assert maps.points.shape == (3, 7, 2)
    assert maps.item_idx.tolist() == list(range(1, 8))
    prune_run(run)
    assert len(film_epochs(run)) == 1
    with pytest.raises(DatasetError, match="fewer than two epochs"):
        film.film(run, SETTINGS)


@pytest.mark.usefixtures("quick")
def test_two_runs_are_mapped_over_the_items_that_both_know(tmp_path: Path) -> None:
    first, second = trained(tmp_path), trained(tmp_path, hidden_size=4, seed=3)
    task = PairTask(first, second, SETTINGS)
    made(task)
    maps = task.read()
    assert maps is not None
    assert maps.points.shape == (2, 7, 2)
    assert maps.names == (first.name, second.name)


@pytest.mark.usefixtures("quick")
def test_a_pair_goes_when_either_of_its_runs_has_a_newer_checkpoint(tmp_path: Path) -> None:
    first, second, third = (trained(tmp_path, seed=seed) for seed in (1, 2, 3))
    pairs = [PairTask(first, other, SETTINGS) for other in (second, third)]
    for changed in (second, first):
        for task in pairs:
            made(task)
        assert set(first.artifacts.glob("pair-*")) == {task.path for task in pairs}
        os.utime(changed.checkpoint("best"), ns=(1, 1))
    made(pairs[0])
    assert set(first.artifacts.glob("pair-*")) == {pairs[0].path}
