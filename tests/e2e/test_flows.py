"""A run belongs to nobody's browser: it is left, found again, shared, and steered from anywhere."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bert4rec.control import RUNNER_NAMES
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.checkpoints import load_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, list_runs
from tests.e2e.conftest import Server, Visit, settle
from tests.ends import assert_equal_ends, curves_of
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EPOCHS = re.compile(r"Epoch [\d,]+ of")


@pytest.fixture(params=RUNNER_NAMES)
def any_server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """The dashboard with either runner."""
    monkeypatch.setenv("BERT4REC_RUNNER", request.param)
    made = Server(tmp_path / "workspace")
    made.start()
    yield made
    made.kill()


def waiting_run(workspace: Path, n_epochs: int) -> Run:
    """A small run that was taken out of the queue, so that the page can start it."""
    dataset = saved_dataset(workspace, ring_dataset(n_users=40))
    settings = small_settings(batch_size=8, n_epochs=n_epochs)
    run = create_run(workspace, dataset, Policy("scoring_policy", settings), name="small")
    run.set_status(state="stopped", message="taken out of the queue")
    return run


def start_endless(page: Page, server: Server) -> Run:
    """A run that trains for as long as a test may look at it."""
    run = waiting_run(server.workspace, 100_000)
    page.goto(f"{server.url}/train?run={run.id}")
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_text(EPOCHS).first).to_be_visible()
    return run


def test_a_run_goes_on_without_its_page_and_is_stopped_from_another_browser(
    any_server: Server, visit: Visit
) -> None:
    page = visit()
    run = start_endless(page, any_server)
    page.reload()
    expect(page.get_by_text(EPOCHS).first).to_be_visible()
    page.close()

    # Nobody looks; the journal grows all the same.
    n_lines, elsewhere = len(curves_of(run).train), visit()
    elsewhere.goto(f"{any_server.url}/train?run={run.id}")
    expect(elsewhere.get_by_role("heading", name="small")).to_be_visible()
    expect(elsewhere.get_by_text(EPOCHS).first).to_be_visible()
    wait_until(lambda: len(curves_of(run).train) > n_lines)
    assert curves_of(run).train[0]["step"] < 10
    expect(elsewhere.get_by_text("Training loss").first).to_be_visible()
    elsewhere.get_by_role("button", name="Stop and keep best").click()
    inspect = elsewhere.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    assert run.status().state == "stopped"
    assert run.checkpoint("best").exists()


def test_a_dashboard_that_is_ended_saves_its_run_which_resumes_to_the_same_numbers(
    any_server: Server, page: Page
) -> None:
    run = waiting_run(any_server.workspace, 100)
    page.goto(f"{any_server.url}/train?run={run.id}")
    page.get_by_role("button", name="Start again").click()
    # Not until a page shows it: by then the training may have ended.
    wait_until(lambda: bool(curves_of(run).train))
    process = any_server.process
    assert process is not None
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=LIMIT_S) == 0
    assert run.status().state == "interrupted"
    _, position = load_checkpoint(run.checkpoint("last"))
    assert 0 < curves_of(run).train[-1]["step"] <= position["step"] < 500

    any_server.start()
    page.goto(f"{any_server.url}/train?run={run.id}")
    page.get_by_role("button", name="Resume").click()
    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    whole = train(run.dataset(), run.hyperparameters(), workspace=any_server.workspace)
    assert_equal_ends(run, whole)


def test_the_form_of_another_run_changes_nothing_about_the_one_that_trains(
    server: Server, page: Page
) -> None:
    run = start_endless(page, server)
    before = run.config()
    page.get_by_role("button", name="New run").click()
    settle(page)
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("777")
    epochs.press("Enter")
    settle(page)
    page.goto(f"{server.url}/train?run={run.id}")
    expect(page.get_by_text(EPOCHS).first).to_be_visible()
    settle(page)
    page.get_by_text("Settings of this run").click()
    shown = page.get_by_test_id("stCode").first
    expect(shown).to_contain_text(f"n_epochs: {before['settings']['n_epochs']}")
    expect(shown).not_to_contain_text("777")
    assert run.config() == before


def test_two_visitors_who_press_start_are_queued_and_the_second_may_leave(
    server: Server, visit: Visit
) -> None:
    pages = [visit() for _ in range(2)]
    for page in pages:
        page.goto(server.url)
        expect(page.get_by_role("button", name="Start the demo")).to_be_visible()
    for page in pages:
        page.get_by_role("button", name="Start the demo").click()
    for page in pages:
        expect(page.get_by_text("Queue").first).to_be_visible()
        expect(page.get_by_text("1 training, 1 waiting")).to_be_visible()
    second, first = list_runs(server.workspace)
    # The queue knows which run has its turn before that run's process says so itself.
    wait_until(lambda: "running" in (first.status().state, second.status().state))
    states = {run.id: run.status().state for run in (first, second)}
    assert sorted(states.values()) == ["queued", "running"]
    waiting = next(run for run in (first, second) if states[run.id] == "queued")
    pages[0].get_by_role("button", name="Take out", exact=True).click()
    for page in pages:
        expect(page.get_by_text(re.compile("1 training, 1 waiting"))).to_have_count(0)
    wait_until(lambda: waiting.status().state == "stopped")
