from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, WebSocket, expect

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import prepare
from bert4rec.pipeline import train
from bert4rec.runs.folder import Run
from tests.e2e.conftest import Server, Visit, choose, settle
from tests.factories import ring_dataset, saved_dataset, small_settings

pytestmark = pytest.mark.browser

N_ITEMS = 20_000
MAX_SENT_BYTES = 1_500_000
SHOWS_UMAP = """() => {
    const map = document.querySelector('.js-plotly-plot');
    return map !== null && String(map.layout.uirevision).startsWith('umap');
}"""

POINTS = """() => {
    const map = document.querySelector('.js-plotly-plot'), box = map.getBoundingClientRect();
    const {xaxis, yaxis} = map._fullLayout, {x, y} = map._fullData[0];
    return Array.from(x, (each, at) => [box.x + xaxis._offset + xaxis.l2p(each),
                                        box.y + yaxis._offset + yaxis.l2p(y[at])]);
}"""
RINGS = """() => Array.from(document.querySelectorAll('.map-rings circle'), each => {
    const {x, y, width, height} = each.getBoundingClientRect();
    return [width, x + width / 2, y + height / 2];
})"""
IS_RINGED = f"""at => {{
    const [x, y] = ({POINTS})()[at];
    return ({RINGS})().some(each => Math.hypot(each[1] - x, each[2] - y) < 1.5);
}}"""
# The chart is as wide as its place, and its largest ring is at a point again.
IS_FITTED = f"""() => {{
    const map = document.querySelector('.js-plotly-plot');
    const [, x, y] = ({RINGS})().reduce((one, other) => one[0] < other[0] ? other : one);
    return Math.abs(map._fullLayout.width - map.clientWidth) < 2
        && ({POINTS})().some(each => Math.hypot(each[0] - x, each[1] - y) < 1.5);
}}"""

# Whether a film stands at the epoch of this number in it.
IS_AT_EPOCH = """number =>
    document.querySelector('.js-plotly-plot')._fullLayout.sliders[0].active === number - 1"""
# Whether the ring of the item in focus is around the point of this title, wherever that is drawn.
IS_AROUND = """title => {
    const middle = (each) => {
        const { x, y, width, height } = each.getBoundingClientRect();
        return [x + width / 2, y + height / 2];
    };
    const points = [...document.querySelectorAll('.scatterlayer .points path')];
    const [x, y] = middle(points.find((each) => each.__data__.tx === title));
    const [left, top] = middle([...document.querySelectorAll('.map-rings circle')].at(-1));
    return Math.hypot(left - x, top - y) < 1.5;
}"""
NAMES = """() => Array.from(document.querySelectorAll('.map-rings text'), each => {
    const {x, y, width, height} = each.getBoundingClientRect();
    return {text: each.textContent, kind: each.dataset.kind, box: [x, y, x + width, y + height]};
}).filter(each => each.box[2] > each.box[0])"""


def large_run(workspace: Path) -> Run:
    """A run whose map holds twice the points that are drawn."""
    chance = np.random.default_rng(0)
    order = chance.permutation(N_ITEMS) + 1
    made = SequenceDataset.from_sequences(list(order.reshape(-1, 10)), n_items=N_ITEMS, name="many")
    settings = small_settings(n_epochs=1, hidden_size=8, inner_size=16)
    return train(saved_dataset(workspace, made), settings, workspace=workspace)


def choose_all(page: Page, tool: str) -> None:
    """Draw around the whole map with one of its tools."""
    page.locator(f'.modebar-btn[data-title="{tool}"]').first.click()
    drawn = page.locator(".nsewdrag").first
    drawn.scroll_into_view_if_needed()
    area = drawn.bounding_box()
    assert area is not None
    left, top = area["x"] + 2, area["y"] + 2
    right, bottom = area["x"] + area["width"] - 2, area["y"] + area["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 4)):
        page.mouse.move(x, y, steps=12)
        if tool == "Box Select" and (x, y) == (right, bottom):
            break
    page.mouse.up()


def test_a_lasso_over_a_large_map_sends_little_and_holds_what_is_not_drawn(
    server: Server, page: Page
) -> None:
    run = large_run(server.workspace)
    sent: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda payload: sent.append(len(payload)))

    page.on("websocket", listen)
    for tool in ("Lasso Select", "Box Select"):
        # Anew for each: a corner of the first outline would be taken hold of by the second.
        page.goto(f"{server.url}/embeddings?run={run.id}&map=pca")
        expect(page.get_by_text("10,000 of 20,000")).to_be_visible()
        settle(page)
        sent.clear()
        choose_all(page, tool)
        heading = page.get_by_role("heading", name=re.compile(r"items? chosen"))
        expect(heading).to_be_visible()
        settle(page)
        n_chosen = int(heading.inner_text().split()[0].replace(",", ""))
        # More than is drawn: the others are tested against the outline by the server.
        assert n_chosen > 15_000
        assert 10_000 < max(sent) < MAX_SENT_BYTES
    expect(page.locator(".selectionlayer path")).not_to_have_count(0)
    page.get_by_role("button", name="Clear").click()
    expect(heading).to_be_hidden()
    expect(page.locator(".selectionlayer path")).to_have_count(0)
    settle(page)
    page.reload()
    expect(page.get_by_text("10,000 of 20,000")).to_be_visible()
    settle(page)
    choose_all(page, "Box Select")
    page.get_by_role("button", name="Recommend from these").click()
    expect(page).to_have_url(re.compile("recommend.*view=compose"))
    expect(page.get_by_text(re.compile("What the model put in: 6 items"))).to_be_visible()


def points_of(page: Page) -> list[list[float]]:
    """Where the points of the map lie on the screen."""
    return page.evaluate(POINTS)  # type: ignore[no-any-return]


def rings_with_sizes(page: Page) -> list[list[float]]:
    """The diameter of every ring, and its middle on the screen."""
    return page.evaluate(RINGS)  # type: ignore[no-any-return]


def expect_ringed(page: Page, at: int) -> None:
    """Wait until a point has a ring."""
    page.wait_for_function(IS_RINGED, arg=at)


def test_a_click_rings_an_item_on_the_map_as_it_stands_and_the_rings_move_with_it(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset(n_items=40, n_users=40))
    run = train(dataset, small_settings(n_epochs=1), workspace=server.workspace)
    page.goto(f"{server.url}/embeddings?run={run.id}&map=pca")
    page.locator(".nsewdrag").first.wait_for()
    settle(page)
    page.evaluate("document.querySelector('.js-plotly-plot').isTheSame = true")
    page.mouse.click(*points_of(page)[7])
    # The item itself and its ten neighbours.
    expect(page.locator(".map-rings circle")).to_have_count(11)
    expect_ringed(page, 7)
    area = page.locator(".nsewdrag").first.bounding_box()
    assert area is not None
    middle = (area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 30, steps=5)
    before = points_of(page)[7]
    page.mouse.up()
    settle(page)
    moved = points_of(page)[7]
    assert moved == pytest.approx(before, abs=1.5)
    expect_ringed(page, 7)
    assert page.evaluate("document.querySelector('.js-plotly-plot').isTheSame")
    # Another item has other rings, and those before are gone.
    # Not at once: plotly would take it for the second one of a double click.
    page.wait_for_timeout(500)
    page.mouse.click(*points_of(page)[23])
    expect_ringed(page, 23)
    expect(page.locator(".map-rings circle")).to_have_count(11)
    # Another map in its place is ringed too.
    page.get_by_role("radio", name="UMAP").or_(page.get_by_text("UMAP", exact=True)).first.click()
    page.wait_for_function(SHOWS_UMAP)
    settle(page)
    expect_ringed(page, 23)


def test_two_visitors_ask_for_a_map_at_once_and_both_get_theirs(
    server: Server, visit: Visit
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset(n_items=400, n_users=400))
    settings = small_settings(n_epochs=1)
    runs = [train(dataset, settings, workspace=server.workspace, name=name) for name in "ab"]
    pages = [visit() for _ in runs]
    for page, run in zip(pages, runs, strict=True):
        page.goto(f"{server.url}/embeddings?run={run.id}&map=umap")
    for page in pages:
        # Until its UMAP is there, each sees PCA.
        page.wait_for_function(SHOWS_UMAP)
        settle(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert server.process is not None
    assert server.process.poll() is None


def named_run(workspace: Path) -> Run:
    """A run of forty items with titles, in two groups."""
    items = pd.DataFrame({"item_id": [f"i{at}" for at in range(1, 41)]})
    items["title"] = [f"Title {at}" for at in range(1, 41)]
    items["genre"] = [("calm", "wild")[at % 2] for at in range(40)]
    log = pd.DataFrame(
        {"user": f"u{user}", "item": f"i{(user + step) % 40 + 1}", "time": step}
        for user in range(40)
        for step in range(8)
    )
    dataset = prepare(log, items=items, name="ring", workspace=workspace)
    return train(dataset, small_settings(n_epochs=1), workspace=workspace)


def test_groups_and_the_item_in_focus_are_named_and_no_name_lies_over_another(
    server: Server, page: Page
) -> None:
    run = named_run(server.workspace)
    page.goto(f"{server.url}/embeddings?run={run.id}&map=pca&item=i7")
    expect(page.locator(".map-rings circle")).to_have_count(11)
    settle(page)
    names = page.evaluate(NAMES)
    assert [name["text"] for name in names if name["kind"] == "focus"] == ["Title 7"]
    assert {name["text"] for name in names if name["kind"] == "group"} <= {"calm", "wild"}
    assert 2 <= len(names) <= 8
    for one, other in combinations([name["box"] for name in names], 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


def test_no_name_lies_over_the_bar_of_colours(server: Server, visit: Visit) -> None:
    run = named_run(server.workspace)
    page = visit(viewport={"width": 1024, "height": 900})
    page.goto(f"{server.url}/embeddings?run={run.id}&map=pca&colour=Popularity")
    bar = page.locator(".js-plotly-plot .colorbar .cbbg")
    expect(bar).to_have_count(1)
    settle(page)
    # The item at the right end of the map, whose name has most room on the bar's side.
    page.mouse.click(*max(page.evaluate(POINTS)))
    expect(page.locator(".map-rings circle")).to_have_count(11)
    settle(page)
    begin = bar.bounding_box()
    assert begin is not None
    names = page.evaluate(NAMES)
    assert [name["kind"] for name in names if name["kind"] == "focus"] == ["focus"]
    assert all(name["box"][2] <= begin["x"] for name in names)


def test_the_name_of_a_group_goes_and_comes_with_its_points(server: Server, page: Page) -> None:
    run = named_run(server.workspace)
    page.goto(f"{server.url}/embeddings?run={run.id}&map=pca&colour=genre")
    name = page.locator(".map-rings text", has_text="wild")
    expect(name).to_be_visible()
    settle(page)
    in_legend = page.locator(".legendtoggle").nth(1)
    in_legend.click()
    expect(name).to_be_hidden()
    in_legend.click()
    expect(name).to_be_visible()


def picture_of(page: Page) -> Image.Image:
    """What the camera of the map on a page saves."""
    page.locator(".js-plotly-plot").first.hover()
    with page.expect_download() as download:
        page.locator('.modebar-btn[data-title^="Download plot"]').first.click()
    return Image.open(download.value.path()).convert("L")


def expect_ringed_in(picture: Image.Image, page: Page) -> None:
    """Look for the ring of the item in focus: dark all around it, on a light ground."""
    chart = page.locator(".js-plotly-plot").first.bounding_box()
    assert chart is not None
    x, y = max(rings_with_sizes(page))[1:]
    middle, scale = (x - chart["x"], y - chart["y"]), picture.width / chart["width"]
    around = [
        picture.getpixel(
            tuple(round(scale * (at + 9 * turn)) for at, turn in zip(middle, turns, strict=True))
        )
        for turns in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    # A name may begin beside the ring, and another ring cross it.
    assert sorted(around)[2] < 100, around


def test_a_map_that_is_saved_has_the_rings_and_names_that_lie_over_it(
    server: Server, page: Page, tmp_path: Path
) -> None:
    run = named_run(server.workspace)
    page.goto(f"{server.url}/embeddings?run={run.id}&map=pca&item=i7")
    expect(page.locator(".map-rings circle")).to_have_count(11)
    settle(page)
    expect_ringed_in(picture_of(page), page)
    assert page.evaluate("document.querySelector('.js-plotly-plot').layout.images === undefined")
    with page.expect_download() as download:
        page.get_by_role("button", name="HTML").click()
    download.value.save_as(tmp_path / "map.html")
    names = {name["text"] for name in page.evaluate(NAMES) if name["kind"] == "focus"}
    page.goto((tmp_path / "map.html").as_uri())
    expect(page.locator(".map-rings circle")).to_have_count(11)
    # Nothing offers to send the map anywhere.
    expect(page.locator('.modebar-btn[data-title^="Share"]')).to_have_count(0)
    assert {name["text"] for name in page.evaluate(NAMES) if name["kind"] == "focus"} == names
    page.set_viewport_size({"width": 700, "height": 600})
    page.wait_for_function(IS_FITTED)
    expect_ringed_in(picture_of(page), page)


def test_an_outline_around_nothing_chooses_nothing_and_one_press_leads_back_from_what_was_chosen(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset(n_items=20, n_users=20))
    run = train(dataset, small_settings(n_epochs=1), workspace=server.workspace)
    page.goto(f"{server.url}/embeddings?run={run.id}&map=pca")
    page.wait_for_function("document.querySelector('.js-plotly-plot .nsewdrag')")
    settle(page)
    page.locator('.modebar-btn[data-title="Box Select"]').first.click()
    area = page.locator(".nsewdrag").first.bounding_box()
    assert area is not None

    def draw_box(first: float, end: tuple[float, float]) -> None:
        page.mouse.move(area["x"] + first, area["y"] + first)
        page.mouse.down()
        page.mouse.move(area["x"] + end[0], area["y"] + end[1], steps=8)
        page.mouse.up()
        settle(page)

    chosen = page.get_by_role("heading", name=re.compile("items chosen"))
    # Off its corners, of which the next box would take hold.
    draw_box(18, (area["width"] - 2, area["height"] - 2))
    expect(chosen).to_be_visible()
    settle(page)
    draw_box(1, (15, 15))
    expect(chosen).to_have_count(0)
    settle(page)
    draw_box(18, (area["width"] - 2, area["height"] - 2))
    expect(chosen).to_be_visible()
    settle(page)
    before, n_steps = page.url, page.evaluate("history.length")
    page.get_by_role("button", name="Recommend from these").click()
    expect(page.get_by_role("heading", name="What the model put in")).to_be_visible()
    settle(page)
    # Not one more on the map, under the address of what was made of its items.
    assert page.evaluate("history.length") == n_steps + 1
    page.go_back()
    expect(page.get_by_role("heading", name="Embeddings")).to_be_visible()
    settle(page)
    expect(page).to_have_url(before)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_epoch_of_a_film_is_not_below_the_tools_of_the_chart(
    server: Server, page: Page, width: int
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = train(dataset, small_settings(n_epochs=3), workspace=server.workspace)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server.url}/embeddings?run={run.id}&map=film")
    page.locator(".updatemenu-button").first.wait_for()
    settle(page)
    page.locator(".updatemenu-button").first.hover()
    epoch = page.locator(".slider-group text").filter(has_text="Epoch").bounding_box()
    tools = page.locator(".modebar").first.bounding_box()
    assert epoch is not None
    assert tools is not None
    assert epoch["y"] >= tools["y"] + tools["height"]


def test_an_item_is_followed_through_a_film_which_does_not_begin_anew(
    server: Server, page: Page
) -> None:
    dataset = saved_dataset(server.workspace, ring_dataset())
    run = train(dataset, small_settings(n_epochs=3), workspace=server.workspace)
    page.goto(f"{server.url}/embeddings?run={run.id}&map=film")
    rail = page.locator(".slider-rail-touch-rect").first
    rail.wait_for()
    settle(page)
    place = rail.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + place["width"] - 2, place["y"] + place["height"] / 2)
    page.wait_for_function(IS_AT_EPOCH, arg=3)
    choose(page.get_by_role("combobox", name="Find an item"), "7")
    expect(page.locator(".map-rings circle")).to_have_count(11)
    assert page.evaluate(IS_AT_EPOCH, 3)
    page.wait_for_function(IS_AROUND, arg="7")
    # All the way from the first epoch to the last.
    page.locator(".updatemenu-button").filter(has_text="Play").click()
    page.wait_for_function(IS_AT_EPOCH, arg=1)
    page.wait_for_function(IS_AT_EPOCH, arg=2)
    assert page.evaluate(IS_AROUND, "7")
    page.wait_for_function(IS_AT_EPOCH, arg=3)
    page.wait_for_function(IS_AROUND, arg="7")
