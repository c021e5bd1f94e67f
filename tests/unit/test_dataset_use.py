from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.data.collection import list_datasets
from bert4rec.data.dataset import SequenceDataset
from bert4rec.dataset_use import DatasetUse, dataset_use, delete_unused_dataset
from bert4rec.errors import NotFoundError, RunError
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.runs.status import ACTIVE_STATES
from tests.factories import random_dataset, saved_dataset, small_settings

POLICY = Policy("scoring_policy", small_settings())


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, random_dataset([5, 6]))


def folder_of(dataset: SequenceDataset) -> str:
    assert dataset.folder is not None
    return dataset.folder.name


def made(workspace: Path, dataset: SequenceDataset, state: str) -> Run:
    run = create_run(workspace, dataset, POLICY, name=state)
    run.set_status(state=state)
    return run


def test_a_dataset_that_no_run_needs_is_deleted(workspace: Path, dataset: SequenceDataset) -> None:
    assert dataset_use(workspace, folder_of(dataset)) == DatasetUse()
    delete_unused_dataset(workspace, folder_of(dataset))
    assert list_datasets(workspace) == []
    with pytest.raises(NotFoundError, match="no dataset in"):
        delete_unused_dataset(workspace, folder_of(dataset))


@pytest.mark.parametrize("state", ACTIVE_STATES)
@pytest.mark.parametrize("is_forced", [False, True])
def test_no_force_deletes_what_an_active_run_needs(
    state: str, is_forced: bool, workspace: Path, dataset: SequenceDataset
) -> None:
    run = made(workspace, dataset, state)
    with pytest.raises(RunError, match=run.id) as caught:
        delete_unused_dataset(workspace, folder_of(dataset), is_forced=is_forced)
    assert caught.value.details["runs"] == [run.id]
    assert "Stop them first" in str(caught.value)
    assert len(list_datasets(workspace)) == 1


@pytest.mark.parametrize("state", ["finished", "stopped", "failed", "interrupted"])
def test_what_an_ended_run_needs_is_deleted_by_force_alone(
    state: str, workspace: Path, dataset: SequenceDataset
) -> None:
    run = made(workspace, dataset, state)
    assert dataset_use(workspace, folder_of(dataset)) == DatasetUse(ended=(run,))
    with pytest.raises(RunError, match="no longer be resumed or inspected"):
        delete_unused_dataset(workspace, folder_of(dataset))
    assert len(list_datasets(workspace)) == 1
    delete_unused_dataset(workspace, folder_of(dataset), is_forced=True)
    assert list_datasets(workspace) == []
    assert run.name == state


def test_many_runs_are_named_in_short(workspace: Path, dataset: SequenceDataset) -> None:
    for _ in range(7):
        made(workspace, dataset, "finished")
    with pytest.raises(RunError, match="and 2 more"):
        delete_unused_dataset(workspace, folder_of(dataset))


def test_runs_that_ended_find_the_same_dataset_in_another_folder(
    workspace: Path, dataset: SequenceDataset
) -> None:
    run = made(workspace, dataset, "finished")
    twin = dataset.save(workspace / "datasets" / "twin")
    delete_unused_dataset(workspace, folder_of(dataset))
    assert run.dataset().folder == twin.folder
    assert dataset_use(workspace, "twin").ended == (run,)


def test_runs_of_other_datasets_and_damaged_ones_do_not_count(
    workspace: Path, dataset: SequenceDataset
) -> None:
    other = random_dataset([4, 4, 4]).save(workspace / "datasets" / "other")
    made(workspace, other, "running")
    (made(workspace, dataset, "running").folder / "config.json").write_text("{")
    assert dataset_use(workspace, folder_of(dataset)) == DatasetUse()


def test_a_damaged_dataset_is_still_guarded_by_the_run_that_names_its_folder(
    workspace: Path, dataset: SequenceDataset
) -> None:
    run = made(workspace, dataset, "finished")
    (workspace / "datasets" / folder_of(dataset) / "manifest.json").write_text("{")
    assert dataset_use(workspace, folder_of(dataset)).ended == (run,)
