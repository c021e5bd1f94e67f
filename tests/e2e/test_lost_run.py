from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from bert4rec.pipeline import train
from bert4rec.runs.trash import restore_run, trash_run
from tests.e2e.conftest import Server, open_page, settle
from tests.factories import ring_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser


def test_a_run_deleted_elsewhere_is_said_to_be_gone_and_its_link_finds_it_once_restored(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    lost, _ = (
        train(dataset, small_settings(n_epochs=1), workspace=server.workspace, name=name)
        for name in ("lost", "left")
    )
    page.goto(f"{server.url}/system?run={lost.id}")
    sidebar = page.get_by_test_id("stSidebarContent")
    expect(sidebar.get_by_text("lost", exact=True)).to_be_visible()
    settle(page)
    trash_run(server.workspace, lost.id)
    open_page(page, "Home")
    expect(page.get_by_text("The run in use is no longer here")).to_be_visible()
    expect(sidebar.get_by_text("left", exact=True)).to_be_visible()
    settle(page)
    expect(page).not_to_have_url(re.compile(lost.id))
    # Said once.
    open_page(page, "Data")
    expect(page).to_have_title("Data · BERT4Rec")
    settle(page)
    expect(page.get_by_text("The run in use is no longer here")).to_be_hidden()
    restore_run(server.workspace, lost.id)
    page.goto(f"{server.url}/system?run={lost.id}")
    expect(sidebar.get_by_text("lost", exact=True)).to_be_visible()


def test_the_state_of_a_run_is_told_on_a_page_that_does_not_watch_it(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = train(dataset, small_settings(n_epochs=1), workspace=server.workspace)
    # As a page sees it that another process trains.
    run.set_status(state="running")
    page.goto(f"{server.url}/system?run={run.id}")
    sidebar = page.get_by_test_id("stSidebarContent")
    expect(sidebar).to_contain_text("Running")
    run.set_status(state="finished")
    expect(sidebar).to_contain_text("Finished")
