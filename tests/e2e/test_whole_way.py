from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Page, expect

from bert4rec.data.samples import SAMPLES
from bert4rec.held_out.future_report import report_places
from bert4rec.held_out.places import middle_places
from bert4rec.loaded_model import load_model
from bert4rec.presets import PRESETS
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import list_runs
from bert4rec.setting_checks import parse_settings
from tests.e2e.conftest import Server, open_page, settle, wait_for_epoch
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


def test_the_demo_leads_from_a_click_to_a_model_and_its_map(server: Server, page: Page) -> None:
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlparse(request.url).hostname))
    page.goto(server.url)
    page.get_by_role("button", name="Start the demo").click()

    # Live, and the same after a refresh.
    expect(page.get_by_role("button", name="Stop and keep best")).to_be_visible()
    wait_for_epoch(page, 2)
    (run,) = list_runs(server.workspace)
    expect(page).to_have_url(re.compile(run.id))
    page.reload()
    expect(page.get_by_role("button", name="Stop and keep best")).to_be_visible()
    n_lines = n_train_lines(run)
    wait_for_epoch(page, 4)
    wait_until(lambda: n_train_lines(run) > n_lines)

    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    settle(page)
    inspect.click()
    page.get_by_role("button", name="Hide the middle").click()
    expect(page.get_by_text("Both sides rank the true item").first).to_be_visible()

    open_page(page, "Embeddings")
    expect(page.get_by_text("Trustworthiness")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_text("400 of 400")).to_be_visible()
    assert hosts <= {"127.0.0.1", "localhost", None, ""}
    assert_near_the_ceiling(run)


def n_train_lines(run: Run) -> int:
    curves = Curves()
    curves.update(run.journal)
    return len(curves.train)


def assert_near_the_ceiling(run: Run) -> None:
    """The true process of the sample is known, and so is what any model can reach at best."""
    model = load_model(run)
    report = report_places(model, middle_places(model.dataset, model.settings.max_seq_length))
    both, past = (report.contexts[context].ndcg.mean for context in ("both", "past"))
    ceiling = SAMPLES["playlists"].ceiling["masked_middle_item"]["ndcg_at_10"]
    assert both >= 0.8 * ceiling
    assert both > past + 0.1


@pytest.mark.shared
def test_an_uploaded_log_ends_in_predictions_with_titles(
    server: Server, page: Page, shared_data: Path
) -> None:
    folder = shared_data / "ml-latest-small"
    page.goto(f"{server.url}/data")
    page.get_by_text("Upload", exact=True).first.click()
    settle(page)
    uploads = page.locator("input[type=file]")
    uploads.nth(0).set_input_files(folder / "ratings.csv")
    expect(page.get_by_text("2. Say what the columns hold")).to_be_visible()
    settle(page)
    page.locator("input[type=file]").last.set_input_files(folder / "movies.csv")
    expect(page.get_by_role("button", name="Choose another file")).to_have_count(2)
    settle(page)
    page.get_by_role("button", name="Prepare dataset").click()
    expect(page.get_by_text("100,836").first).to_be_visible()

    open_page(page, "Train")
    expect(page).to_have_title("Train · BERT4Rec")
    settle(page)
    page.get_by_text("Quick look", exact=True).click()
    expect(page.get_by_text(re.compile("^Few epochs, a short window"))).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Start training").click()
    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    inspect.click()
    expect(page.get_by_text("What the model puts there").first).to_be_visible()
    # The cards of the strip carry titles of the item table, which end in a year.
    expect(page.get_by_role("button", name="(19").first).to_be_visible()
    (run,) = list_runs(server.workspace)
    assert run.hyperparameters().in_effect() == parse_settings(PRESETS["quick"].values).in_effect()
