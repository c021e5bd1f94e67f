"""What is pressed twice in a row, as by a double click, is made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bert4rec.runs.registry import list_runs
from bert4rec.search.studies import list_studies
from tests.e2e.conftest import Server, settle
from tests.factories import ring_dataset, saved_dataset

pytestmark = pytest.mark.browser

LONG = "set=n_epochs:100000,early_stopping_step:0"
# Between the two presses of a double click; Streamlit hears them one by one.
BETWEEN_MS = 120


def press_twice(page: Page, button: Locator) -> None:
    """Press where a button is, and there once more, whatever is there by then."""
    box = button.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    page.wait_for_timeout(BETWEEN_MS)
    page.mouse.click(x, y)


def runs_of(workspace: Path) -> list[str]:
    return [run.id for run in list_runs(workspace)]


def searches_of(workspace: Path) -> list[str]:
    return [path.stem for path in list_studies(workspace)]


@pytest.mark.parametrize(
    ("address", "label", "made", "then"),
    [
        (f"train?{LONG}", "Start training", runs_of, "Stop and keep best"),
        ("", "Start the demo", runs_of, "Stop and keep best"),
        ("recommend?view=show", "Train on the sample", runs_of, "Watch it live"),
        (f"search?{LONG}", "Start the search", searches_of, "Stop"),
    ],
)
def test_a_double_click_starts_one(
    server: Server,
    page: Page,
    address: str,
    label: str,
    made: Callable[[Path], list[str]],
    then: str,
) -> None:
    saved_dataset(server.workspace, ring_dataset())
    page.goto(f"{server.url}/{address}")
    button = page.get_by_role("button", name=label, exact=True)
    expect(button).to_be_visible()
    settle(page)
    # An address that is refused would train with what the form comes with, and be soon done.
    expect(page.get_by_text("belongs to no setting")).to_have_count(0)
    press_twice(page, button)
    expect(page.get_by_role("button", name=then, exact=True)).to_be_visible()
    settle(page)
    assert len(made(server.workspace)) == 1
