from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from bert4rec.data.prepare import prepare
from bert4rec.pipeline import train
from bert4rec.plain_text import WORD_JOINER
from bert4rec.runs.folder import Run
from tests.e2e.conftest import Server, Visit, bring_into_view, settle
from tests.e2e.test_hostile_titles import HOSTILE
from tests.factories import small_settings

pytestmark = pytest.mark.browser

N_ITEMS = 14


def trained(workspace: Path, titles: list[str], name: str = "ring") -> Run:
    """A run on histories around a ring, the items of which have these titles."""
    n_items = len(titles)
    rows = [
        (f"u{user}", f"t{(user + step) % n_items:02}", 60 * step)
        for user in range(12)
        for step in range(11)
    ]
    ids = [f"t{at:02}" for at in range(n_items)]
    authors = ["Ann", "Bo"] * (n_items // 2)
    items = pd.DataFrame({"item_id": ids, "title": titles, "author": authors})
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    dataset = prepare(log, items=items, name=name, workspace=workspace)
    return train(dataset, small_settings(n_epochs=1), workspace=workspace)


def cards(page: Page, n: int) -> list[str]:
    """What the cards of the strip say: place and title, then what is small, without its sign.

    The card in hand has none, and which one that is belongs to no link.
    """
    strip = [page.locator(f".st-key-compose_card_{at} button p").first for at in range(n)]
    for card in strip:
        expect(card).to_be_visible()
    return [re.sub(f"[●◆] |{WORD_JOINER}", "", card.inner_text()) for card in strip]


def title_of(card: str) -> str:
    return card.split("\n")[0].split(" · ", 1)[1]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()
    settle(page)


def test_a_sequence_is_composed_by_clicks_and_its_link_shows_it_to_others(
    server: Server, page: Page, visit: Visit
) -> None:
    run = trained(server.workspace, [f"Title {at}" for at in range(N_ITEMS)])
    page.goto(f"{server.url}/recommend?run={run.id}&view=compose")
    settle(page)
    # Three places of the first user are open.
    expect(page.get_by_text("11 places, 3 gaps")).to_be_visible()
    press(page, "Gap at the end")
    expect(page.get_by_text("12 places, 4 gaps")).to_be_visible()
    settle(page)
    page.get_by_text("Rules and dials").click()
    settle(page)
    page.get_by_role("slider", name="Novelty").press("ArrowRight")
    expect(page).to_have_url(re.compile("novelty=0.05"))
    settle(page)
    press(page, "Fill 4 gaps")
    expect(page.get_by_text("What the model put in: 4 items")).to_be_visible()
    press(page, "Exclude")
    expect(page).to_have_url(re.compile("exclude="))
    expect(page.get_by_text("Excluded: 1 item")).to_be_visible()
    settle(page)
    filled = cards(page, 12)
    assert len({*map(title_of, filled)}) == 12

    other = visit()
    other.goto(page.url)
    expect(other.get_by_text("What the model put in: 4 items")).to_be_visible()
    settle(other)
    assert cards(other, 12) == filled
    with other.expect_download() as download:
        other.get_by_role("button", name="JSON").click()
    document = json.loads(Path(download.value.path()).read_text("utf-8"))
    other.close()
    assert [place["title"] for place in document["places"]] == [*map(title_of, filled)]
    assert document["dials"]["novelty"] == 0.05

    # And it goes back: nothing of the other visitor is lost here.
    press(page, "Empty the gaps again")
    expect(page).not_to_have_url(re.compile("filled"))
    expect(page.get_by_text("12 places, 4 gaps")).to_be_visible()


def test_one_press_is_one_step_of_the_browsers_way_back(server: Server, page: Page) -> None:
    run = trained(server.workspace, [f"Title {at}" for at in range(N_ITEMS)])
    page.goto(f"{server.url}/recommend?run={run.id}&view=compose&places=1.0.3&novelty=0.5")
    expect(page.get_by_text("3 places, 1 gap")).to_be_visible()
    settle(page)
    n_steps = page.evaluate("history.length")
    page.get_by_text("For a user", exact=True).click()
    expect(page).to_have_url(re.compile("beside="))
    settle(page)
    assert page.evaluate("history.length") == n_steps + 1
    page.go_back()
    expect(page.get_by_text("3 places, 1 gap")).to_be_visible()
    expect(page).to_have_url(re.compile("novelty=0.5"))


@pytest.mark.parametrize("path", ["inspect", "recommend", "embeddings"])
def test_another_model_is_one_step_of_the_way_back_to_the_one_before(
    server: Server, page: Page, path: str
) -> None:
    other = trained(server.workspace, [f"Other {at}" for at in range(8)], "small")
    run = trained(server.workspace, [f"Title {at}" for at in range(N_ITEMS)])
    page.goto(f"{server.url}/{path}?run={run.id}&view=compose&places=12.0.13&mask=3&item=t13")
    page.wait_for_url("**&**")
    settle(page)
    before, n_steps = page.url, page.evaluate("history.length")
    model = page.get_by_role("combobox", name="Model")
    bring_into_view(model)
    model.click()
    page.keyboard.type("small")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"run={other.id}&"))
    settle(page)
    assert page.evaluate("history.length") == n_steps + 1
    page.go_back()
    expect(page).to_have_url(before)
    settle(page)
    expect(page).to_have_url(before)
    expect(page.get_by_text("does not fit")).to_have_count(0)


def test_hostile_titles_stay_text_in_lists_cards_and_reasons(server: Server, page: Page) -> None:
    titles = [*HOSTILE, "a", "b", "c", "d"]
    run = trained(server.workspace, titles)
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/recommend?run={run.id}&view=compose&places=1.2.3.4.5.6.0.8.9.10.0")
    press(page, "Fill 2 gaps")
    expect(page.get_by_text("What the model put in: 2 items")).to_be_visible()
    page.get_by_role("button", name="More").first.click()
    expect(page.get_by_text("Take another one instead")).to_be_visible()
    settle(page)
    names = {*map(title_of, cards(page, 11))}
    assert names <= {*titles}
    assert len(names & {*HOSTILE}) >= 6
    page.goto(f"{server.url}/recommend?run={run.id}&view=user&user=u3")
    expect(page.get_by_text("came next").first).to_be_visible()
    settle(page)
    assert page.locator("a[href^=javascript]").count() == 0
    assert not dialogs
    assert [url for url in asked if "/evil" in url] == []


def test_the_keyboard_stays_at_a_card_that_is_pressed(server: Server, page: Page) -> None:
    run = trained(server.workspace, [f"Song {at}" for at in range(N_ITEMS)])
    for address, card in (
        (f"inspect?run={run.id}", "inspect_card_2"),
        (f"recommend?run={run.id}&view=compose", "compose_card_2"),
    ):
        page.goto(f"{server.url}/{address}")
        button = page.locator(f".st-key-{card} button").first
        expect(button).to_have_attribute("data-testid", "stBaseButton-secondary")
        settle(page)
        button.press("Enter")
        expect(button).to_have_attribute("data-testid", "stBaseButton-primary")
        settle(page)
        expect(button).to_be_focused()
