from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from tests.e2e.conftest import Server, open_page, settle
from tests.factories import ring_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser


def test_a_group_of_settings_stays_open_while_they_are_changed(server: Server, page: Page) -> None:
    saved_dataset(server.workspace, ring_dataset())
    page.goto(f"{server.url}/train")
    # The heading counts what is given, so a change makes it another one.
    page.get_by_text("Machine", exact=True).click()
    threads = page.get_by_role("spinbutton", name="CPU threads")
    threads.fill("1")
    threads.press("Enter")
    expect(page.get_by_text("Machine · 1 set")).to_be_visible()
    settle(page)
    expect(threads).to_be_visible()
    page.get_by_text("Machine · 1 set").click()
    expect(threads).to_be_hidden()


def test_the_address_names_no_run_while_the_form_of_a_new_one_is_shown(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = create_run(server.workspace, dataset, Policy(settings=small_settings()), name="old")
    run.set_status(state="stopped")
    named, bare = re.compile(rf"\?run={run.id}$"), re.compile(r"/train$")
    page.goto(f"{server.url}/train?run={run.id}")
    page.get_by_role("button", name="New run").click()
    expect(page).to_have_url(bare)
    epochs = page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("0")
    epochs.press("Enter")
    expect(page.get_by_text("should be a whole number").first).to_be_visible()
    # What is wrong is no part of the label that a screen reader reads.
    expect(epochs).to_be_visible()
    expect(page).to_have_url(bare)
    page.go_back()
    expect(page.get_by_role("button", name="New run")).to_be_visible()
    expect(page).to_have_url(named)
    page.get_by_role("button", name="New run").click()
    expect(page).to_have_url(bare)
    settle(page)
    # Elsewhere it is the run in use.
    open_page(page, "Home")
    expect(page).to_have_url(named)
