from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from optuna.trial import TrialState

from bert4rec.background.searches import SEARCHERS, Searcher, SearchService
from bert4rec.control import Control
from bert4rec.data.collection import delete_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.dataset_use import delete_unused_dataset
from bert4rec.errors import NotFoundError, RunError
from bert4rec.jobs import JobService
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study, delete_study
from bert4rec.search.study import Study
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S, wait_until

LONG = 100_000
MARKS = {"thread": (), "process": (pytest.mark.slow,)}


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, ring_dataset(n_items=12, n_users=40))


@pytest.fixture
def jobs(workspace: Path) -> JobService:
    return JobService(workspace)


@pytest.fixture
def service(workspace: Path, jobs: JobService) -> SearchService:
    return SearchService(workspace, jobs)


@pytest.fixture(params=[pytest.param(name, marks=MARKS[name]) for name in SEARCHERS])
def searcher(request: pytest.FixtureRequest) -> Searcher:
    """Whatever carries out searches; all of them pass the same tests."""
    return SEARCHERS[request.param]


@pytest.fixture
def any_service(workspace: Path, jobs: JobService, searcher: Searcher) -> SearchService:
    return SearchService(workspace, jobs, searcher)


@pytest.fixture
def new_study(workspace: Path, dataset: SequenceDataset) -> Callable[..., Study]:
    def make(name: str, n_trials: int = 2, n_epochs: int = 2) -> Study:
        base = small_settings(n_epochs=n_epochs)
        plan = SearchPlan(base, parse_space({"mask_rate": "0.2,0.3,0.4"}), Budget(n_trials))
        return create_study(workspace, dataset, checked_plan(plan), name=name)

    return make


def state(study: Study) -> str:
    return study.status(study.trials()).state


def test_a_search_goes_on_in_the_background_until_its_budget_is_used_up(
    any_service: SearchService, new_study: Callable[..., Study]
) -> None:
    study = new_study("one")
    assert state(study) == "stopped"
    any_service.start("one")
    assert any_service.wait("one", LIMIT_S)
    assert state(study) == "finished"
    assert [trial.state for trial in study.trials()] == ["finished", "finished"]
    assert any_service.problem("one") is None
    assert any_service.active() == []


def test_a_stopped_search_puts_its_trial_back_and_goes_on_later(
    any_service: SearchService, new_study: Callable[..., Study]
) -> None:
    study = new_study("one", 1, LONG)
    any_service.start("one")
    wait_until(lambda: any(trial.curve for trial in study.trials()))
    assert state(study) == "running"
    with pytest.raises(RunError, match="at work on the study 'one' already"):
        any_service.start("one")
    with pytest.raises(RunError, match="at work on the study 'one'"):
        delete_study(any_service.workspace, "one")
    # Held, so that it cannot have ended before it is asked about.
    with any_service._changed:
        any_service.stop("one")
        assert any_service.is_stopping("one")
    assert any_service.wait("one", LIMIT_S)
    assert [trial.state for trial in study.trials()] == ["interrupted", "waiting"]
    assert state(study) == "stopped"
    any_service.start("one")
    wait_until(lambda: study.trials()[1].state == "running")
    any_service.stop("one")
    assert any_service.wait("one", LIMIT_S)
    with pytest.raises(RunError, match="no search is at work here"):
        any_service.stop("one")
    delete_study(any_service.workspace, "one")
    left = {path.name for path in (any_service.workspace / "studies").iterdir()}
    assert left <= {"studies.lock"}


def test_a_run_that_was_queued_during_a_trial_trains_before_the_next_trial(
    workspace: Path,
    dataset: SequenceDataset,
    new_study: Callable[..., Study],
    searcher: Searcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    def note(run: Run, control: Control) -> None:
        order.append(f"run after {len(study.trials())}")
        run.set_status(state="finished")

    jobs = JobService(workspace, note)
    service, study = SearchService(workspace, jobs, searcher), new_study("one", 3)
    run = create_run(workspace, dataset, Policy(settings=small_settings()), name="mine")
    turn = jobs.turn

    @contextmanager
    def turn_of_a_trial(device: str, control: Control) -> Iterator[None]:
        with turn(device, control):
            if not order:
                jobs.submit(run)
            yield

    monkeypatch.setattr(jobs, "turn", turn_of_a_trial)
    service.start("one")
    assert service.wait("one", LIMIT_S)
    assert order == ["run after 1"]
    assert run.status().state == "finished"
    assert len(study.trials()) == 3


def test_a_search_that_waits_for_the_device_says_so_and_can_be_stopped(
    any_service: SearchService, jobs: JobService, new_study: Callable[..., Study]
) -> None:
    study = new_study("one")
    with jobs.turn("cpu", Control()):
        any_service.start("one")
        wait_until(lambda: state(study) == "queued")
        any_service.stop("one")
        assert any_service.wait("one", LIMIT_S)
    assert state(study) == "stopped"
    assert [trial.state for trial in study.trials()] == ["waiting"]


def test_a_search_without_its_dataset_says_so_at_once(
    service: SearchService, new_study: Callable[..., Study], dataset: SequenceDataset
) -> None:
    new_study("one")
    assert dataset.folder is not None
    delete_dataset(service.workspace, dataset.folder.name)
    with pytest.raises(NotFoundError):
        service.start("one")
    assert service.active() == []
    with pytest.raises(NotFoundError, match="no study"):
        service.start("other")


def test_two_searches_share_a_device_trial_by_trial(
    any_service: SearchService, jobs: JobService, new_study: Callable[..., Study]
) -> None:
    studies = [new_study(name) for name in ("one", "two")]
    with jobs.turn("cpu", Control()):
        for study in studies:
            any_service.start(study.name)
        # Neither begins before both wait: a process may take seconds to get so far.
        wait_until(lambda: len(jobs._turns) == 3)
    for study in studies:
        assert any_service.wait(study.name, LIMIT_S)
    begun = sorted(
        (found.datetime_start, found.datetime_complete, study.name)
        for study in studies
        for found in study.optuna_study.trials
    )
    assert len(begun) == 4
    assert all(first[1] <= second[0] for first, second in pairwise(begun))
    assert {begun[0][2], begun[1][2]} == {"one", "two"}


def test_a_search_that_fails_as_a_whole_says_of_what(
    service: SearchService, new_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = new_study("one")

    def refuse(*_: object) -> None:
        raise RunError("the disk is full", fix="Make room.")

    monkeypatch.setattr("bert4rec.sweep._carry_out", refuse)
    service.start("one")
    assert service.wait("one", LIMIT_S)
    problem = service.problem("one")
    assert problem is not None
    assert problem.message == "the disk is full"
    # The trial that it left behind is this process's, which still lives.
    study.optuna_study.tell(0, state=TrialState.FAIL)
    found = study.status(study.trials())
    assert (found.state, found.message, found.fix) == ("failed", "the disk is full", "Make room.")


def test_a_study_of_another_name_than_its_file_is_one_as_well(
    new_study: Callable[..., Study],
) -> None:
    study = new_study("one")
    study.close()
    copy = Study(study.path.with_name("copy.db"))
    copy.path.write_bytes(study.path.read_bytes())
    assert copy.plan() == study.plan()
    assert replace(copy, wait_s=1.0).name == "copy"


def test_the_dataset_of_a_search_under_way_is_not_deleted(
    workspace: Path,
    dataset: SequenceDataset,
    service: SearchService,
    new_study: Callable[..., Study],
) -> None:
    new_study("long", n_epochs=LONG)
    service.start("long")
    assert dataset.folder is not None
    try:
        with pytest.raises(RunError, match="needed by searches: long"):
            delete_unused_dataset(workspace, dataset.folder.name, is_forced=True)
    finally:
        service.stop("long")
        assert service.wait("long", LIMIT_S)
    delete_unused_dataset(workspace, dataset.folder.name)
