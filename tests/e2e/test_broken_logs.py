from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bert4rec.data.collection import list_datasets
from tests.e2e.conftest import Server, settle

pytestmark = pytest.mark.browser

ROWS = [f"{user},{item}" for user in "abcdefgh" for item in range(6)]
BROKEN = {
    "empty.csv": "",
    "one-column.csv": "user_id\na\nb\nc\n",
    "wrong-delimiter.csv": "user_id,item_id\n" + "\n".join(ROWS).replace(",", ";"),
    "times.csv": "user_id,item_id,timestamp\n" + "\n".join(f"{row},soon" for row in ROWS),
    "one-user.csv": "user_id,item_id\n" + "\n".join(f"a,{n}" for n in range(9)),
    "one-item.csv": "user_id,item_id\n" + "\n".join(f"{n},x\n{n},x\n{n},x" for n in range(9)),
    "junk.csv": bytes(range(256)) * 64,
    "one-line.csv": "x" * 3_000_000,
    "twice.csv": "user_id,user_id,item_id\na,a,x\nb,b,y\n",
}


def test_a_broken_upload_gets_one_plain_message_and_leaves_nothing(
    server: Server, page: Page, tmp_path: Path
) -> None:
    for name, content in BROKEN.items():
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        page.goto(f"{server.url}/data")
        page.get_by_text("Upload", exact=True).first.click()
        settle(page)
        page.locator("input[type=file]").first.set_input_files(path)
        prepare = page.get_by_role("button", name="Prepare dataset")
        alert = page.get_by_test_id("stAlert")
        expect(alert.or_(prepare).first).to_be_visible()
        settle(page)
        if not alert.count():
            prepare.click()
        expect(alert.first).to_be_visible()
        settle(page)
        assert "What to do" in alert.first.inner_text(), name
        assert alert.count() == 1, name
        assert "Traceback" not in page.content()
    assert list_datasets(server.workspace) == []


def test_a_log_without_a_header_is_asked_about_and_not_guessed(
    server: Server, page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "no-header.csv"
    path.write_text("\n".join(f"{n % 7},{n % 5},{n}.5,{n % 3},{n % 2}" for n in range(60)))
    page.goto(f"{server.url}/data")
    page.get_by_text("Upload", exact=True).first.click()
    settle(page)
    page.locator("input[type=file]").first.set_input_files(path)
    expect(page.get_by_text("Still to choose: User column, Item column.")).to_be_visible()
    settle(page)
    expect(page.get_by_role("button", name="Prepare dataset")).to_have_count(0)
