from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.ui.server_log import RECENT
from tests.addressed import open_page
from tests.factories import random_dataset, saved_dataset

APP = Path(__file__).resolve().parents[2] / "app.py"


open_system = partial(open_page, "system")


def shown(app: AppTest) -> str:
    return " ".join(str(element.value) for element in (*app.caption, *app.code, *app.markdown))


def test_an_empty_workspace_is_said_to_be_empty(workspace: Path):
    app = open_system()
    assert "The workspace is empty" in shown(app)
    assert app.metric[0].label == "Device"
    assert not app.error


def test_the_workspace_is_listed_by_what_it_takes(workspace: Path):
    saved_dataset(workspace, random_dataset([5, 6, 7]))
    app = open_system()
    table = app.dataframe[-1].value
    assert table["Part"].tolist() == ["Datasets"]
    # As everywhere else, with a space before the unit.
    (on_disk,) = table["On disk"]
    assert any(f"{on_disk} in all" in caption.value for caption in app.caption)


def test_warnings_of_the_server_are_shown_in_one_line_without_folders(workspace: Path):
    open_system()
    try:
        raise ValueError("no <b>good</b>\nin two lines")
    except ValueError:
        logging.getLogger("bert4rec.background.runners").exception("run %s failed", "of-the-log")
    app = open_system()
    (line,) = [line for line in app.code[0].value.splitlines() if "of-the-log" in line]
    assert line.endswith("run of-the-log failed (ValueError: no <b>good</b> in two lines)")
    assert str(APP.parent) not in line


def test_caches_are_let_go_of(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    app = open_system()
    given_back: list[bool] = []
    monkeypatch.setattr(
        "bert4rec.ui.system_view.return_freed_memory", lambda: given_back.append(True)
    )
    button = next(button for button in app.button if button.label == "Free memory")
    button.click().run()
    assert not app.exception
    # What the C library keeps of them is not the system's otherwise.
    assert given_back == [True]
    assert "opened again" in app.toast[0].value


def test_what_is_missing_is_said_with_what_to_do(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bert4rec.examination.LITTLE_DISK_BYTES", 1 << 62)
    app = open_system()
    assert any("Delete runs or datasets" in str(warning.value) for warning in app.warning)
    assert RECENT in logging.getLogger("bert4rec").handlers


@pytest.mark.usefixtures("workspace")
def test_a_page_that_crashed_is_told_of_in_the_log() -> None:
    open_system()
    # Streamlit tells of it here, and hands it to no logger above.
    logging.getLogger("streamlit.error_util").error("Uncaught app execution: page seven")
    assert any("page seven" in line for line in RECENT.lines())
