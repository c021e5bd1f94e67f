from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bert4rec.errors import NotFoundError, RunError
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.runs.trash import (
    FORMER_NAME,
    is_trashed,
    list_trash,
    purge_run,
    restore_run,
    trash_run,
)
from tests.factories import random_dataset, saved_dataset, small_settings


@pytest.fixture
def run(workspace: Path) -> Run:
    dataset = saved_dataset(workspace, random_dataset([5, 6]))
    made = create_run(workspace, dataset, Policy(settings=small_settings()), name="made")
    made.set_status(state="finished")
    return made


def test_a_deleted_run_is_whole_in_the_trash_and_comes_back(run: Run, workspace: Path) -> None:
    assert list_trash(workspace) == []
    moved = trash_run(workspace, run.id)
    assert list_runs(workspace) == []
    assert list_trash(workspace) == [moved]
    assert moved.name == "made"
    assert restore_run(workspace, moved.id) == run
    assert run.status().state == "finished"
    assert list_trash(workspace) == []


def test_a_purged_run_is_gone_for_good(run: Run, workspace: Path) -> None:
    purge_run(workspace, trash_run(workspace, run.id).id)
    assert list_trash(workspace) == list_runs(workspace) == []
    with pytest.raises(NotFoundError, match="there is no run"):
        restore_run(workspace, run.id)


@pytest.mark.parametrize("state", ACTIVE_STATES)
def test_an_active_run_is_not_deleted(run: Run, workspace: Path, state: str) -> None:
    run.set_status(state=state)
    with pytest.raises(RunError, match="Stop it first"):
        trash_run(workspace, run.id)
    assert list_runs(workspace) == [run]


def test_a_run_that_somebody_holds_is_not_deleted(run: Run, workspace: Path) -> None:
    with held(run.folder), pytest.raises(RunError, match="active elsewhere"):
        trash_run(workspace, run.id)


@pytest.mark.parametrize("name", ["config.json", "status.json"])
def test_a_damaged_run_can_be_deleted(run: Run, workspace: Path, name: str) -> None:
    (run.folder / name).write_text("{")
    trash_run(workspace, run.id)
    assert list_runs(workspace) == []


def test_a_run_in_place_of_a_deleted_one_is_never_written_over(run: Run, workspace: Path) -> None:
    first = trash_run(workspace, run.id)
    run.folder.mkdir()
    (run.folder / "config.json").write_text("{}")
    with pytest.raises(RunError, match="already") as caught:
        restore_run(workspace, first.id)
    # What it tells to do can be done on the page, and leads there.
    assert "Delete that one first" in caught.value.fix
    second = trash_run(workspace, run.id)
    assert {found.id for found in list_trash(workspace)} == {first.id, second.id}
    assert first.name == "made"
    restore_run(workspace, first.id)
    assert [found.id for found in list_trash(workspace)] == [second.id]


@pytest.fixture
def deleted_twice(run: Run, workspace: Path, tmp_path: Path) -> Run:
    """A run of the trash that is another one's copy and had its id."""
    shutil.copytree(run.folder, tmp_path / "copy")
    trash_run(workspace, run.id)
    shutil.copytree(tmp_path / "copy", run.folder)
    return trash_run(workspace, run.id)


@pytest.mark.parametrize("is_alone", [False, True])
def test_a_run_whose_id_lay_in_the_trash_already_gets_it_back(
    deleted_twice: Run, run: Run, workspace: Path, is_alone: bool
) -> None:
    assert deleted_twice.id == f"{run.id}-2"
    if is_alone:
        purge_run(workspace, run.id)
        assert is_trashed(workspace, run.id)
    text = run.id if is_alone else deleted_twice.id
    restored = restore_run(workspace, text)
    assert restored.id == run.id
    # Nothing of the trash stays in its folder.
    assert not (restored.folder / FORMER_NAME).exists()
    assert is_trashed(workspace, run.id) is not is_alone


def test_a_run_whose_id_is_taken_keeps_that_of_the_trash(
    deleted_twice: Run, run: Run, workspace: Path
) -> None:
    restore_run(workspace, run.id)
    assert restore_run(workspace, deleted_twice.id).id == deleted_twice.id
    assert {found.id for found in list_runs(workspace)} == {run.id, deleted_twice.id}


@pytest.mark.parametrize(
    "written", ["{", "[]", '{"format_version": 1, "id": "../../out"}', '{"format_version": 9}']
)
def test_a_damaged_former_id_leads_nowhere(
    deleted_twice: Run, workspace: Path, written: str
) -> None:
    (deleted_twice.folder / FORMER_NAME).write_text(written)
    restored = restore_run(workspace, deleted_twice.id)
    assert restored.folder == workspace / "runs" / deleted_twice.id


@pytest.mark.parametrize("name", ["..", "../runs/x", "", ".hidden", "nosuch"])
def test_nothing_but_a_run_is_moved_or_purged(run: Run, workspace: Path, name: str) -> None:
    for act in (trash_run, restore_run, purge_run):
        with pytest.raises(NotFoundError):
            act(workspace, name)
    assert run.folder.is_dir()
