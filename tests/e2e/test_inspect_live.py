from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from bert4rec.runs.registry import list_runs
from tests.e2e.conftest import Server, settle
from tests.factories import ring_dataset, saved_dataset

pytestmark = pytest.mark.browser
LONG = "100000"


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_role("spinbutton", name=label)
    field.fill(value)
    field.press("Enter")
    settle(page)


def test_a_run_answers_about_itself_while_it_trains(server: Server, page: Page) -> None:
    saved_dataset(server.workspace, ring_dataset())
    page.goto(f"{server.url}/train")
    settle(page)
    fill(page, "Epochs", LONG)
    page.get_by_text("Evaluation · 2 set").click()
    settle(page)
    # It neither ends by itself nor waits long for its first checkpoint.
    fill(page, "Patience", "0")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("button", name="Stop and keep best")).to_be_visible()
    (run,) = list_runs(server.workspace)
    expect(page.get_by_text(re.compile(r"Epoch \d{2,}")).first).to_be_visible()
    page.goto(f"{server.url}/inspect?run={run.id}")
    expect(page.get_by_text("This run is training").first).to_be_visible()
    made = page.get_by_text(re.compile(r"Made while the run trains, at epoch \d+"))
    for tab, answer in {
        "How sure is it?": "The probabilities",
        "Does the future matter here?": "What the future adds, by",
    }.items():
        settle(page)
        page.get_by_role("tab", name=tab).click()
        settle(page)
        page.get_by_role("button", name="Ask its newest checkpoint").click()
        expect(made).to_be_visible()
        expect(page.get_by_text(answer).first).to_be_visible()
        # The training goes on, and says so.
        expect(page.get_by_role("button", name="Redo")).to_be_visible()
    assert run.status().state == "running"
