from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from bert4rec.presets import PRESETS
from tests.waiting import LIMIT_MS, LIMIT_S

DEMO_EPOCHS = int(PRESETS["quick"].values["n_epochs"])
expect.set_options(timeout=LIMIT_MS)
Visit = Callable[..., Page]
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running dashboard with an empty workspace."""
    made = Server(tmp_path / "workspace")
    made.start()
    yield made
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
        return context.new_page()

    yield visitor
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    """A fresh visitor."""
    return visit()


def settle(page: Page) -> None:
    """Wait until the page has drawn all that the last action changed."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")


def open_page(page: Page, title: str) -> None:
    """Go to a page by the menu."""
    page.get_by_role("link", name=title).first.click()


def wait_for_epoch(page: Page, at_least: int) -> None:
    """Wait until the page shows a run in that epoch or a later one: a fast run skips some."""
    wanted = "|".join(str(epoch) for epoch in range(at_least, DEMO_EPOCHS + 1))
    shown = page.get_by_text(re.compile(rf"Epoch ({wanted}) of {DEMO_EPOCHS}\b")).first
    expect(shown).to_be_visible()
