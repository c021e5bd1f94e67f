"""What a browser shows of a dataset: descriptions of charts alone cannot tell."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from bert4rec.data.prepare import prepare
from bert4rec.data.samples import prepare_sample
from tests.e2e.conftest import Server, settle

pytestmark = pytest.mark.browser


def test_every_chart_of_a_dataset_has_its_marks(server: Server, page: Page) -> None:
    troubles: list[str] = []
    page.on(
        "console",
        lambda message: (
            troubles.append(message.text)
            if message.text.startswith(("ERROR", "WARN Conflicting"))
            else None
        ),
    )
    prepare_sample("playlists", server.workspace)
    page.goto(f"{server.url}/data")
    expect(page.get_by_text("Interactions over time", exact=True)).to_be_visible()
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts.locator("svg")).to_have_count(4)
    settle(page)
    lengths, popularity, over_time, split = (chart.locator("svg").first for chart in charts.all())
    # The drawing of a chart is there before its marks are.
    expect(lengths.locator(".mark-rect path")).to_have_count(28 - 12 + 1)
    expect(over_time.locator(".mark-rect path")).to_have_count(60)
    for bar in over_time.locator(".mark-rect path").all():
        box = bar.bounding_box()
        assert box is not None
        assert box["height"] > 10
    expect(popularity.locator(".mark-line path")).to_have_count(2)
    expect(split.locator(".mark-symbol path").nth(100)).to_be_attached()
    assert not troubles


@pytest.mark.parametrize("width", [360, 390, 420])
def test_the_legend_of_a_narrow_split_is_not_cut_off(
    width: int, server: Server, page: Page
) -> None:
    prepare_sample("playlists", server.workspace)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server.url}/data")
    expect(page.get_by_text("Interactions over time", exact=True)).to_be_visible()
    settle(page)
    split = page.get_by_test_id("stVegaLiteChart").last.locator("svg").first
    names = split.locator(".role-legend-label text")
    expect(names).to_have_text(["Training", "Validation", "Test"])
    chart = split.bounding_box()
    assert chart is not None
    for name in names.all():
        box = name.bounding_box()
        assert box is not None
        assert chart["y"] <= box["y"]
        assert box["x"] + box["width"] <= chart["x"] + chart["width"]


def test_ids_in_the_chart_of_a_split_are_whole_where_there_is_room(
    server: Server, page: Page
) -> None:
    ids = [f"{at:08}-1111-4444-8888-0123456789ab" for at in range(20)]
    log = pd.DataFrame({"user": [ids[at % 20] for at in range(120)]})
    prepare(log.assign(item=[f"t{at % 11}" for at in range(120)]), workspace=server.workspace)
    for width, is_whole in ((1440, True), (390, False)):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{server.url}/data")
        split = page.get_by_test_id("stVegaLiteChart").last.locator("svg").first
        names = split.locator(".role-axis-label text").filter(has_text="-1111")
        expect(names).to_have_count(12)
        settle(page)
        assert all((name in ids) == is_whole for name in names.all_text_contents())
        title = split.locator(".role-axis-title text").filter(has_text="User")
        outermost = min(place_of(name)["x"] for name in names.all())
        box = place_of(title)
        assert box["x"] + box["width"] <= outermost
        assert place_of(split)["x"] <= box["x"]


@pytest.mark.parametrize(("width", "in_a_row"), [(1440, 6), (1024, 3), (390, 2)])
def test_no_figure_of_a_dataset_stands_alone_and_long_ids_take_one_line(
    width: int, in_a_row: int, server: Server, page: Page
) -> None:
    long = "a-very-long-name-of-a-person-who-listens"
    log = pd.DataFrame({"user": [f"{long}-{at % 30}@example.org" for at in range(180)]})
    moments = [1_700_000_000 + 100_000 * at for at in range(180)]
    log = log.assign(item=[f"t{at % 11}" for at in range(180)], timestamp=moments)
    prepare(log, name="long", workspace=server.workspace)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server.url}/data")
    figures = page.get_by_test_id("stMetric")
    expect(figures).to_have_count(6)
    settle(page)
    tops = Counter(round(place_of(figure)["y"]) for figure in figures.all())
    assert set(tops.values()) == {in_a_row}
    ids = page.locator(".reading-table td.id")
    expect(ids).to_have_count(8)
    assert ids.first.get_attribute("title") == f"{long}-0@example.org"
    lines = ids.evaluate_all(
        "cells => cells.map(cell => { const all = document.createRange();"
        "all.selectNodeContents(cell);"
        "return new Set([...all.getClientRects()].map(each => Math.round(each.top))).size })"
    )
    assert set(lines) == {1}


def place_of(what: Locator) -> FloatRect:
    place = what.bounding_box()
    assert place is not None
    return place


def test_a_prepared_dataset_is_shown_from_its_top(server: Server, page: Page) -> None:
    log = "user_id,item_id,timestamp\n" + "".join(
        f"u{user},i{(user + step) % 9},{60 * step}\n" for user in range(30) for step in range(6)
    )
    page.goto(f"{server.url}/data")
    page.get_by_text("Upload", exact=True).first.click()
    settle(page)
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": "plays.csv", "mimeType": "text/csv", "buffer": log.encode()}
    )
    page.get_by_role("button", name="Prepare dataset").click()
    expect(page.get_by_text("Median length")).to_be_visible()
    settle(page)
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_in_viewport()
