"""What a machine can do to a run: each ends it as failed, with a message and a way on."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bert4rec import trainer as trainer_module
from bert4rec.background import runners as runners_module
from bert4rec.background.process_runner import run_in_a_process
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.device import choose_device
from bert4rec.errors import NotFoundError, UnwritableError
from bert4rec.jobs import JobService
from bert4rec.pipeline import execute, resume, train
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.runs.status import Status
from bert4rec.search.plan import Budget, SearchPlan
from bert4rec.search.space import Choices
from bert4rec.search.studies import create_study
from bert4rec.sweep import search
from tests.ends import assert_equal_ends
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S

SETTINGS = small_settings(batch_size=8, n_epochs=4)
DATASET = ring_dataset(n_users=40)
Line = dict[str, Any]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(DATASET, SETTINGS, workspace=tmp_path_factory.mktemp("whole"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of two megabytes, where this may be had."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk; the other tests need none")
    yield folder
    while os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def close_for_writing(folder: Path) -> None:
    """Let nothing new be opened for writing; a mount with files open for it must not change."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)


def open_for_writing(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


def new_run(workspace: Path, settings: Any = SETTINGS) -> Run:
    dataset = saved_dataset(workspace, DATASET)
    return create_run(workspace, dataset, Policy("scoring_policy", settings))


def at_step(step: int, act: Callable[[], object]) -> Callable[[Line], None]:
    def watch(line: Line) -> None:
        if line["event"] == "train" and line["step"] == step:
            act()

    return watch


def assert_failed(run: Run, message: str, fix: str) -> Status:
    status = run.status()
    assert status.state == "failed"
    assert message in status.message
    assert fix in status.fix
    return status


def fill(disk: Path) -> Path:
    """Leave room for a few lines and a status, not for a checkpoint."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 3 * resource.getpagesize()))
    return ballast


def test_a_disk_that_fills_up_fails_the_run_which_goes_on_once_there_is_room(
    disk: Path, uninterrupted: Run
) -> None:
    run = new_run(disk)
    with pytest.raises(UnwritableError, match="the disk or its quota is full"):
        execute(run, watch=at_step(7, lambda: fill(disk)))
    assert_failed(run, "the disk or its quota is full", "Make room, then let the run go on")
    assert not [path for path in run.folder.rglob("*") if path.suffix == ".tmp"]
    (disk / "ballast").unlink()
    resume(run)
    assert_equal_ends(run, uninterrupted)


def test_a_disk_without_a_single_byte_left_fails_the_run_as_this_process_knows(disk: Path) -> None:
    run = new_run(disk)

    def fill_up() -> None:
        with (disk / "ballast").open("wb", buffering=0) as file:
            while file.write(bytes(512)):
                pass

    def fill_all() -> None:
        with pytest.raises(OSError, match="No space left"):
            fill_up()

    with pytest.raises(UnwritableError, match="the disk or its quota is full"):
        execute(run, watch=at_step(7, fill_all))
    assert_failed(run, "the disk or its quota is full", "Make room, then let the run go on")
    (disk / "ballast").unlink()
    service = JobService(disk)
    service.submit(run)
    assert service.wait(lambda: not service.active(), LIMIT_S)
    assert run.status().state == "finished"


def test_a_journal_that_finds_no_room_fails_the_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)

    def no_room() -> None:
        run.journal.path.unlink()
        run.journal.path.symlink_to("/dev/full")

    with pytest.raises(UnwritableError, match="the disk or its quota is full"):
        execute(run, watch=at_step(7, no_room))
    assert_failed(run, "the disk or its quota is full", "Make room, then let the run go on")


def test_a_limit_on_the_size_of_files_fails_the_run(tmp_path: Path, uninterrupted: Run) -> None:
    run, before = new_run(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    small = (12_000, before[1])
    assert run.checkpoint("last").parent.parent == run.folder
    try:
        with pytest.raises(UnwritableError, match="the disk or its quota is full"):
            execute(run, watch=at_step(7, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, small)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_failed(run, "the disk or its quota is full", "Make room, then let the run go on")
    resume(run)
    assert_equal_ends(run, uninterrupted)


def test_a_workspace_that_becomes_read_only_fails_its_runs_and_refuses_others(
    disk: Path, uninterrupted: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, waiting = new_run(disk), new_run(disk)
    close = at_step(7, lambda: close_for_writing(disk))
    monkeypatch.setattr(
        runners_module, "execute", lambda one, control: execute(one, control=control, watch=close)
    )
    service = JobService(disk)
    for one in (run, waiting):
        service.submit(one)
    assert service.wait(lambda: not service.active(), LIMIT_S)
    for one in (run, waiting):
        assert_failed(one, "the run's folder cannot be written", "then let the run go on")
    with pytest.raises(UnwritableError, match="Read-only file system"):
        service.submit(run)
    with pytest.raises(UnwritableError, match="Read-only file system"):
        create_run(disk, DATASET, Policy("scoring_policy", SETTINGS))
    open_for_writing(disk)
    resume(run)
    assert_equal_ends(run, uninterrupted)


def test_a_search_that_finds_no_room_says_so_and_its_study_is_whole(disk: Path) -> None:
    dataset = saved_dataset(disk, DATASET)
    plan = SearchPlan(SETTINGS, {"hidden_size": Choices((8, 16))}, Budget(n_trials=1))
    study = create_study(disk, dataset, plan, name="one")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free))
    for begin in (lambda: create_study(disk, dataset, plan, name="two"), lambda: search(study)):
        with pytest.raises(UnwritableError, match=re.escape(f"the folder {disk / 'studies'} ")):
            begin()
    ballast.unlink()
    search(study)
    assert [trial.state for trial in study.trials()] == ["finished"]


def test_a_process_whose_folder_cannot_be_written_fails_the_run_too(disk: Path) -> None:
    run = new_run(disk)
    close_for_writing(disk)
    run_in_a_process(run, Control())
    assert_failed(run, "could not be started: Read-only file system", "then let the run go on")
    open_for_writing(disk)
    resume(run)
    assert run.status().state == "finished"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_refuses_a_run(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.folder.chmod(0o555)
    try:
        with pytest.raises(UnwritableError, match="Permission denied"):
            JobService(tmp_path).submit(run)
    finally:
        run.folder.chmod(0o755)


def test_a_dataset_that_is_deleted_on_the_way_is_missed_only_by_the_next_start(
    tmp_path: Path, uninterrupted: Run
) -> None:
    run, dataset = new_run(tmp_path), saved_dataset(tmp_path, DATASET)

    def delete() -> None:
        assert dataset.folder is not None
        shutil.rmtree(dataset.folder)

    execute(run, watch=at_step(7, delete))
    assert_equal_ends(run, uninterrupted)
    again = create_run(tmp_path, dataset, Policy("scoring_policy", SETTINGS))
    with pytest.raises(NotFoundError):
        execute(again)
    assert_failed(again, "dataset 'ring' is no longer there", "then let the run go on")


OUT_OF_MEMORY: list[Exception] = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError("Unable to allocate 8.00 EiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 17 bytes"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_memory_that_runs_out_in_a_step_fails_the_run_with_the_way_to_a_smaller_one(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: Run
) -> None:
    def allocate(*_: object, **__: object) -> None:
        raise error

    run = new_run(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        execute(
            run,
            watch=at_step(
                7, lambda: patch.setattr(trainer_module.Trainer, "_update_weights", allocate)
            ),
        )
    status = assert_failed(run, "did not fit the memory of this machine", "smaller batch_size")
    assert status.error == "DeviceMemoryError"
    resume(run)
    assert_equal_ends(run, uninterrupted)


@pytest.mark.parametrize(
    ("part", "what", "fix"),
    [
        ("pipeline.Workshop.report", "it", "smaller batch_size"),
        ("pipeline.Trainer._loss", "a step", "smaller batch_size"),
        ("workshop.judge", "judging", "smaller eval_batch_size"),
    ],
)
def test_memory_that_runs_out_names_what_wanted_it_and_the_device_that_was_chosen(
    part: str, what: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(*_: object, **__: object) -> None:
        raise MemoryError

    run = new_run(tmp_path, SETTINGS.model_copy(update={"device": "auto"}))
    monkeypatch.setattr(f"bert4rec.{part}", allocate)
    with pytest.raises(MemoryError):
        execute(run)
    name = choose_device().device
    whose = "this machine" if name == "cpu" else name
    assert_failed(run, f"{what} did not fit the memory of {whose}", fix)


def test_memory_that_is_not_there_while_the_data_is_prepared_is_told_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(*_: object) -> SequenceDataset:
        # As much as no machine can address; numpy refuses, and nothing is pretended.
        np.empty(2**50, dtype=np.int64)
        raise AssertionError

    run = new_run(tmp_path)
    monkeypatch.setattr("bert4rec.workshop.split_dataset", prepare)
    with pytest.raises(MemoryError):
        execute(run)
    status = assert_failed(run, "did not fit the memory of this machine", "smaller batch_size")
    assert status.error == "DeviceMemoryError"
