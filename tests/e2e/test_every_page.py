"""Every page, empty, full and with damaged files, in light and dark, wide and narrow (F12)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from bert4rec.pipeline import train
from bert4rec.runs.registry import list_runs
from tests.e2e.conftest import Server, Visit, open_page, settle
from tests.factories import ring_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser

PATHS = ["", *"data train search runs evaluate inspect recommend embeddings system".split()]
Scheme = Literal["light", "dark"]
# A page that is wider than its window has to be dragged about to be read.
IS_TOO_WIDE = """() => {
    const main = document.querySelector('[data-testid=stMain]');
    return main.scrollWidth > main.clientWidth + 1;
}"""


def fill(workspace: Path) -> None:
    dataset = saved_dataset(workspace, ring_dataset(n_items=40, n_users=40))
    for name in ("first", "second"):
        train(dataset, small_settings(n_epochs=2), workspace=workspace, name=name)


def damage(workspace: Path) -> None:
    """Cut every JSON file of what is there in half, as a full disk might have done."""
    fill(workspace)
    for path in workspace.rglob("*.json"):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])


STATES: dict[str, Callable[[Path], object]] = {
    "empty": lambda _: None,
    "full": fill,
    "damaged": damage,
}


def look_at(page: Page, server: Server, path: str, failures: list[str]) -> None:
    page.goto(f"{server.url}/{path}")
    expect(page.get_by_role("heading").first).to_be_visible()
    settle(page)
    if page.get_by_test_id("stException").count():
        failures.append(f"{path}: an error that nobody expected")
    if page.evaluate(IS_TOO_WIDE):
        failures.append(f"{path}: wider than its window")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_every_page_is_drawn_whole(
    server: Server, visit: Visit, state: str, scheme: Scheme, width: int
) -> None:
    STATES[state](server.workspace)
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 1000})
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(f"{page.url}: {error}"))
    for path in PATHS:
        look_at(page, server, path, failures)
    assert not failures


@pytest.mark.parametrize("path", ["inspect", "recommend", "embeddings"])
def test_what_a_page_shows_comes_into_its_address_in_one_step_of_the_way_back(
    server: Server, page: Page, path: str
) -> None:
    fill(server.workspace)
    run = list_runs(server.workspace)[0]
    page.goto(f"{server.url}/{path}?run={run.id}")
    expect(page.get_by_role("heading", name=path.capitalize())).to_be_visible()
    page.wait_for_url("**&**")
    settle(page)
    # The empty page of a new tab, this one, and as it was asked for where it named itself before
    # its scripts were there.
    assert page.evaluate("history.length") in (2, 3)


@pytest.mark.parametrize("title", ["Inspect", "Recommend", "Embeddings"])
def test_one_step_back_leads_to_the_page_before(server: Server, page: Page, title: str) -> None:
    fill(server.workspace)
    page.goto(server.url)
    expect(page.get_by_role("heading", name="BERT4Rec", exact=True)).to_be_visible()
    settle(page)
    open_page(page, title)
    page.wait_for_url("**run=**")
    settle(page)
    # What is pressed is a step of its own.
    if title == "Inspect":
        before = page.url
        page.get_by_role("button", name="Random").click()
        # It draws another user, whom the address names as soon as there is a step to go back.
        page.wait_for_url(lambda url: url != before)
        settle(page)
        page.go_back()
        page.wait_for_url(before)
        settle(page)
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="BERT4Rec", exact=True)).to_be_visible()


def test_on_a_dark_phone_choices_have_all_their_sides_and_the_chosen_one_is_bright(
    server: Server, visit: Visit
) -> None:
    page = visit(color_scheme="dark", viewport={"width": 390, "height": 1000})
    page.goto(f"{server.url}/data")
    chosen = page.get_by_role("radio", name="Sample")
    expect(chosen).to_be_checked()
    settle(page)
    chosen.hover()
    expect(chosen).to_have_css("color", "rgb(86, 180, 233)")
    for name in ("Upload", "File on the server"):
        for side in ("left", "right"):
            beside = page.get_by_role("radio", name=name)
            expect(beside).to_have_css(f"border-{side}-color", "rgb(58, 67, 77)")
