"""Every folder of real data comes in by clicks alone, from its original files."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bert4rec.data.collection import list_datasets
from tests.e2e.conftest import Server, choose, settle

pytestmark = [pytest.mark.browser, pytest.mark.shared, pytest.mark.slow]

# Log, item table, interactions, users, items; what ends with a slash is a folder.
FOLDERS = [
    ("ml-1m/ml-1m.txt", "ml-1m/items.tsv", 999_611, 6_040, 3_416),
    ("ml-100k/", "", 100_000, 943, 1_682),
    ("ml-latest-small/", "ml-latest-small/movies.csv", 100_836, 610, 9_724),
    ("coco-courses/", "coco-courses/i2kg_map.txt", 159_664, 24_036, 8_166),
    ("lastfm-llara/sequences.txt", "lastfm-llara/id2name.txt", 50_800, 976, 4_606),
    ("assist2009/", "assist2009/assist2009_updated_skill_mapping.txt", 325_637, 4_151, 110),
]


@pytest.fixture
def open_folder(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the real data to the dashboard, before it starts."""
    monkeypatch.setenv("BERT4REC_DATA_DIR", str(shared_data))


def choose_file(page: Page, label: str, name: str) -> None:
    shown = f"{name} (its files together)" if name.endswith("/") else name
    choose(page.get_by_role("combobox", name=label), shown)


def import_folder(page: Page, url: str, log: str, items: str) -> None:
    page.goto(f"{url}/data")
    ways = page.get_by_text("File on the server", exact=True)
    add = page.get_by_text("Add a dataset", exact=True)
    expect(ways.or_(add).first).to_be_visible()
    settle(page)
    if add.count():
        add.click()
        settle(page)
    ways.click()
    settle(page)
    choose_file(page, "Interaction log", log)
    if items:
        choose_file(page, "Item table (optional)", items)
    shortest = page.get_by_role("spinbutton", name="Shortest history")
    shortest.fill("1")
    shortest.press("Enter")
    settle(page)
    page.get_by_role("button", name="Prepare dataset").click()


def test_every_real_folder_is_imported_whole_in_the_browser(
    open_folder: None, server: Server, page: Page, shared_data: Path
) -> None:
    there = {path.name for path in shared_data.iterdir() if path.is_dir()}
    assert there == {log.partition("/")[0] for log, *_ in FOLDERS}
    for log, items, n_interactions, n_users, n_items in FOLDERS:
        import_folder(page, server.url, log, items)
        expect(
            page.get_by_test_id("stMetricValue").get_by_text(f"{n_interactions:,}")
        ).to_be_visible()
        newest = list_datasets(server.workspace)[0]
        counts = {"n_interactions": n_interactions, "n_users": n_users, "n_items": n_items}
        assert newest["counts"] == counts, log
        assert newest["report"]["read"] == n_interactions, log
        assert newest["item_table"]["n_matched"] == n_items, log
    assert len(list_datasets(server.workspace)) == len(FOLDERS)
