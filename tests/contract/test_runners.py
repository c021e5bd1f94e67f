"""What every runner of the job service keeps to, in whatever thread or process it trains."""

from __future__ import annotations

import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bert4rec import jobs as jobs_module
from bert4rec.background.runners import RUNNERS
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.jobs import JobService
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import load_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from tests.ends import assert_equal_ends, curves_of, summary_of
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S, wait_until

DATASET = ring_dataset(n_users=40)
# 40 histories in batches of 8: five steps an epoch, long enough to be met on the way.
STEERED: dict[str, Any] = {"batch_size": 8, "n_epochs": 60}
ENDLESS: dict[str, Any] = {"batch_size": 8, "n_epochs": 1_000_000, "eval_step": 0}
# 17 GB for one layer's first matrix, where the process may have 3 GB more than it has.
HOPELESS: dict[str, Any] = {"hidden_size": 2**16, "inner_size": 2**16}
MORE_BYTES = 3 * 2**30


@pytest.fixture
def may_begin() -> threading.Event:
    """Cleared, it keeps runs from their first step."""
    made = threading.Event()
    made.set()
    return made


@pytest.fixture(
    params=["thread", pytest.param("process", marks=pytest.mark.slow)], ids=["thread", "process"]
)
def service(
    request: pytest.FixtureRequest, workspace: Path, may_begin: threading.Event
) -> JobService:
    def begin(run: Run, control: Control) -> None:
        may_begin.wait(LIMIT_S)
        RUNNERS[request.param](run, control)

    return JobService(workspace, begin)


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, DATASET)


@pytest.fixture
def new_run(workspace: Path, dataset: SequenceDataset) -> Callable[..., Run]:
    def make(name: str = "one", **changes: Any) -> Run:
        policy = Policy("scoring_policy", small_settings(**changes))
        return create_run(workspace, dataset, policy, name=name)

    return make


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(DATASET, small_settings(**STEERED), workspace=tmp_path_factory.mktemp("whole"))


@pytest.fixture
def little_memory() -> Iterator[None]:
    """The system refuses large allocations, in this process and those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def wait_until_idle(service: JobService) -> None:
    assert service.wait(lambda: not service.active(), LIMIT_S)


def test_a_run_is_the_same_wherever_it_trains(
    service: JobService, new_run: Callable[..., Run], uninterrupted: Run
) -> None:
    run = new_run(**STEERED)
    service.submit(run)
    wait_until_idle(service)
    assert run.status().state == "finished"
    assert_equal_ends(run, uninterrupted)


def test_a_run_is_paused_resumed_stopped_and_taken_up_to_the_same_end(
    service: JobService,
    new_run: Callable[..., Run],
    uninterrupted: Run,
    may_begin: threading.Event,
) -> None:
    run = new_run(**STEERED)
    may_begin.clear()
    service.submit(run)
    service.pause(run.id)
    may_begin.set()
    wait_until(lambda: run.status().state == "paused")
    assert service.position(run.id) == 0
    assert service.is_paused(run.id)
    _, position = load_checkpoint(run.checkpoint("last"))
    assert position["step"] == 0
    service.resume(run.id)
    wait_until(lambda: len(curves_of(run).valid) > 1)
    service.stop(run.id)
    wait_until_idle(service)
    assert run.status().state == "stopped"
    assert summary_of(run)["reason"] == "stopped"
    assert run.checkpoint("best").exists()
    service.submit(run)
    wait_until_idle(service)
    assert run.status().state == "finished"
    assert_equal_ends(run, uninterrupted)


def test_a_run_that_is_interrupted_is_not_judged_and_loses_no_step(
    service: JobService, new_run: Callable[..., Run], uninterrupted: Run
) -> None:
    run = new_run(**STEERED)
    service.submit(run)
    wait_until(lambda: len(curves_of(run).train) > 12)
    service.interrupt()
    wait_until_idle(service)
    status = run.status()
    assert (status.state, status.fix) == ("interrupted", "Resume it to go on.")
    assert run.summary() is None
    _, position = load_checkpoint(run.checkpoint("last"))
    assert position["step"] == curves_of(run).train[-1]["step"]
    service.submit(run)
    wait_until_idle(service)
    assert_equal_ends(run, uninterrupted)


def test_a_discarded_run_leaves_nothing(
    service: JobService, new_run: Callable[..., Run], workspace: Path
) -> None:
    run = new_run(**ENDLESS)
    service.submit(run)
    wait_until(lambda: bool(curves_of(run).train))
    service.discard(run.id)
    assert service.wait(lambda: service.position(run.id) is None, LIMIT_S)
    assert list_runs(workspace) == []
    assert not run.folder.exists()


def test_every_failure_is_told_with_a_way_on_and_the_queue_goes_on_in_its_order(
    little_memory: None, service: JobService, new_run: Callable[..., Run], workspace: Path
) -> None:
    other = saved_dataset(workspace, ring_dataset(n_users=41))
    bad = small_settings(n_epochs=1)
    gone = create_run(workspace, other, Policy("scoring_policy", bad), name="gone")
    assert other.folder is not None
    shutil.rmtree(other.folder)
    runs = [
        new_run("not finite", learning_rate=1e30, grad_clip=0),
        gone,
        new_run("too large", **HOPELESS),
        new_run("good", n_epochs=1),
    ]
    for run in runs:
        service.submit(run)
    wait_until_idle(service)
    ends = [(run.status().state, run.status().error) for run in runs]
    assert ends == [
        ("failed", "NonFiniteLossError"),
        ("failed", "NotFoundError"),
        ("failed", "DeviceMemoryError"),
        ("finished", ""),
    ]
    told = [(run.status().message, run.status().fix) for run in runs[:3]]
    for (message, fix), (said, way_on) in zip(
        told,
        [
            ("the loss became", "smaller learning_rate"),
            ("dataset 'ring' is no longer there", "then let the run go on"),
            ("did not fit the memory of this machine", "smaller batch_size"),
        ],
        strict=True,
    ):
        assert said in message
        assert way_on in fix
    moments = [run.journal.read()[0][-1]["at"] for run in runs]
    assert moments == sorted(moments)
    # Once the data is back, the run can be taken up.
    saved_dataset(workspace, ring_dataset(n_users=41))
    service.submit(gone)
    wait_until_idle(service)
    assert gone.status().state == "finished"


def test_two_devices_train_side_by_side_and_each_has_its_queue(
    service: JobService, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = iter(["one", "other", "one"])
    monkeypatch.setattr(
        jobs_module, "choose_device", lambda _: SimpleNamespace(device=next(devices))
    )
    a, b, c = (new_run(name, **ENDLESS) for name in "abc")
    for run in (a, b, c):
        service.submit(run)
    wait_until(lambda: {run.status().state for run in (a, b)} == {"running"})
    assert [service.position(run.id) for run in (a, b, c)] == [0, 0, 1]
    service.stop(a.id)
    wait_until(lambda: c.status().state == "running")
    assert a.status().state == "stopped"
    assert b.status().state == "running"
    for run in (b, c):
        service.stop(run.id)
    wait_until_idle(service)
    assert {run.status().state for run in (b, c)} == {"stopped"}


def test_a_stop_that_comes_before_the_first_step_is_heard(
    service: JobService, new_run: Callable[..., Run], may_begin: threading.Event
) -> None:
    run = new_run(**ENDLESS)
    may_begin.clear()
    service.submit(run)
    service.stop(run.id)
    may_begin.set()
    wait_until_idle(service)
    assert run.status().state == "stopped"
    assert curves_of(run).train == []
