"""Where a name has no room a browser still tells the whole of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from bert4rec.data.prepare import prepare
from bert4rec.policy import Policy
from bert4rec.runs.registry import create_run
from tests.e2e.conftest import Server, settle
from tests.factories import random_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser
LONG = "playlists, half as wide as the usual one, with all of its dropout kept for good"
PHONE = {"width": 390, "height": 900}


def place_of(what: Locator) -> FloatRect:
    place = what.bounding_box()
    assert place is not None
    return place


def two_runs(server: Server) -> list[str]:
    dataset = saved_dataset(server.workspace, random_dataset([5, 6, 7, 8]))
    found = []
    for name in ("short", LONG):
        run = create_run(
            server.workspace, dataset, Policy("embedding_policy", small_settings()), name=name
        )
        run.set_status(state="finished", best_score=0.25, epoch=3, trained_s=9.0)
        for epoch in (1, 2, 3):
            at = {"epoch": epoch, "step": epoch}
            run.journal.append({"event": "train", "loss": 3.0 / epoch, **at})
            score = {"ndcg@10": epoch / 12}
            run.journal.append({"event": "valid", "metrics": score, "is_best": True, **at})
        found.append(run.id)
    return found


def test_a_legend_follows_its_title_and_tells_the_whole_name_that_one_points_at(
    server: Server, page: Page
) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{server.url}/runs?compare={','.join(two_runs(server))}")
    chart = page.get_by_test_id("stVegaLiteChart").first
    names = chart.locator(".role-legend-label text")
    expect(names).to_have_count(2)
    settle(page)
    title = place_of(page.get_by_text("on the validation items", exact=False).last)
    assert place_of(names.first)["y"] - (title["y"] + title["height"]) < 28
    assert LONG not in names.last.inner_html()
    names.last.hover(position={"x": 40, "y": 6}, force=True)
    expect(page.locator("#vg-tooltip-element")).to_have_text(LONG)
    # A name is no button: nothing pales.
    names.last.click(position={"x": 40, "y": 6}, force=True)
    for name in names.all():
        expect(name).to_have_css("opacity", "1")


def test_the_box_of_a_cell_that_is_clicked_twice_lies_within_a_phone(
    server: Server, page: Page
) -> None:
    two_runs(server)
    page.set_viewport_size(PHONE)
    page.goto(f"{server.url}/runs")
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    settle(page)
    # The newest run stands in the first row, beside its box.
    table.locator("canvas").first.dblclick(position={"x": 120, "y": 60}, force=True)
    box = page.locator("[id^=gdg-overlay-]")
    expect(box).to_contain_text(LONG)
    expect(box).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_dialog_what_a_row_is_of_stays_on_the_ground_of_the_dialog(
    scheme: str, server: Server, page: Page
) -> None:
    for n in (5, 6):
        log = server.workspace.parent / f"a-log-of-listens-with-a-long-name-{n}.csv"
        lines = [f"u{at % n},i{at % 4},{at}" for at in range(60)]
        log.write_text("\n".join(["user,item,timestamp", *lines]))
        prepare(log, workspace=server.workspace)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(f"{server.url}/data")
    page.get_by_role("button", name="More").first.click()
    page.get_by_text("Compare", exact=False).last.click()
    table = page.get_by_role("dialog").locator(".reading-table")
    first = table.locator("td").first
    expect(first).to_have_text("Log")
    settle(page)
    # Wider than it can be, as values without a place to break them make it.
    table.locator("table").evaluate("table => { table.style.width = '900px'; }")
    before = place_of(first)["x"]
    table.evaluate("all => { all.scrollLeft = 200; }")
    assert place_of(first)["x"] == pytest.approx(before, abs=1)
    grounds = first.evaluate(
        """cell => {
            const dialog = cell.closest('[role=dialog]');
            const paint = document.createElement('canvas').getContext('2d');
            const shown = (colour) => {
                paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
                return [...paint.getImageData(0, 0, 1, 1).data];
            };
            return [getComputedStyle(cell).backgroundColor,
                getComputedStyle(dialog.parentElement).backgroundColor].map(shown);
        }"""
    )
    assert grounds[0][3] == 255
    assert max(abs(a - b) for a, b in zip(*grounds, strict=True)) <= 6
