"""The command line and the browser are doors to the same runs (F13)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bert4rec.json_files import read_json
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import find_run, list_runs
from tests.e2e.conftest import Server, open_page, settle
from tests.waiting import LIMIT_S

pytestmark = pytest.mark.browser
FEW = ["--set", "n_epochs=2", "--set", "hidden_size=16", "--set", "inner_size=32"]


def call(server: Server, *words: object) -> dict[str, Any]:
    """What a command answers, started as a person would from a terminal."""
    command = [str(Path(sys.executable).with_name("bert4rec")), *map(str, words)]
    place = ["--workspace", str(server.workspace), "--json"]
    done = subprocess.run(
        command + place,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def summary_of(run: Run) -> dict[str, Any]:
    summary: dict[str, Any] = read_json(run.folder / "summary.json")
    return summary


def test_a_run_of_the_command_line_appears_in_the_dashboard_and_goes_on_there(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/runs")
    expect(page.get_by_text("Every run of this workspace will be listed here")).to_be_visible()
    trained = call(server, "train", "playlists", "--name", "typed", *FEW)

    # Nothing is restarted: the page finds it the next time that it is opened.
    open_page(page, "Home")
    # A click on its name is enough.
    settle(page)
    page.get_by_test_id("stDataFrame").first.click(position={"x": 120, "y": 52})
    expect(page.get_by_text("Open typed in")).to_be_visible()
    open_page(page, "Runs")
    expect(page.get_by_text("1 of 1 run")).to_be_visible()
    page.goto(f"{server.url}/train?run={trained['run']}")
    expect(page.get_by_role("heading", name="typed")).to_be_visible()
    expect(page.get_by_text("Finished").first).to_be_visible()
    shown = page.get_by_test_id("stMetric").filter(has_text="NDCG@10 on test")
    expect(shown).to_contain_text(f"{trained['test']['ndcg@10']:.4f}")

    page.get_by_role("button", name="Train longer").click()
    dialog = page.get_by_role("dialog")
    settle(page)
    dialog.get_by_label("Further epochs").fill("1")
    dialog.get_by_label("Further epochs").press("Tab")
    settle(page)
    dialog.get_by_label("Name of the new run").fill("longer")
    dialog.get_by_label("Name of the new run").press("Enter")
    expect(dialog.get_by_text("up to epoch 3")).to_be_visible()
    settle(page)
    dialog.get_by_role("button", name="Train longer").click()
    expect(page.get_by_role("heading", name="longer")).to_be_visible()
    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    expect(page.get_by_text("went on from typed after epoch 2")).to_be_visible()

    whole = call(server, "train", "playlists", "--name", "whole", *FEW, "--set", "n_epochs=3")
    longer = find_run(server.workspace, "longer")
    assert summary_of(longer)["test"] == whole["test"]
    assert summary_of(longer)["valid"] == whole["valid"]


def test_the_policy_of_a_run_of_the_browser_trains_the_same_model_by_command_line(
    server: Server, page: Page, tmp_path: Path
) -> None:
    dataset = call(server, "samples", "playlists")["folder"]
    page.goto(f"{server.url}/train")
    page.get_by_text("Quick look", exact=True).click()
    expect(page.get_by_text(re.compile("^Few epochs, a short window"))).to_be_visible()
    settle(page)
    for label, value in (("Epochs", "2"), ("Hidden size", "16")):
        field = page.get_by_role("spinbutton", name=label, exact=True).first
        field.fill(value)
        field.press("Tab")
        settle(page)
    page.get_by_label("Name of the run").fill("clicked")
    page.get_by_label("Name of the run").press("Tab")
    settle(page)
    page.get_by_role("button", name="Start training").click()
    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    settle(page)
    page.get_by_text("Settings of this run").click()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download YAML").click()
    policy = tmp_path / "policy.yaml"
    download.value.save_as(policy)

    (clicked,) = list_runs(server.workspace)
    assert (clicked.name, clicked.hyperparameters().n_epochs) == ("clicked", 2)
    assert call(server, "policy", "check", policy)["yaml"] == policy.read_text()
    typed = call(server, "train", dataset, "--config", policy, "--name", "typed")
    assert typed["settings"] == clicked.config()["settings"]
    for part in ("valid", "test", "best_epoch"):
        assert typed[part] == summary_of(clicked)[part]
