"""What a visitor of another machine gets from the dashboard itself, without a proxy before it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server

pytestmark = pytest.mark.browser

SCRIPT = re.compile(r"/static/js/index\..*\.js$")


@pytest.mark.parametrize(("address", "packing"), [("192.0.2.1", "gzip"), ("", None)])
def test_scripts_come_packed_to_a_browser_elsewhere_which_draws_the_page(
    server: Server, page: Page, address: str, packing: str | None
) -> None:
    if address:
        # As a proxy on this machine says for whom it asks.
        page.set_extra_http_headers({"X-Forwarded-For": address})
    with page.expect_response(SCRIPT) as found:
        page.goto(f"{server.url}/data")
    assert found.value.header_value("content-encoding") == packing
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
