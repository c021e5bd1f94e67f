from __future__ import annotations

import re
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from playwright.sync_api import Page, expect

from bert4rec.data.collection import list_datasets
from tests.e2e.conftest import Server, settle

pytestmark = pytest.mark.browser

N_ROWS, MB = 5_000_000, 2**20
# What a server keeps that has read a log once: libraries that were loaded, and pools of theirs.
MAX_KEPT_BYTES = 300 * MB
# The upload itself lies in memory until it is spooled; reading has a limit of its own.
MAX_PEAK_BYTES = 600 * MB


def large_log(path: Path) -> int:
    """Write a log of a hundred megabytes; return its size."""
    chance = np.random.default_rng(0)
    columns = {
        "user_id": chance.integers(40_000, size=N_ROWS),
        "item_id": chance.integers(5_000, size=N_ROWS),
        "timestamp": 1_600_000_000 + np.arange(N_ROWS),
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return path.stat().st_size


class Watch(threading.Thread):
    """The largest resident size of a process while it is watched."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak, self._process, self._ended = 0, psutil.Process(pid), threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def end(self) -> int:
        self._ended.set()
        self.join()
        return self.peak


def test_a_log_of_a_hundred_megabytes_is_imported_and_the_server_keeps_none_of_it(
    server: Server, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "log.csv"
    assert large_log(path) > 90 * MB
    page.goto(f"{server.url}/data")
    page.get_by_text("Upload", exact=True).first.click()
    settle(page)
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    watch = Watch(process.pid)
    watch.start()
    page.locator("input[type=file]").first.set_input_files(path)
    page.get_by_role("button", name="Prepare dataset").click()
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(r"\d% of all"))
    # Before it is prepared, the form tells how many rows there are.
    expect(page.get_by_test_id("stMetricValue").get_by_text(f"{N_ROWS:,}")).to_be_visible()
    settle(page)
    peak, kept = watch.end() - before, process.memory_info().rss - before
    (manifest,) = list_datasets(server.workspace)
    assert manifest["counts"]["n_interactions"] == N_ROWS
    assert not list((server.workspace / "uploads").rglob("*.csv"))
    assert peak < MAX_PEAK_BYTES
    assert kept < MAX_KEPT_BYTES


def test_a_press_elsewhere_is_heard_while_a_log_is_prepared_which_goes_on(
    server: Server, page: Page, tmp_path: Path
) -> None:
    (server.workspace / "inbox").mkdir(parents=True)
    large_log(server.workspace / "inbox" / "log.csv")
    page.goto(f"{server.url}/data?file=log.csv")
    settle(page)
    page.get_by_role("button", name="Prepare dataset").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    page.get_by_role("link", name="Runs").first.click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    page.get_by_role("link", name="Data").first.click()
    # It is still under way, or ended meanwhile; in either case it is shown.
    expect(page.get_by_test_id("stMetricValue").get_by_text(f"{N_ROWS:,}")).to_be_visible()
    (manifest,) = list_datasets(server.workspace)
    assert manifest["counts"]["n_interactions"] == N_ROWS
