from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.control import Control
from bert4rec.jobs import JobService
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run
from bert4rec.ui import state
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.train import live_run
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.reading import texts
from tests.waiting import LIMIT_S

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def may_end() -> threading.Event:
    """Cleared, it lets runs that were asked to end take their time."""
    made = threading.Event()
    made.set()
    return made


@pytest.fixture
def service(
    workspace: Path, may_end: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JobService]:
    """The dashboard's service, with runs that last until they are asked to end."""

    def last(run: Run, control: Control) -> None:
        run.set_status(state="running")
        while not control.is_stopped:
            never.wait(0.02)
        may_end.wait(LIMIT_S)
        run.set_status(state="stopped")

    never = threading.Event()
    made = JobService(workspace, last)
    monkeypatch.setattr(state, "_job_service", lambda _: made)
    yield made
    may_end.set()
    made.interrupt()
    assert made.wait(lambda: not made.active(), LIMIT_S)


@pytest.fixture
def runs(workspace: Path, service: JobService) -> list[Run]:
    dataset = saved_dataset(workspace, ring_dataset(n_users=40))
    made = [
        create_run(workspace, dataset, Policy("scoring_policy", small_settings()), name=name)
        for name in ("now", "*second*", "third")
    ]
    for run in made:
        service.submit(run)
    return made


@pytest.fixture
def open_train(workspace: Path) -> Callable[[], AppTest]:
    def open_page() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
        return app.run().switch_page("pages/train.py").run()

    return open_page


def test_the_queue_is_shown_and_reordered_by_its_buttons(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    app = open_train()
    assert not app.exception
    assert "1 training, 2 waiting" in texts(app)
    assert r"\*second\* · ring" in texts(app)
    assert app.button(key=f"queue_up_{runs[1].id}").disabled
    app.button(key=f"queue_first_{runs[2].id}").click().run()
    assert [service.position(run.id) for run in runs] == [0, 2, 1]
    app.button(key=f"queue_up_{runs[1].id}").click().run()
    assert [service.position(run.id) for run in runs] == [0, 1, 2]


def test_a_paused_run_is_not_counted_as_training(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    service.pause(runs[0].id)
    app = open_train()
    assert "1 paused, 2 waiting" in texts(app)
    assert "training" not in texts(app).partition("waiting")[0]
    assert "Paused on CPU" in texts(app)


def test_a_run_is_taken_out_of_the_queue_and_a_lone_one_has_no_queue(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    app = open_train()
    for run in runs[1:]:
        app.button(key=f"queue_out_{run.id}").click().run()
        assert run.status().state == "stopped"
    assert not app.exception
    assert service.active() == [runs[0].id]
    assert "Queue" not in texts(app)


def test_a_press_that_comes_too_late_is_told(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    app = open_train()
    service.stop(runs[0].id)
    assert service.wait(lambda: service.position(runs[1].id) == 0, LIMIT_S)
    app.button(key=f"queue_out_{runs[1].id}").click().run()
    assert "does not wait in the queue" in texts(app)
    assert service.position(runs[1].id) == 0
    assert not service.is_stopping(runs[1].id)


def test_to_leave_the_queue_comes_too_late_for_a_run_that_has_begun(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    app = open_train()
    app.button(key=f"queue_show_{runs[1].id}").click().run()
    service.stop(runs[0].id)
    assert service.wait(lambda: service.position(runs[1].id) == 0, LIMIT_S)
    app.button(key=f"take_out_{runs[1].id}").click().run()
    assert not app.exception
    assert "does not wait in the queue" in texts(app)
    assert not service.is_stopping(runs[1].id)


def test_a_refusal_is_still_told_where_the_run_changes_while_the_page_is_drawn(
    service: JobService,
    runs: list[Run],
    open_train: Callable[[], AppTest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, drawn = open_train(), list[str]()

    def draw_watched(*_: object, **__: object) -> None:
        drawn.append("the page")
        if len(drawn) == 1:
            draw_anew()

    app.button(key=f"queue_show_{runs[1].id}").click().run()
    service.stop(runs[0].id)
    assert service.wait(lambda: service.position(runs[1].id) == 0, LIMIT_S)
    monkeypatch.setattr(live_run, "draw_watched", draw_watched)
    app.button(key=f"take_out_{runs[1].id}").click().run()
    assert len(drawn) > 1
    assert "does not wait in the queue" in texts(app)
    app.run()
    assert "does not wait in the queue" not in texts(app)


def test_a_run_that_was_stopped_here_and_taken_up_elsewhere_can_be_steered_again(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    app, run = open_train(), runs[0]
    app.button(key=f"stop_{run.id}").click().run()
    assert service.wait(lambda: service.position(run.id) is None, LIMIT_S)
    for other in runs[1:]:
        service.stop(other.id)
    assert service.wait(lambda: not service.active(), LIMIT_S)
    service.submit(run)
    app.run()
    assert not app.button(key=f"stop_{run.id}").disabled
    assert not app.button(key=f"pause_{run.id}").disabled


def test_a_run_is_shown_to_stop_also_to_those_who_did_not_ask_for_it(
    runs: list[Run], open_train: Callable[[], AppTest], may_end: threading.Event
) -> None:
    asks, looks = open_train(), open_train()
    may_end.clear()
    asks.button(key=f"stop_{runs[0].id}").click().run()
    looks.run()
    for app in (asks, looks):
        assert app.button(key=f"stop_{runs[0].id}").disabled
        assert app.button(key=f"pause_{runs[0].id}").disabled


def test_a_waiting_run_whose_folder_is_gone_hides_no_other_and_can_be_taken_out(
    service: JobService, runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    shutil.rmtree(runs[1].folder)
    app = open_train()
    assert not app.exception
    assert not app.error
    assert "its folder cannot be read" in texts(app)
    assert not app.button(key=f"stop_{runs[0].id}").disabled
    app.button(key=f"queue_out_{runs[1].id}").click().run()
    assert not app.exception
    assert [place.run for place in service.queue()] == [runs[0], runs[2]]


def test_a_run_of_the_queue_is_shown_at_a_press(
    runs: list[Run], open_train: Callable[[], AppTest]
) -> None:
    app = open_train()
    app.button(key=f"queue_show_{runs[2].id}").click().run()
    assert not app.exception
    assert app.session_state["run_id"] == runs[2].id
    assert "third" in [heading.value for heading in app.subheader]
