from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server, settle
from tests.factories import ring_dataset, saved_dataset

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
