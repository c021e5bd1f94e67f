"""What is pressed is about the dataset that is shown, whatever others do meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.json_files import read_json, write_json
from bert4rec.runs.registry import list_runs
from bert4rec.search.studies import list_studies
from bert4rec.ui import state
from tests.addressed import open_page
from tests.reading import plain, texts
from tests.waiting import LIMIT_S, wait_until
from tests.widgets import press

ROOT = Path(__file__).resolve().parents[2]
LOST = "The dataset in use was deleted."


def add(workspace: Path, name: str, day: int) -> SequenceDataset:
    rng = np.random.default_rng(day)
    histories = [rng.integers(1, 31, size=size) for size in rng.integers(5, 20, size=60)]
    made = SequenceDataset.from_sequences(histories, n_items=30, name=name)
    folder = workspace / "datasets" / name
    made.save(folder)
    manifest = folder / "manifest.json"
    write_json(manifest, read_json(manifest) | {"created_at": f"2026-01-{day:02}T00:00:00+00:00"})
    return made


def remove(workspace: Path, name: str) -> None:
    shutil.rmtree(workspace / "datasets" / name)


@pytest.fixture
def shown(workspace: Path) -> Path:
    add(workspace, "shown", 1)
    return workspace


def test_a_run_trains_on_the_dataset_that_its_form_showed(shown: Path) -> None:
    app = open_page("train")
    add(shown, "newer", 2)
    press(app, "Start training")
    (run,) = list_runs(shown)
    assert run.config()["dataset"]["name"] == "shown"
    state._job_service(str(shown)).stop(run.id)
    wait_until(lambda: not state._job_service(str(shown)).active())


@pytest.mark.parametrize("button", ["Start training", "Start the search"])
def test_nothing_is_started_on_another_dataset_than_the_one_that_was_deleted(
    shown: Path, button: str
) -> None:
    app = open_page("train" if button == "Start training" else "search")
    add(shown, "newer", 2)
    remove(shown, "shown")
    press(app, button)
    assert LOST in plain(app)
    assert list_runs(shown) == []
    assert list_studies(shown) == []
    # From now on it is about the other one, which is shown.
    assert app.session_state[state.DATASET_KEY] == "newer"


def test_what_others_bring_in_changes_nothing_about_the_dataset_that_is_looked_at(
    shown: Path,
) -> None:
    app = open_page("data")
    add(shown, "newer", 2)
    press(app, "Delete")
    assert "**shown** will be deleted" in texts(app)
    app = open_page("data")
    assert app.session_state[state.DATASET_KEY] == "newer"


def test_a_press_meant_for_a_dataset_that_is_gone_deletes_no_other_one(shown: Path) -> None:
    app = open_page("data")
    add(shown, "newer", 2)
    remove(shown, "shown")
    press(app, "Delete")
    assert "will be deleted" not in texts(app)


def test_a_page_says_that_its_dataset_was_deleted(shown: Path) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
    app.session_state[state.DATASET_KEY] = "gone"
    app.run()
    assert LOST in plain(app)
    assert LOST not in plain(app.run())


@pytest.mark.parametrize("page", ["data", "train", "search"])
def test_the_dataset_of_a_page_is_in_its_address_and_there_after_a_reload(
    shown: Path, page: str
) -> None:
    add(shown, "newer", 2)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
    app.session_state[state.DATASET_KEY] = "shown"
    app.run().switch_page(f"pages/{page}.py").run()
    assert "shown" in app.query_params["data"]
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
    again.query_params["data"] = "shown"
    again.run()
    assert again.session_state[state.DATASET_KEY] == "shown"


def test_an_address_that_names_no_dataset_says_so(shown: Path) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=LIMIT_S)
    app.query_params["data"] = "elsewhere"
    app.run()
    assert "names no dataset that is here" in plain(app)
    assert "data" not in app.query_params
