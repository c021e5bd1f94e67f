from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bert4rec.errors import FormatError
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import execute, extend, resume, train
from bert4rec.policy import Policy
from bert4rec.runs import recorder, snapshots
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.runs.snapshots import (
    MAX_SNAPSHOTS,
    kept_epochs,
    load_snapshot,
    save_snapshot,
    snapshot_epochs,
    spread_rows,
)
from bert4rec.runs.storage import disk_use, prunable_bytes, prune_run
from tests.factories import ring_dataset, saved_dataset, small_settings


@pytest.mark.parametrize("newest", [1, 2, 12, 13, 24, 25, 100, 1000])
def test_no_more_are_kept_than_allowed_evenly_spread_with_the_newest(newest: int) -> None:
    epochs = kept_epochs(newest)
    assert len(epochs) <= MAX_SNAPSHOTS
    assert epochs[-1] == newest
    assert len(epochs) >= min(newest, MAX_SNAPSHOTS // 2)
    assert len(set(np.diff(epochs[:-1]))) <= 1
    # What is kept now was kept before.
    assert set(epochs[:-1]) <= set(kept_epochs(newest - 1))


def test_a_run_keeps_what_its_epochs_had_and_the_newest_is_the_model(tmp_path: Path) -> None:
    settings = small_settings(n_epochs=3, eval_step=0)
    run = train(ring_dataset(8, 40), settings, workspace=tmp_path)
    assert snapshot_epochs(run) == [1, 2, 3]
    item_idx, vectors = load_snapshot(run, 3)
    assert item_idx.tolist() == list(range(1, 9))
    np.testing.assert_allclose(vectors, load_model(run).item_embeddings(), atol=1e-3)
    longer = extend(run, 1)
    assert snapshot_epochs(longer) == [1, 2, 3, 4]


def test_a_run_that_cannot_keep_snapshots_trains_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, settings = ring_dataset(8, 40), small_settings(n_epochs=2)
    run = train(dataset, settings, workspace=tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorder, "save_snapshot", full)
    other = train(dataset, settings, workspace=tmp_path)
    assert other.status().state == "finished"
    assert snapshot_epochs(other) == []
    assert "no snapshot" in "\n".join(other.log_tail(50))
    np.testing.assert_array_equal(
        load_model(run).item_embeddings(), load_model(other).item_embeddings()
    )


def test_a_run_that_was_killed_right_after_a_checkpoint_lacks_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = create_run(
        tmp_path,
        saved_dataset(tmp_path, ring_dataset(8, 40)),
        Policy("scoring_policy", small_settings(n_epochs=3)),
    )
    save = recorder.save_checkpoint

    def save_and_die(path: Path, *state: Any) -> None:
        save(path, *state)
        if path == run.checkpoint("last"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "save_checkpoint", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            execute(run)
    resume(run)
    assert snapshot_epochs(run) == [1, 2, 3]


def test_pruning_takes_the_snapshots_along(tmp_path: Path) -> None:
    run = train(ring_dataset(8, 40), small_settings(n_epochs=2), workspace=tmp_path)
    expected = run.checkpoint("last").stat().st_size + disk_use(run.snapshots)
    assert prunable_bytes(run) == prune_run(run) == expected
    assert snapshot_epochs(run) == []
    assert prunable_bytes(run) == 0


def test_of_a_large_catalogue_the_same_sample_is_kept_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_ITEMS", 5)
    run, vectors = Run(tmp_path), torch.arange(40.0).reshape(20, 2)
    for epoch in (1, 2):
        save_snapshot(run, epoch, vectors * epoch)
    (first, once), (second, twice) = load_snapshot(run, 1), load_snapshot(run, 2)
    assert first.tolist() == second.tolist()
    assert len(first) == 5
    np.testing.assert_array_equal(once * 2, twice)
    np.testing.assert_array_equal(once, vectors.numpy()[first - 1])
    assert {*spread_rows(20, 5)} <= {*spread_rows(20, 9)}


def test_a_damaged_snapshot_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    save_snapshot(run, 1, torch.ones(4, 2))
    (run.snapshots / "epoch-00001.safetensors").write_bytes(b"no")
    with pytest.raises(FormatError):
        load_snapshot(run, 1)
