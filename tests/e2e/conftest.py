from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from bert4rec.presets import PRESETS
from tests.e2e.traffic import is_at_rest, watch
from tests.waiting import LIMIT_MS, LIMIT_S

DEMO_EPOCHS = int(PRESETS["quick"].values["n_epochs"])
expect.set_options(timeout=LIMIT_MS)
Visit = Callable[..., Page]
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
N_PORTS = 1_000
HAS_BEGUN = re.compile("^(?!initial$)")
# What came last is on the screen with the next frame but one. Charts are drawn by libraries that
# are loaded when the first one is met, long after the server has said all.
IS_DRAWN = """async () => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame(); await frame();
    const are = (kind, drawn) => [...document.querySelectorAll(`[data-testid=${kind}]`)]
        .filter(each => each.offsetParent !== null).every(each => each.querySelector(drawn));
    return !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton]')
        && are('stVegaLiteChart', '.marks > *') && are('stPlotlyChart', '.main-svg > *')
        && document.fonts.status === 'loaded';
}"""


class Server:
    """The dashboard in a process of its own, started as a person would."""

    def __init__(self, workspace: Path, login: Path | None = None) -> None:
        self.workspace = workspace
        self.login = login
        self.port = _free_port()
        self.log = workspace.parent / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("bert4rec")), "app", "--no-browser"]
        command += ["--port", str(self.port), "--workspace", str(self.workspace)]
        if self.login is not None:
            command += ["--login", str(self.login)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ, start_new_session=True
            )
        self._wait_until_healthy()

    def _wait_until_healthy(self) -> None:
        assert self.process is not None
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            if self._is_healthy():
                return
            try:
                self.process.wait(timeout=0.3)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(f"the server did not start:\n{self.log.read_text('utf-8')}")

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=LIMIT_S)


def _free_port() -> int:
    """Return a port that stays free for a server that is killed and started again.

    It is none that a connection is given by itself, and none of another worker.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 20_000 + N_PORTS * (worker % 12)
    for port in random.sample(range(first, first + N_PORTS), N_PORTS):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("all ports are taken")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running dashboard with an empty workspace."""
    made = Server(tmp_path / "workspace")
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Makes a fresh visitor, of the browser's options where any are given."""
    contexts: list[BrowserContext] = []

    def visitor(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
        contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        return watch(context.new_page())

    yield visitor
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    """A fresh visitor."""
    return visit()


def settle(page: Page) -> None:
    """Wait until the page has drawn all that the last action changed."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", HAS_BEGUN)
    # Between a press and the server's first word the page says that nothing goes on.
    limit = time.monotonic() + LIMIT_S
    while not is_at_rest(page):
        assert time.monotonic() < limit, "the page did not come to rest"
        page.wait_for_timeout(20)
    page.wait_for_function(IS_DRAWN)


def bring_into_view(place: Locator) -> None:
    """Scroll to a place, as one does before a press: a list that is open closes with a scroll."""
    place.scroll_into_view_if_needed()
    place.page.wait_for_function(IS_DRAWN)


def choose(box: Locator, name: str) -> None:
    """Choose an entry of a select box by its whole name."""
    bring_into_view(box)
    box.click()
    box.fill(name)
    box.page.get_by_role("option", name=name, exact=True).click()
    settle(box.page)


def open_page(page: Page, title: str) -> None:
    """Go to a page by the menu."""
    page.get_by_role("link", name=title).first.click()


def wait_for_epoch(page: Page, at_least: int) -> None:
    """Wait until the page shows a run in that epoch or a later one: a fast run skips some."""
    wanted = "|".join(str(epoch) for epoch in range(at_least, DEMO_EPOCHS + 1))
    shown = page.get_by_text(re.compile(rf"Epoch ({wanted}) of {DEMO_EPOCHS}\b")).first
    expect(shown).to_be_visible()
