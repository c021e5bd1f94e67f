"""Folders that version 1 wrote must open for ever and give what they gave.

`run_v1` is a small finished run with its dataset, as it was written; it is never written anew. A
later format gets a folder of its own beside it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bert4rec.data.collection import list_datasets
from bert4rec.json_files import read_json
from bert4rec.loaded_model import load_model
from bert4rec.pipeline import evaluate
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import find_run, list_runs

GOLDEN = Path(__file__).with_name("run_v1")
EXPECTED = read_json(GOLDEN / "expected.json")


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is exact, also on a machine that would choose bfloat16."""
    monkeypatch.setattr("bert4rec.device.BFLOAT16_INSTRUCTIONS", ())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The run in a copy, so that nothing can write into the original."""
    shutil.copytree(GOLDEN, tmp_path / "workspace")
    return find_run(tmp_path / "workspace", "golden")


@pytest.mark.parametrize("answer", EXPECTED["recommend"], ids=lambda a: ",".join(a["items"]))
def test_it_recommends_what_it_recommended(run: Run, answer: dict[str, list[str]]) -> None:
    suggestions = load_model(run, device="cpu").recommend(answer["items"], 3)
    assert [s.item_id for s in suggestions] == answer["recommended"]
    assert [s.score for s in suggestions] == pytest.approx(answer["scores"], abs=1e-3)


def test_it_fills_the_gap_as_it_did(run: Run) -> None:
    (filled,) = load_model(run, device="cpu").fill(EXPECTED["fill"]["items"], 3, remove_seen=False)
    assert [s.item_id for s in filled] == EXPECTED["fill"]["filled"]


def test_its_status_journal_and_summary_are_read(run: Run) -> None:
    status, summary, curves = run.status(), run.summary(), Curves()
    assert status.state == "finished"
    assert summary is not None
    assert curves.update(run.journal)
    assert curves.train[-1]["step"] == status.step
    assert len(curves.valid) == 6
    assert curves.baselines["popularity"]["hr@10"] > 0
    assert summary["best_epoch"] == status.best_epoch
    assert list_runs(run.workspace) == [run]


def test_judging_it_again_gives_its_own_figures(run: Run) -> None:
    summary = run.summary()
    assert summary is not None
    found = evaluate(run)["test"]["bert4rec"]["metrics"]
    assert found == pytest.approx(summary["test"], abs=1e-6)


def test_its_dataset_is_read_with_titles_times_and_further_columns(run: Run) -> None:
    (manifest,) = list_datasets(run.workspace)
    assert manifest["name"] == "ring"
    dataset = run.dataset()
    assert (dataset.n_users, dataset.n_items) == (40, 12)
    assert dataset.vocabulary.title(3) == "Track 3"
    assert dataset.vocabulary.table["genre"].tolist() == ["odd", "even"] * 6
    assert dataset.user_idx("u7") == 7
    assert dataset.times_s is not None
    assert dataset.times_s[1] - dataset.times_s[0] == 60
