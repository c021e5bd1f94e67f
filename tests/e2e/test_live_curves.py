from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from bert4rec.pipeline import train
from bert4rec.ui.train.small_curves import DARK, LIGHT
from tests.e2e.conftest import Server, settle, wait_for_epoch
from tests.factories import ring_dataset, small_settings

pytestmark = pytest.mark.browser
LOSS_CHART = 1
EPOCH_TICKS = """
    at => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')[at]
        ?.querySelectorAll('.role-axis-label')[0]?.querySelectorAll('text') ?? []]
        .map(each => each.textContent)
"""
IS_ZOOMED = f"""
    at => {{
        const ticks = ({EPOCH_TICKS})(at);
        return ticks.length > 0 && !ticks.includes('0');
    }}
"""
# Whether the first small chart has a colour.
IS_DRAWN_IN = """
    colour => atob(document.querySelector('.small-curves img')?.src.split(',')[1] ?? '')
        .includes(colour)
"""


def zoom_in(page: Page, chart: int) -> None:
    """Zoom along the epochs, at three quarters of the width, with Ctrl and the wheel."""
    drawing = page.get_by_test_id("stVegaLiteChart").nth(chart).locator("svg").first
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.4 * box["height"])
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.mouse.move(5, 5)


def expect_ticks(page: Page, ticks: list[str]) -> None:
    """Wait until the epochs stand so below the chart: it may just be drawn anew."""
    script = f"([at, ticks]) => String(({EPOCH_TICKS})(at)) === String(ticks)"
    page.wait_for_function(script, arg=[LOSS_CHART, ticks])


def test_a_zoom_stays_while_points_come_in(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Start the demo").click()
    wait_for_epoch(page, 4)
    expect(page.get_by_test_id("stVegaLiteChart").nth(LOSS_CHART)).to_be_visible()
    page.wait_for_function(f"at => ({EPOCH_TICKS})(at).includes('0')", arg=LOSS_CHART)
    settle(page)
    zoom_in(page, LOSS_CHART)
    page.wait_for_function(IS_ZOOMED, arg=LOSS_CHART)
    page.wait_for_timeout(1_500)
    zoomed = page.evaluate(EPOCH_TICKS, LOSS_CHART)
    assert "0" not in zoomed
    wait_for_epoch(page, 7)
    expect_ticks(page, zoomed)
    # Another look at the curves is no reason to lose the place either.
    page.get_by_text("Log scale", exact=True).click()
    settle(page)
    page.wait_for_timeout(1_500)
    expect_ticks(page, zoomed)


def test_small_charts_of_a_run_that_has_ended_follow_a_switch_of_the_theme(
    server: Server, page: Page
) -> None:
    run = train(ring_dataset(), small_settings(), workspace=server.workspace)
    page.emulate_media(color_scheme="light")
    page.goto(f"{server.url}/train?run={run.id}")
    page.wait_for_function(IS_DRAWN_IN, arg=LIGHT[0])
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(IS_DRAWN_IN, arg=DARK[0])
