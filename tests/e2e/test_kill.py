from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from bert4rec.json_files import read_json
from bert4rec.pipeline import train
from bert4rec.runs.curves import Curves
from bert4rec.runs.registry import list_runs
from tests.e2e.conftest import Server, wait_for_epoch

pytestmark = pytest.mark.browser


def test_a_killed_server_leaves_a_run_that_resumes_to_the_same_numbers(
    server: Server, page: Page
) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="Start the demo").click()
    wait_for_epoch(page, 7)
    server.kill()
    (run,) = list_runs(server.workspace)
    assert run.status().state == "interrupted"

    server.start()
    page.goto(f"{server.url}/train?run={run.id}")
    expect(page.get_by_text("Interrupted").first).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()

    whole = train(run.dataset(), run.hyperparameters(), workspace=server.workspace, name="whole")
    resumed_summary, whole_summary = (
        read_json(each.folder / "summary.json") for each in (run, whole)
    )
    for part in ("valid", "test", "best_epoch"):
        assert resumed_summary[part] == whole_summary[part]
    resumed, uninterrupted = Curves(), Curves()
    resumed.update(run.journal)
    uninterrupted.update(whole.journal)
    losses = [(row["step"], row["loss"]) for row in resumed.train]
    assert losses == [(row["step"], row["loss"]) for row in uninterrupted.train]
