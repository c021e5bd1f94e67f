from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.errors import RunError
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.registry import create_run
from bert4rec.runs.storage import disk_use, prunable_bytes, prune_run
from tests.factories import random_dataset, saved_dataset, small_settings


@pytest.fixture
def run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    made = create_run(workspace, dataset, Policy(settings=small_settings()), name="made")
    made.checkpoint("best").parent.mkdir()
    made.checkpoint("best").write_bytes(b"b" * 100)
    made.checkpoint("last").write_bytes(b"l" * 300)
    made.set_status(state="finished")
    return made


def test_disk_use_counts_files_in_folders_too_and_follows_no_link(run: Run, tmp_path: Path) -> None:
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    expected = sum(path.stat().st_size for path in files)
    assert disk_use(run.folder) == expected
    (run.folder / "out").symlink_to(tmp_path)
    assert disk_use(run.folder) < expected + 200
    assert disk_use(tmp_path / "nowhere") == 0


def test_pruning_frees_the_last_checkpoint_and_leaves_the_model(run: Run) -> None:
    assert prunable_bytes(run) == 300
    assert prune_run(run) == 300
    assert run.checkpoint("best").is_file()
    assert not run.checkpoint("last").exists()
    assert prunable_bytes(run) == prune_run(run) == 0


@pytest.mark.parametrize("state", ["running", "stopped", "failed"])
def test_a_run_that_may_go_on_keeps_its_last_checkpoint(run: Run, state: str) -> None:
    run.set_status(state=state)
    assert prunable_bytes(run) == 0
    with pytest.raises(RunError, match="needs its last checkpoint"):
        prune_run(run)
    assert run.checkpoint("last").is_file()


def test_a_finished_run_without_a_best_checkpoint_keeps_its_last(run: Run) -> None:
    run.checkpoint("best").unlink()
    assert prune_run(run) == 0
    assert run.checkpoint("last").is_file()


def test_a_run_that_somebody_holds_is_not_pruned(run: Run) -> None:
    with held(run.folder), pytest.raises(RunError, match="active elsewhere"):
        prune_run(run)
