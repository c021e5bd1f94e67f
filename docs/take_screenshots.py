"""Take the pictures of the README: the real dashboard after the demo, in headless Chromium.

Run it from the repository root with the tools for tests installed:

    .venv/bin/python -m docs.take_screenshots
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from bert4rec.comparing.compare import compare
from bert4rec.data.samples import prepare_sample
from bert4rec.explain import compare_contexts
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import list_runs
from bert4rec.setting_checks import parse_settings
from bert4rec.stories import STORIES
from tests.e2e.conftest import (
    BROWSER_ARGUMENTS,
    DEMO_EPOCHS,
    Server,
    open_page,
    settle,
    wait_for_epoch,
)
from tests.e2e.test_stories import play
from tests.e2e.traffic import watch

IMAGES = Path(__file__).with_name("images")
MAX_CARDS = 15
MIN_RANK_OF_ONE_SIDE = 9


def main() -> None:
    """Run the demo in a workspace of its own and write one picture a page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not installed.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder) / "workspace")
        server.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        try:
            take(server, watch(browser.new_page(viewport={"width": 1400, "height": 1000})))
        finally:
            browser.close()
            server.kill()


def take(server: Server, page: Page) -> None:
    """Walk through the pages."""
    page.goto(server.url)
    page.get_by_role("button", name="Start the demo").click()
    wait_for_epoch(page, DEMO_EPOCHS - 4)
    save(page, "train")
    inspect = page.get_by_role("button", name="Inspect its predictions")
    expect(inspect).to_be_visible()
    inspect.click()
    (run,) = list_runs(server.workspace)
    page.goto(f"{server.url}/inspect?run={run.id}&user={telling_user(run)}")
    page.get_by_role("button", name="Hide the middle").click()
    expect(page.get_by_text("Both sides rank the true item 1st").first).to_be_visible()
    save(page, "inspect")
    open_page(page, "Embeddings")
    page.get_by_text("UMAP", exact=True).first.click()
    expect(page.get_by_text("Trustworthiness")).to_be_visible()
    expect(page.get_by_text("What is shown is PCA")).to_have_count(0)
    save(page, "embeddings")
    take_stories(server, page)
    other = smaller_run(run)
    page.goto(f"{server.url}/runs?compare={run.id},{other.id}")
    expect(page.get_by_text("2 runs marked")).to_be_visible()
    save(page, "runs")
    compare([run, other], "all", workspace=server.workspace)
    open_page(page, "Evaluate")
    expect(page.get_by_text("Hold all against")).to_be_visible()
    save(page, "evaluate")
    open_page(page, "Home")
    save(page, "home")


def take_stories(server: Server, page: Page) -> None:
    """Play the three stories with the runs of the demo and write a picture of each at its end."""
    known = {run.dataset().name for run in list_runs(server.workspace)}
    for story in STORIES.values():
        if story.sample not in known:
            dataset = prepare_sample(story.sample, server.workspace)
            settings = parse_settings(PRESETS["quick"].values)
            train(dataset, settings, workspace=server.workspace)

        def look(stage: str, name: str = story.name) -> None:
            if stage == "shown":
                save(page, f"story-{name}")

        play(page, server.url, story, look)


def telling_user(run: Run) -> str:
    """Return a user whose middle item only both sides together put first.

    Raises:
        LookupError: no history of the dataset is like that.
    """
    model = load_model(run)
    for user_idx in np.flatnonzero(model.dataset.lengths <= MAX_CARDS):
        history = model.dataset.history(int(user_idx))
        found = compare_contexts(model, history, [len(history) // 2], k=1)
        past, future, both = (found[side][0].true_rank for side in ("past", "future", "both"))
        if both == 0 and min(past, future) > MIN_RANK_OF_ONE_SIDE:
            return model.dataset.user_id(int(user_idx))
    raise LookupError("no user shows that both sides are needed")


def smaller_run(run: Run) -> Run:
    """Train half the network on the same data, to compare with."""
    settings = run.hyperparameters()
    half = {"hidden_size": settings.hidden_size // 2, "inner_size": settings.inner_size // 2}
    name = f"{run.name}, half as wide"
    return train(
        run.dataset(), settings.model_copy(update=half), workspace=run.workspace, name=name
    )


def save(page: Page, name: str) -> None:
    """Write one picture once the page is drawn."""
    settle(page)
    page.mouse.move(700, 4)
    page.wait_for_timeout(2_000)
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
