from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.collection import rename_dataset
from bert4rec.data.prepare import prepare
from bert4rec.jobs import JobService
from bert4rec.json_files import read_json, write_json
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.label import rename_run
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.trash import trash_run
from bert4rec.ui import state
from bert4rec.view.markdown import escape
from tests.factories import ring_dataset, small_settings
from tests.reading import shown_cells, texts
from tests.waiting import LIMIT_S

APP = Path(__file__).resolve().parents[2] / "app.py"
PAGES = ("home", "data", "train", "runs", "inspect", "embeddings")
NASTY = "*Star* [x](http://e.org) :smile:"


def open_home(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=LIMIT_S)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


@pytest.fixture
def run(workspace: Path) -> Run:
    """A queued run on a small dataset; no process works on it."""
    log = pd.DataFrame({"user": list("aaaabbbb"), "item": list("wxyzzyxw")})
    dataset = prepare(log, name=NASTY, workspace=workspace)
    return create_run(workspace, dataset, Policy(settings=small_settings()), name=NASTY)


@pytest.fixture
def service(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobService]:
    """A job service whose runs last until the test is over."""
    over = threading.Event()
    made = JobService(workspace, runner=lambda run, control: over.wait(LIMIT_S) and None)
    monkeypatch.setattr(state, "job_service", lambda: made)
    yield made
    over.set()
    assert made.wait(lambda: not made.active(), LIMIT_S)


@pytest.mark.usefixtures("workspace")
def test_an_empty_workspace_says_what_will_appear_and_offers_the_demo() -> None:
    app = open_home()
    assert [button.label for button in app.button] == ["Start the demo"]
    assert "will be listed here" in texts(app)
    assert texts(app).count("to do") == 2
    assert texts(app).count("not yet") == 1
    assert not app.dataframe


def test_the_demo_prepares_the_sample_and_submits_a_run(
    workspace: Path, service: JobService
) -> None:
    app = open_home()
    app.button[0].click().run(timeout=LIMIT_S)
    assert not app.exception
    (run,) = list_runs(workspace)
    assert service.active() == [run.id]
    assert app.session_state[state.RUN_KEY] == run.id
    assert app.query_params["run"] == run.id
    assert run.dataset().manifest["simulated"] is True


def test_a_running_run_is_shown_with_its_progress(run: Run) -> None:
    run.set_status(state="running", epoch=1, n_epochs=4, step=5, n_steps=20, trained_s=61.0)
    app = open_home()
    assert "Under way" in texts(app)
    assert app.progress[0].value == 25
    assert app.progress[0].text == "1 of at most 4 epochs done, 1 min 1 s of training"


def test_while_the_first_run_trains_no_step_after_it_is_done(run: Run) -> None:
    run.set_status(state="running", epoch=1, n_epochs=4, best_score=0.1)
    badges = [text.value for text in open_home().markdown if text.value.startswith("####")]
    assert [badge.rpartition("[")[2] for badge in badges] == ["done]", "running]", "ready]"]


def test_before_the_first_validation_there_is_nothing_to_explore(run: Run) -> None:
    run.set_status(state="running", n_epochs=4)
    badges = [text.value for text in open_home().markdown if text.value.startswith("####")]
    assert [badge.rpartition("[")[2] for badge in badges] == ["done]", "running]", "not yet]"]


def test_a_paused_run_is_still_shown(run: Run) -> None:
    run.set_status(state="paused", epoch=1, n_epochs=4, step=5, n_steps=20)
    assert "Under way" in texts(open_home())


def waiting(run: Run, n_runs: int) -> None:
    """Put newer runs on the same data into the queue."""
    for number in range(n_runs):
        create_run(run.workspace, run.dataset(), run.policy(), name=f"waiting {number}")


def test_what_trains_is_shown_however_many_runs_wait_behind_it(run: Run) -> None:
    run.set_status(state="running", epoch=1, n_epochs=4)
    waiting(run, 24)
    app = open_home()
    labels = [button.label for button in app.button]
    assert labels[1:11] == ["Watch it live", *["Show"] * 9]
    assert "And 15 more, which the Runs page lists." in texts(app)
    assert len(app.dataframe[0].value) == 10
    assert any("Running" in text.value for text in app.sidebar.markdown)


def test_beside_a_page_a_run_is_paused_before_it_has_noticed_as_on_its_own_page(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.set_status(state="running", epoch=1, n_epochs=4)
    monkeypatch.setattr(JobService, "position", lambda service, run_id: 0)
    monkeypatch.setattr(JobService, "active", lambda service: [run.id])
    for is_paused, word in ((True, "Paused"), (False, "Running")):
        monkeypatch.setattr(JobService, "is_paused", lambda service, run_id, it=is_paused: it)
        assert any(word in text.value for text in open_home().sidebar.markdown)


def test_a_discarded_run_is_in_use_no_longer_though_it_has_not_ended_yet(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = create_run(run.workspace, run.dataset(), run.policy(), name="under way")
    newer.set_status(state="running")
    monkeypatch.setattr(JobService, "position", lambda service, run_id: 0)
    for active, name in (([newer.id], "under way"), ([], run.name)):
        monkeypatch.setattr(JobService, "active", lambda service, it=active: it)
        assert f"**{escape(name)}**" in [text.value for text in open_home().sidebar.markdown]


def test_the_steps_know_of_runs_older_than_the_recent_ones(run: Run) -> None:
    run.set_status(state="finished", best_score=0.5)
    write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.4}})
    waiting(run, 12)
    badges = [text.value for text in open_home().markdown if text.value.startswith("####")]
    assert [badge.rpartition("[")[2] for badge in badges] == ["done]", "done]", "ready]"]


def test_a_marked_run_stays_the_one_that_is_opened_when_newer_ones_come(run: Run) -> None:
    app = open_home()
    app.session_state["home_chosen"] = run.id
    waiting(run, 1)
    app.run()
    assert app.dataframe[0].value["Run"].tolist() == ["waiting 0", NASTY]
    assert "Open **\\*Star\\*" in texts(app)
    next(button for button in app.button if button.key == "open_train").click().run()
    assert app.query_params["run"] == run.id


def test_a_finished_run_is_done_with_its_figures(run: Run) -> None:
    run.set_status(state="finished", best_score=0.5, trained_s=30.0)
    write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.4}})
    app = open_home()
    assert "Under way" not in texts(app)
    assert "0.4000 on the test items" in texts(app)
    row = app.dataframe[0].value.iloc[0]
    assert row["State"] == "✓ Finished"
    assert row["Best"] == pytest.approx(0.5)
    assert row["Time"] == pytest.approx(30.0)


def test_of_a_long_name_a_sign_tells_that_it_was_cut_and_that_of_its_data_is_whole(
    run: Run, workspace: Path
) -> None:
    name, data = "dropout and momentum " * 3 + "moved downwards", "listens of the last spring, new"
    rename_run(run.folder, name)
    rename_dataset(workspace, Path(run.config()["dataset"]["folder"]).name, data)
    frame = open_home().dataframe[0]
    assert list(frame.value["Run"]) == [name]
    (shown,) = shown_cells(frame, "Run")
    assert "…" in shown
    assert (shown[:5], shown[-5:]) == (name[:5], name[-5:])
    assert shown_cells(frame, "Data") == [data]
    # A column without a width is as wide as its cells.
    assert "width" not in json.loads(frame.proto.columns).get("Data", {})


def test_a_finished_run_is_evaluated_from_its_row_and_from_the_third_step(run: Run) -> None:
    run.set_status(state="finished", best_score=0.5, trained_s=30.0)
    write_json(run.folder / "summary.json", {"test": {"ndcg@10": 0.4}})
    app = open_home()
    assert "Evaluate" in [link.proto.label for link in app.get("page_link")]
    app.session_state["home_chosen"] = run.id
    waiting(run, 1)
    app.run()
    next(button for button in app.button if button.key == "open_evaluate").click().run()
    assert app.session_state["run_id"] == run.id
    assert app.title[0].value == "Evaluate"


def test_a_run_without_a_process_is_shown_as_interrupted(run: Run) -> None:
    run.set_status(state="running")
    path = run.folder / "status.json"
    write_json(path, read_json(path) | {"pid": 2**22 + 1})
    app = open_home()
    assert app.dataframe[0].value.iloc[0]["State"] == "▲ Interrupted"


def test_a_damaged_run_is_a_row_and_not_a_crash(run: Run) -> None:
    (run.folder / "config.json").write_text("{")
    app = open_home()
    assert app.dataframe[0].value.iloc[0]["State"] == "? Unreadable"


def test_names_from_elsewhere_are_never_markdown(run: Run) -> None:
    run.set_status(state="running")
    shown = texts(open_home())
    assert "\\*Star\\*" in shown
    assert "*Star* [x](http://e.org)" not in shown


def test_a_link_to_a_run_chooses_it(run: Run) -> None:
    run.set_status(state="finished")
    app = open_home(run=run.id)
    assert app.session_state[state.RUN_KEY] == run.id
    assert app.session_state[state.DATASET_KEY] == run.config()["dataset"]["folder"]


@pytest.mark.parametrize("linked", ["nothing", "../../etc", ".hidden"])
@pytest.mark.usefixtures("workspace")
def test_a_link_to_no_run_is_an_error_in_words(linked: str) -> None:
    app = open_home(run=linked)
    (error,) = app.error
    assert "The address names no run that is here" in error.value
    assert "Choose one below" in error.value
    assert "run" not in app.query_params


def test_a_link_to_a_deleted_run_says_that_it_can_be_restored(run: Run) -> None:
    run.set_status(state="finished")
    trash_run(run.workspace, run.id)
    app = open_home(run=run.id)
    (error,) = app.error
    assert "The run of this address was deleted" in error.value
    assert "restore it on the Runs page" in error.value
    assert "run" not in app.query_params


def test_a_link_to_no_run_leaves_nothing_of_itself_to_another_run(run: Run) -> None:
    folder = run.config()["dataset"]["folder"]
    app = open_home(run="20200101T000000-gone", user="nobody", mask="3", data=folder)
    assert len(app.error) == 1
    assert not {"user", "mask"} & set(app.query_params)
    assert app.session_state[state.DATASET_KEY] == folder


def test_a_damaged_run_hides_neither_the_page_nor_the_other_runs(workspace: Path) -> None:
    whole, damaged = (
        train(ring_dataset(), small_settings(n_epochs=1), workspace=workspace, name=name)
        for name in ("whole", "damaged")
    )
    (damaged.folder / "status.json").write_text("")
    app = open_home(run=damaged.id)
    assert app.title[0].value == "BERT4Rec"
    assert app.error
    shown = " ".join(element.value for element in app.sidebar.markdown)
    assert whole.name in shown


def open_page(page: str, **query: str) -> AppTest:
    app = open_home(**query)
    if page != "home":
        app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["config.json", "status.json"])
@pytest.mark.parametrize("text", ["", "[]", '{"format_version": 1}'])
def test_no_page_falls_with_a_damaged_run(run: Run, page: str, name: str, text: str) -> None:
    (run.folder / name).write_text(text)
    assert open_page(page, run=run.id).title


@pytest.mark.parametrize("page", PAGES)
def test_no_page_falls_with_a_damaged_dataset(run: Run, page: str) -> None:
    folder = run.workspace / "datasets" / run.config()["dataset"]["folder"]
    write_json(folder / "manifest.json", {"format_version": 1, "counts": None})
    assert open_page(page).title
