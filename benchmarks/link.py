"""Seconds and bytes of a first visit over a slow link, as sent to others and to this machine.

A browser that has nothing yet opens a page by its address, at 4 Mbit/s each way and 40 ms a round.
To other machines the dashboard packs scripts and styles (`PackedAssets`); to this one it sends them
as Streamlit has them. Nothing trains meanwhile, but the browser has the same processors.

Environment variables: BENCH_KBIT (of the link), BENCH_REPEATS (3 visits of each kind).
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bert4rec.data.samples import prepare_sample
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings
from tests.e2e.conftest import BROWSER_ARGUMENTS, Server

ROUND_MS = 40
MOST_KBIT = 1_000_000
LIMIT_MS = 600_000
# Pages, and what is there once they are drawn.
SIGNS = {
    "": "[data-testid=stMain] h1",
    "train": "[data-testid=stNumberInput]",
    "embeddings": ".js-plotly-plot .main-svg",
}
# Whom the request is for, as a proxy on this machine would say.
VISITORS: dict[str, dict[str, str]] = {
    "this machine": {},
    "another machine": {"X-Forwarded-For": "192.0.2.1"},
}
Row = dict[str, Any]


def measure_link() -> list[Row]:
    """Return a row for each page and kind of visitor."""
    kbit = int(os.environ.get("BENCH_KBIT", "4000"))
    n_visits = int(os.environ.get("BENCH_REPEATS", "3"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "workspace")
        dataset = prepare_sample("playlists", server.workspace)
        settings = parse_settings(PRESETS["quick"].values | {"n_epochs": 3})
        train(dataset, settings, workspace=server.workspace)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        server.start()
        try:
            # The first visitor of all waits for what the server itself loads.
            for page in SIGNS:
                visit(browser, server, page, "this machine", MOST_KBIT)
            return [
                measured(browser, server, page, visitor, kbit, n_visits)
                for page in SIGNS
                for visitor in VISITORS
            ]
        finally:
            server.kill()
            browser.close()


def measured(
    browser: Browser, server: Server, page: str, visitor: str, kbit: int, n_visits: int
) -> Row:
    """Return what some visits took."""
    visits = [visit(browser, server, page, visitor, kbit) for _ in range(n_visits)]
    seconds, n_bytes = map(statistics.median, zip(*visits, strict=True))
    return {
        "page": page or "home",
        "sent to": visitor,
        "kbit/s": kbit,
        "s": round(seconds, 1),
        "MB": round(n_bytes / 1e6, 2),
        "visits": n_visits,
    }


def visit(
    browser: Browser, server: Server, page: str, visitor: str, kbit: int
) -> tuple[float, float]:
    """Return the seconds until a page is drawn in a browser that is new to it, and its bytes."""
    context = browser.new_context(extra_http_headers=VISITORS[visitor])
    tab = context.new_page()
    session = context.new_cdp_session(tab)
    session.send("Network.enable")
    link = dict.fromkeys(("downloadThroughput", "uploadThroughput"), kbit * 125)
    link |= {"offline": False, "latency": ROUND_MS}
    session.send("Network.emulateNetworkConditions", link)
    sizes: list[float] = []
    session.on("Network.dataReceived", lambda told: sizes.append(told["encodedDataLength"]))
    began = time.perf_counter()
    tab.goto(f"{server.url}/{page}", wait_until="commit", timeout=LIMIT_MS)
    tab.locator(SIGNS[page]).first.wait_for(timeout=LIMIT_MS)
    seconds = time.perf_counter() - began
    context.close()
    return seconds, sum(sizes)
