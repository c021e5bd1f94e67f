from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest

from bert4rec.background import comparisons
from bert4rec.background.comparisons import ComparisonService
from bert4rec.comparing.comparison import comparison_folder, list_comparisons
from bert4rec.comparing.judging import CancelledError, Step
from bert4rec.comparing.plan import Plan, plan_comparison
from bert4rec.control import Control
from bert4rec.errors import RunError
from bert4rec.runs.folder import Run
from tests.waiting import LIMIT_S


@pytest.fixture
def service(tmp_path: Path) -> ComparisonService:
    return ComparisonService(tmp_path)


def plan(run: Run, seed: int = 0) -> Plan:
    return plan_comparison([run], ["popularity"], seed=seed)


def test_a_comparison_is_made_in_the_background_and_found_again(
    service: ComparisonService, tiny_run: Run
) -> None:
    made = plan(tiny_run)
    service.start(made)
    service.wait(made.id, LIMIT_S)
    assert service.progress(made.id) is None
    assert [facts["id"] for facts in list_comparisons(service.workspace)] == [made.id]
    # What is there already is not made again.
    assert service.start(made) == made.id
    assert service.progress(made.id) is None


class Held:
    """Carries comparisons out only when it is let."""

    def __init__(self) -> None:
        self.has_begun, self.go, self.n_begun = threading.Event(), threading.Event(), 0

    def __call__(self, plan: Plan, workspace: Path, *, control: Control, watch: object) -> None:
        del plan, workspace
        self.n_begun += 1
        assert callable(watch)
        watch(Step(0, "Fitting Popularity", 0.25))
        self.has_begun.set()
        assert self.go.wait(LIMIT_S)
        if control.is_stopped:
            raise CancelledError("the comparison was stopped")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    made = Held()
    monkeypatch.setattr(comparisons, "carry_out", made)
    return made


def test_one_is_made_at_a_time_and_the_same_only_once(
    service: ComparisonService, held: Held, tiny_run: Run
) -> None:
    first, second = plan(tiny_run), plan(tiny_run, seed=1)
    for one in (first, second, first):
        service.start(one)
    assert held.has_begun.wait(LIMIT_S)
    active = {found.comparison_id: found for found in service.active()}
    assert list(active) == [first.id, second.id]
    assert (active[second.id].state, active[second.id].title) == ("waiting", "tiny")
    found = service.progress(first.id)
    assert found is not None
    assert (found.doing, found.share) == ("Fitting Popularity", 0.25)
    held.go.set()
    for one in (first, second):
        service.wait(one.id, LIMIT_S)
    assert held.n_begun == 2
    assert not service.active()


def test_a_stop_ends_it_and_keeps_nothing(
    service: ComparisonService, held: Held, tiny_run: Run
) -> None:
    made = plan(tiny_run)
    service.start(made)
    service.stop(made.id)
    found = service.progress(made.id)
    assert found is not None
    assert found.is_stopping
    held.go.set()
    service.wait(made.id, LIMIT_S)
    found = service.progress(made.id)
    assert found is not None
    assert found.state == "stopped"
    assert not comparison_folder(service.workspace, made.id).exists()


def test_a_failure_is_kept_and_can_be_tried_again(
    service: ComparisonService, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such luck")

    made = plan(tiny_run)
    with monkeypatch.context() as patch:
        patch.setattr(comparisons, "carry_out", fail)
        service.start(made)
        service.wait(made.id, LIMIT_S)
    found = service.progress(made.id)
    assert found is not None
    assert found.state == "failed"
    assert isinstance(found.problem, RunError)
    assert "no such luck" in found.problem.message
    service.start(made)
    service.wait(made.id, LIMIT_S)
    assert service.progress(made.id) is None
    assert [facts["id"] for facts in list_comparisons(service.workspace)] == [made.id]


def test_of_a_comparison_that_has_ended_no_data_is_held(
    service: ComparisonService, tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(plan: Plan, *_: object, **__: object) -> None:
        try:
            raise ValueError(plan.seed)
        except ValueError as error:
            raise RunError("the run is damaged") from error

    held = []
    for seed, is_failing in ((1, False), (2, True)):
        made = plan(tiny_run, seed)
        held.append(weakref.ref(made))
        with monkeypatch.context() as patch:
            if is_failing:
                patch.setattr(comparisons, "carry_out", fail)
            service.start(made)
            service.wait(made.id, LIMIT_S)
        comparison_id = made.id
        del made
    found = service.progress(comparison_id)
    assert found is not None
    assert found.state == "failed"
    # Once it has made another one, the thread is done with these for sure.
    service.start(last := plan(tiny_run, 3))
    service.wait(last.id, LIMIT_S)
    gc.collect()
    assert [one() for one in held] == [None, None]
