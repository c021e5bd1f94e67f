from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Server, settle
from tests.e2e.openid import CLIENT, SECRET, Provider

pytestmark = pytest.mark.browser

FILE = """
[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{metadata}"

[bert4rec]
allowed = ["@example.org"]
"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def guarded(tmp_path: Path, provider: Provider) -> Iterator[Server]:
    """A dashboard that asks its visitors to log in."""
    made = Server(tmp_path / "workspace", login=tmp_path / "login.toml")
    assert made.login is not None
    metadata = provider.metadata_url
    made.login.write_text(
        FILE.format(url=made.url, client=CLIENT, secret=SECRET, metadata=metadata), "utf-8"
    )
    made.start()
    yield made
    made.kill()


@pytest.mark.parametrize("path", ["", "data", "train", "runs"])
def test_nobody_sees_a_page_before_a_login(guarded: Server, page: Page, path: str) -> None:
    page.goto(f"{guarded.url}/{path}")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    settle(page)
    assert page.get_by_test_id("stSidebarContent").count() == 0
    assert page.get_by_role("link", name="Train").count() == 0
    expect(page.get_by_role("heading")).to_have_text(["BERT4Rec"])


def test_a_login_that_failed_is_told_at_the_door_and_can_be_tried_again(
    guarded: Server, page: Page
) -> None:
    page.goto(f"{guarded.url}/oauth2callback?code=forged&state=forged")
    expect(page.get_by_text("The login failed")).to_be_visible()
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text(re.compile("^ann@"))).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    settle(page)
    assert page.get_by_text("The login failed").count() == 0


def test_whoever_is_allowed_logs_in_uses_the_dashboard_and_logs_out(
    guarded: Server, page: Page
) -> None:
    page.goto(guarded.url)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text(re.compile("^ann@"))).to_be_visible()
    page.get_by_role("link", name="Data").first.click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(f"{guarded.url}/data")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_after_a_login_one_stands_on_the_page_and_address_that_a_link_named(
    guarded: Server, page: Page
) -> None:
    linked = f"{guarded.url}/data?a=1%2C2&b=caf%C3%A9"
    page.goto(linked)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    expect(page).to_have_url(linked)


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "2", "email": "eve@example.com"},
        {"sub": "3", "email": "eve@example.org", "email_verified": False},
        {"sub": "4"},
    ],
)
def test_whoever_is_not_allowed_is_told_so_and_sees_nothing(
    guarded: Server, provider: Provider, page: Page, person: dict[str, object]
) -> None:
    provider.person = person
    page.goto(guarded.url)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("is not let in here")).to_be_visible()
    settle(page)
    assert page.get_by_role("link", name="Train").count() == 0
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_file_that_is_damaged_later_on_opens_no_door(guarded: Server, page: Page) -> None:
    assert guarded.login is not None
    guarded.login.write_text("[auth", "utf-8")
    page.goto(guarded.url)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
