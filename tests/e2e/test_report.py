"""The report in a real browser: opened from a file, without network, on screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bert4rec.report.page import write_report
from bert4rec.runs.folder import Run
from tests.e2e.conftest import Server, Visit
from tests.e2e.test_hostile_titles import HOSTILE
from tests.e2e.test_recommend import trained

pytestmark = pytest.mark.browser

LONG = "long " * 2000
TITLES = [*HOSTILE, LONG, "x" * 10_000, "\u202eright to left", "\u05e9\u05dc\u05d5\u05dd"]
NAME = "<img src=http://evil.example/x onerror=alert(1)>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on two runs on hostile titles."""
    from bert4rec.pipeline import train
    from tests.factories import small_settings

    folder = tmp_path_factory.mktemp("report")
    run = trained(folder / "workspace", TITLES)
    settings = small_settings(n_epochs=2, mask_rate=0.4)
    other = train(run.dataset(), settings, workspace=run.workspace, name=NAME)
    path = folder / "report.html"
    write_report([run, other], path)
    return path


@pytest.fixture
def opened(visit: Visit, report: Path) -> Iterator[Page]:
    """The report, opened from its file where every other request is a failure."""
    page = visit(offline=True)
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert not troubles


@pytest.mark.parametrize("width", [1280, 800, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_network_and_fits_the_screen(
    opened: Page, width: int, scheme: str
) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    opened.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    expect(opened.get_by_role("heading", name="How it was made")).to_be_visible()
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    lightness = opened.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)[0]"
    )
    assert (lightness > 200) == (scheme == "light")
    assert opened.locator("script, img, iframe, a[href^=javascript]").count() == 0
    shown = opened.locator("bdi").all_text_contents()
    assert {*HOSTILE} & {*shown}
    assert NAME[:30] in " ".join(shown)
    # Whatever is drawn has a size, and no text of a chart leaves it.
    for box in opened.evaluate(BOXES):
        assert box["width"] > 100
        assert box["over"] <= 1, box
    assert not opened.evaluate(CUT_ROWS)


# How far the text of each chart reaches beyond its edges.
BOXES = """() => [...document.querySelectorAll("svg.chart")].map(svg => {
  const edge = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll("text")].map(t => t.getBoundingClientRect());
  // The names on a map are not there on a telephone.
  const texts = boxes.filter(box => box.width > 0);
  const over = Math.max(0, ...texts.map(t => Math.max(edge.left - t.left, t.right - edge.right)));
  return {width: edge.width, over, name: svg.getAttribute("aria-label")};
})"""

# Rows of charts whose text leaves their card, or whose one word is on two lines.
CUT_ROWS = """() => [...document.querySelectorAll(".row")].filter(row => {
  const text = row.querySelector(".row-text"), label = row.querySelector(".row-label bdi");
  if (!text) return false;
  const card = row.closest(".card").getBoundingClientRect();
  const isShort = !/[\\s-]/.test(label.textContent) && label.textContent.length < 15;
  return text.getBoundingClientRect().right > card.right
    || (isShort && label.getClientRects().length > 1);
}).map(row => row.textContent)"""


def test_on_paper_it_is_light_whole_and_cuts_no_chart(opened: Page) -> None:
    opened.emulate_media(media="print", color_scheme="dark")
    back = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == "rgb(255, 255, 255)"
    assert opened.get_by_role("navigation").count() == 0
    uncut = opened.evaluate(
        "[...document.querySelectorAll('figure')].map(f => getComputedStyle(f).breakInside)"
    )
    assert set(uncut) == {"avoid"}
    # What is folded on a screen stands on paper.
    folded = opened.locator("details pre").first
    assert folded.evaluate("e => e.getBoundingClientRect().height") > 100
    content = opened.pdf(prefer_css_page_size=True)
    pages = re.findall(rb"/Type\s*/Page\b", content)
    assert 6 <= len(pages) <= 20
    sizes = {
        tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", content)
    }
    assert {(round(right), round(top)) for *_, right, top in sizes} == {(595, 842)}


def test_a_click_on_the_runs_page_downloads_it(server: Server, page: Page) -> None:
    run: Run = trained(server.workspace, [f"Title {at}" for at in range(14)])
    page.goto(f"{server.url}/runs?compare={run.id}")
    button = page.get_by_role("button", name="Report", exact=True)
    expect(button).to_be_visible()
    with page.expect_download() as download:
        button.click()
        expect(page.get_by_text("will be among your downloads")).to_be_visible()
    expect(page).to_have_title("Runs · BERT4Rec")
    assert download.value.suggested_filename == f"{run.id}-report.html"
    text = Path(download.value.path()).read_text("utf-8")
    assert run.name in text
    assert text.endswith("</html>")
