from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Server, Visit, choose, open_page, settle

pytestmark = pytest.mark.browser

LOG = "reader,lender,book,read_at\n" + "".join(
    f"r{n % 20},l{n % 7},b{n % 9},{1_700_000_000 + 60 * n}\n" for n in range(200)
)


def fill(field: Locator, value: str) -> None:
    field.fill(value)
    field.press("Enter")
    settle(field.page)


def test_what_is_filled_in_for_an_upload_outlives_a_reload_and_is_no_step_of_the_way_back(
    server: Server, page: Page, visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "books.csv"
    path.write_text(LOG)
    page.goto(server.url)
    expect(page.get_by_role("heading", name="BERT4Rec", exact=True)).to_be_visible()
    settle(page)
    open_page(page, "Data")
    page.get_by_role("radio", name="Upload").click()
    settle(page)
    page.locator("input[type=file]").first.set_input_files(path)
    user = page.get_by_role("combobox", name=re.compile("User column"))
    expect(user).to_be_visible()
    settle(page)
    choose(user, "lender")
    choose(page.get_by_role("combobox", name=re.compile("Item column")), "book")
    fill(page.get_by_role("spinbutton", name="Shortest history"), "4")
    fill(page.get_by_label("Name of the dataset"), "of lenders")
    expect(page).to_have_url(re.compile("name=of"))
    settle(page)
    page.reload()
    other = visit()
    other.goto(page.url)
    for each in (page, other):
        expect(each.get_by_label("Name of the dataset")).to_have_value("of lenders")
        expect(each.get_by_role("spinbutton", name="Shortest history")).to_have_value("4")
        settle(each)
        chosen = each.get_by_role("combobox", name=re.compile("User column"))
        expect(chosen).to_have_value("lender")
    page.go_back()
    expect(page.get_by_role("heading", name="BERT4Rec", exact=True)).to_be_visible()
