from __future__ import annotations

import os
from pathlib import Path

import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import NotFoundError, RunError
from bert4rec.policy import Policy
from bert4rec.runs.folder import ACTIVE_STATES, Run
from bert4rec.runs.registry import create_run, delete_run, find_run, list_runs
from tests.factories import random_dataset, saved_dataset, small_settings

POLICY = Policy("scoring_policy", small_settings())


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, random_dataset([5, 6]))


def made(workspace: Path, dataset: SequenceDataset, *names: str | None) -> list[Run]:
    return [create_run(workspace, dataset, POLICY, name=name) for name in names]


def test_runs_made_in_one_second_have_folders_of_their_own(
    workspace: Path, dataset: SequenceDataset
) -> None:
    runs = made(workspace, dataset, *["same"] * 5)
    assert len({run.id for run in runs}) == 5
    assert {run.name for run in runs} == {"same"}


def test_a_name_never_becomes_a_path(workspace: Path, dataset: SequenceDataset) -> None:
    (run,) = made(workspace, dataset, "../../Größe & Maß\x00")
    assert run.folder.parent == workspace / "runs"
    assert run.name == "../../Größe & Maß\x00"
    (unnamed,) = made(workspace, dataset, None)
    assert unnamed.name == dataset.name
    (odd,) = made(workspace, dataset, "???")
    assert odd.id.endswith("-run")


def test_runs_are_listed_newest_first_and_half_made_ones_not_at_all(
    workspace: Path, dataset: SequenceDataset
) -> None:
    assert list_runs(workspace) == []
    runs = made(workspace, dataset, "a", "b", "c")
    for number, run in enumerate(runs):
        run.folder.rename(workspace / "runs" / f"2024010{number}T000000-x")
    (workspace / "runs" / "20250101T000000-half").mkdir()
    (workspace / "runs" / ".hidden").mkdir()
    assert [run.name for run in list_runs(workspace)] == ["c", "b", "a"]


def test_a_run_is_found_by_path_id_name_or_as_the_last(
    workspace: Path, dataset: SequenceDataset
) -> None:
    first, second = made(workspace, dataset, "first", "second")
    first.folder.rename(workspace / "runs" / "20200101T000000-first")
    first = Run(workspace / "runs" / "20200101T000000-first")
    assert find_run(workspace, str(first.folder)) == first
    assert find_run(workspace, first.id) == first
    assert find_run(workspace, "first") == first
    assert find_run(workspace, "last") == second
    with pytest.raises(NotFoundError, match=f"Runs here: {second.id}"):
        find_run(workspace, "third")
    with pytest.raises(NotFoundError, match="none yet"):
        find_run(workspace / "empty", "last")


def test_a_name_means_the_newest_run_so_called(workspace: Path, dataset: SequenceDataset) -> None:
    old, new = made(workspace, dataset, "same", "same")
    old.folder.rename(workspace / "runs" / "20200101T000000-same")
    assert find_run(workspace, "same") == new


def test_an_ended_run_can_be_deleted(workspace: Path, dataset: SequenceDataset) -> None:
    (run,) = made(workspace, dataset, "one")
    run.set_status(state="finished")
    delete_run(workspace, run.id)
    assert not run.folder.exists()
    with pytest.raises(NotFoundError, match="no run"):
        delete_run(workspace, run.id)


@pytest.mark.parametrize("state", ACTIVE_STATES)
def test_an_active_run_is_not_deleted(
    workspace: Path, dataset: SequenceDataset, state: str
) -> None:
    (run,) = made(workspace, dataset, "one")
    run.set_status(state=state)
    with pytest.raises(RunError, match="Stop it first"):
        delete_run(workspace, run.id)
    assert run.folder.exists()


def test_nothing_outside_the_runs_can_be_deleted(workspace: Path, dataset: SequenceDataset) -> None:
    (run,) = made(workspace, dataset, "one")
    run.set_status(state="finished")
    for name in ("..", f"../runs/{run.id}", str(run.folder), "", f".{os.sep}{run.id}"):
        with pytest.raises(NotFoundError, match="not a valid name"):
            delete_run(workspace, name)
    assert run.folder.exists()
    assert dataset.folder is not None
    assert dataset.folder.exists()
