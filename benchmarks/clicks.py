"""Seconds from a click until the page is drawn, with a model of ML-1M (hidden size 64, window 50).

`hide` hides one more item of a user's sequence on Inspect, which fills the gaps from past, future
and both; `neighbours` clicks an item of the map of Embeddings, which rings it and lists what is
near. Nothing trains meanwhile, but the browser has the same processors. The log is `ml-1m.txt`, see
`quality`.

Environment variables: BENCH_ML1M (its path), BENCH_REPEATS (15 clicks of each kind).
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.quality import LOG
from bert4rec.data.prepare import prepare
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings
from tests.e2e.conftest import BROWSER_ARGUMENTS, Server

# Resolves with the milliseconds from the event until the app has run again and is drawn.
DRAWN_AGAIN = """event => new Promise(done => {
    const app = document.querySelector('[data-testid=stApp]');
    let began = null, hasRun = false;
    document.addEventListener(event, () => { began ??= performance.now(); },
        {capture: true, once: true});
    const look = () => {
        const isRunning = app.dataset.testScriptState !== 'notRunning';
        hasRun ||= began !== null && isRunning;
        if (hasRun && !isRunning)
            requestAnimationFrame(() => done(performance.now() - began));
        else requestAnimationFrame(look);
    };
    look();
})"""
# Where on the screen some points of the first map are drawn.
POINTS = """n => {
    const map = document.querySelector('.js-plotly-plot'), box = map.getBoundingClientRect();
    const {xaxis, yaxis} = map._fullLayout, found = [];
    const {x, y} = map._fullData.reduce((a, b) => a.x.length > b.x.length ? a : b);
    const step = Math.max(1, Math.floor(x.length / n));
    for (let at = 0; at < x.length && found.length < n; at += step)
        found.push([box.x + xaxis._offset + xaxis.l2p(x[at]),
                    box.y + yaxis._offset + yaxis.l2p(y[at])]);
    return found;
}"""
Row = dict[str, Any]


def measure_clicks() -> list[Row]:
    """Return a row for each kind of click."""
    path = Path(os.environ.get("BENCH_ML1M", LOG))
    if not path.is_file():
        raise SystemExit(f"ml-1m.txt is not at {path}; say where it is with BENCH_ML1M")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "workspace")
        dataset = prepare(path, workspace=server.workspace)
        settings = parse_settings(PRESETS["quick"].values | {"n_epochs": 1})
        run = train(dataset, settings, workspace=server.workspace, name="clicked")
        server.start()
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        try:
            return [row(name, list(of(page, server.url, run.id))) for name, of in KINDS.items()]
        finally:
            browser.close()
            server.kill()


def row(name: str, found_ms: list[float]) -> Row:
    """Return median and spread; the first click loads what the others have."""
    later = found_ms[1:]
    return {
        "click": name,
        "median ms": round(statistics.median(later)),
        "first ms": round(found_ms[0]),
        "spread": f"{min(later):.0f} to {max(later):.0f}",
        "clicks": len(later),
    }


def n_clicks() -> int:
    """Return how often to click, the first time included."""
    return int(os.environ.get("BENCH_REPEATS", 15)) + 1


def timed(page: Page, click: Callable[[], None], event: str = "click") -> float:
    """Return the milliseconds from a click until the page is drawn."""
    page.evaluate(f"event => {{ window.drawnAgain = ({DRAWN_AGAIN})(event); }}", event)
    click()
    found: float = page.evaluate("window.drawnAgain")
    # As a person would, not before the page has come to rest.
    time.sleep(0.5)
    return found


def hide(page: Page, url: str, run: str) -> Iterator[float]:
    """Hide and show items of a long history."""
    page.goto(f"{url}/inspect?run={run}")
    cards = page.locator("[class*=st-key-inspect_card_] button:visible")
    cards.nth(n_clicks()).wait_for()
    settle(page)
    for number in range(n_clicks()):
        yield timed(page, cards.nth(number).click)


def neighbours(page: Page, url: str, run: str) -> Iterator[float]:
    """Click items of the map."""
    page.goto(f"{url}/embeddings?run={run}&map=pca")
    drawn = page.locator(".js-plotly-plot .nsewdrag").first
    drawn.wait_for()
    settle(page)
    for number in range(n_clicks()):
        drawn.scroll_into_view_if_needed()
        points = page.evaluate(POINTS, 2 * n_clicks())
        x, y = points[2 * number]
        page.mouse.move(x, y)
        time.sleep(0.3)
        yield timed(page, lambda x=x, y=y: page.mouse.click(x, y), "mouseup")


def settle(page: Page) -> None:
    """Wait until nothing is drawn any more."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    time.sleep(1.5)


KINDS: dict[str, Callable[[Page, str, str], Iterator[float]]] = {
    "hide": hide,
    "neighbours": neighbours,
}
