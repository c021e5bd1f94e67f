from __future__ import annotations

import re

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from bert4rec.data.collection import note_dataset
from bert4rec.data.prepare import prepare
from bert4rec.pipeline import train
from bert4rec.plain_text import WORD_JOINER, shortened
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from bert4rec.ui.data.split_chart import MAX_ROOMY_ID
from tests.e2e.conftest import Server, settle
from tests.factories import small_settings

pytestmark = pytest.mark.browser

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=/evil onerror=alert(1)>",
    "**bold** [x](javascript:alert(1))",
    "![x](/evil)",
    "$x^2$",
    ":material/delete:",
    ":red[x] :smile:",
    "a -> b -- c >= d",
    "&lt;b&gt;",
    "`code` ~~old~~ __new__ <b>b</b>",
]
NAME = "<img src=/evil onerror=alert(1)>"


def test_a_browser_shows_names_ids_and_notes_as_they_are_and_runs_nothing(
    server: Server, page: Page
) -> None:
    rows = [
        (user, HOSTILE[(place + step) % len(HOSTILE)], 60 * step)
        for place, user in enumerate([*HOSTILE, "a", "b"])
        for step in range(6)
    ]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    dataset = prepare(log, name=NAME, workspace=server.workspace)
    assert dataset.folder is not None
    note_dataset(server.workspace, dataset.folder.name, " ".join(HOSTILE))
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{server.url}/data")
    note = page.get_by_test_id("stCaptionContainer").filter(has_text="onerror")
    expect(note).to_be_visible()
    settle(page)
    # The icon before it is a text of its own.
    assert plain(note.inner_text()).removeprefix("sticky_note_2 ") == " ".join(HOSTILE)
    named = hovered(page)
    assert len(named) >= len(HOSTILE) // 2
    assert named <= {*HOSTILE}
    labels = page.get_by_test_id("stVegaLiteChart").last.locator(".role-axis-label text")
    # Twelve users are drawn, two of which have plain names; long ones are cut.
    assert {shortened(one, MAX_ROOMY_ID) for one in HOSTILE} <= {*labels.all_text_contents()}

    page.get_by_role("button", name="Delete").click()
    question = page.get_by_role("dialog").get_by_text("will be deleted")
    expect(question).to_be_visible()
    settle(page)
    assert plain(question.inner_text()).startswith(f"{NAME} will be deleted")
    assert page.locator("a[href^=javascript], svg a").count() == 0
    assert not dialogs
    assert [url for url in asked if "/evil" in url] == []


def test_the_button_of_a_table_writes_csv_that_starts_no_formula(
    server: Server, page: Page
) -> None:
    log = pd.DataFrame({"user_id": [*"aaabbb"], "item_id": [*"cdecde"], "timestamp": range(6)})
    dataset = prepare(log, name="=1+1", workspace=server.workspace)
    create_run(server.workspace, dataset, Policy("scoring_policy", small_settings()), name="@x")
    # A browser that asks where to put a file asks a person.
    page.add_init_script("delete window.showSaveFilePicker")
    page.goto(f"{server.url}/runs")
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    settle(page)
    table.hover()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download as CSV")).click()
    frame = pd.read_csv(download.value.path(), encoding="utf-8-sig")
    assert (frame["Run"][0], frame["Data"][0]) == (f"{WORD_JOINER}@x", f"{WORD_JOINER}=1+1")


def plain(text: str) -> str:
    return text.replace(WORD_JOINER, "")


def hovered(page: Page) -> set[str]:
    """Some of the titles that the picture of the split names where the mouse comes to rest."""
    charts = page.get_by_test_id("stVegaLiteChart")
    # Those above it move it down when they are drawn.
    expect(charts.locator("svg.marks")).to_have_count(3)
    chart = charts.last
    expect(chart.locator(".mark-symbol path").first).to_be_attached()
    settle(page)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    titles = page.locator("#vg-tooltip-element.visible tr").first.locator("td.value")
    found: set[str] = set()
    for down in range(40, int(box["height"]) - 60, 7):
        for across in range(60, int(box["width"]) - 4, 9):
            page.mouse.move(box["x"] + across, box["y"] + down)
            found.update(titles.all_text_contents())
        if len(found) >= len(HOSTILE) // 2:
            break
    return found


def test_inspect_shows_them_as_they_are_and_runs_nothing(server: Server, page: Page) -> None:
    rows = [
        (user, HOSTILE[(place + step) % len(HOSTILE)], 60 * step)
        for place, user in enumerate([*HOSTILE, *map(str, range(20))])
        for step in range(6)
    ]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    items = pd.DataFrame({"item_id": HOSTILE, "kind": [HOSTILE[at % 3] for at in range(10)]})
    dataset = prepare(log, items=items, name=NAME, workspace=server.workspace)
    run = train(dataset, small_settings(n_epochs=1), workspace=server.workspace, name=NAME)
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{server.url}/inspect?run={run.id}&mask=2")
    expect(page.get_by_text("What the model puts there")).to_be_visible()
    card = page.get_by_role("button", name=HOSTILE[0]).first
    expect(card).to_be_visible()
    settle(page)
    page.get_by_text("Show attention by layer and head").click()
    expect(page.get_by_text("Not an explanation.")).to_be_visible()
    settle(page)
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        hover_all(page, chart)
    page.get_by_role("tab", name="Does the future matter here?").click()
    settle(page)
    page.get_by_text("Kind", exact=True).click()
    settle(page)
    hover_all(page, page.get_by_test_id("stVegaLiteChart").last)
    page.get_by_role("button", name="Best and worst").click()
    expect(page.get_by_text("Mark a row to look into it.")).to_be_visible()
    settle(page)
    assert page.locator("a[href^=javascript], svg a").count() == 0
    assert not dialogs
    assert [url for url in asked if "/evil" in url] == []


def hover_all(page: Page, chart: Locator) -> None:
    """Rest with the mouse on a grid of points of a chart, so that whatever it names is drawn."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    for across in (0.3, 0.45, 0.6):
        for down in (0.15, 0.35, 0.55):
            page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
            page.wait_for_timeout(50)
