from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import bert4rec
from bert4rec.errors import NotFoundError, RunError, UnwritableError
from bert4rec.held_out import kept_temperatures
from bert4rec.held_out.calibration import Calibration, calibrate
from bert4rec.held_out.kept_temperatures import keep_temperatures
from bert4rec.json_files import read_json
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from tests.divided import alike, keep
from tests.factories import copied


@pytest.fixture
def older_run(tiny_run: Run, tmp_path: Path) -> Run:
    """A run that ended before temperatures were looked for."""
    run = copied(tiny_run, tmp_path / "w")
    keep(run, None)
    return run


def test_what_is_kept_late_is_what_the_end_of_the_training_finds(
    tiny_run: Run, older_run: Run
) -> None:
    before = read_json(older_run.folder / "summary.json")
    assert not bert4rec.load(older_run).is_calibrated
    found = keep_temperatures(older_run)
    assert older_run.temperatures() == found.temperatures
    assert found.temperatures == pytest.approx(tiny_run.temperatures(), rel=1e-4)
    after = read_json(older_run.folder / "summary.json")
    assert {**after, "temperatures": None} == before
    model = bert4rec.load(older_run)
    assert model.is_calibrated
    assert model.scorer.temperatures == found.temperatures
    assert "calibrated" in older_run.log_tail()[-1]


def test_that_none_pays_is_known_as_well(older_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = bert4rec.load(older_run)
    found = kept_temperatures.calibrate(plain)
    monkeypatch.setattr(kept_temperatures, "calibrate", lambda *_, **__: found.using({}))
    keep_temperatures(older_run)
    assert older_run.temperatures() == {}
    model = bert4rec.load(older_run)
    assert model.is_calibrated
    assert model.scorer.temperatures == {}


def test_what_was_just_found_is_kept_without_looking_again(
    older_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = kept_temperatures.calibrate(bert4rec.load(older_run))
    monkeypatch.setattr(kept_temperatures, "calibrate", None)
    assert kept_temperatures.may_keep(older_run)
    keep_temperatures(older_run, found=found)
    assert older_run.temperatures() == found.temperatures
    assert not kept_temperatures.may_keep(older_run)


def test_what_a_run_has_stays(older_run: Run) -> None:
    keep(older_run, alike(2.0))
    keep_temperatures(older_run)
    assert older_run.temperatures() == alike(2.0)


def test_a_run_that_has_not_ended_or_has_no_report_is_refused(older_run: Run) -> None:
    with held(older_run.folder), pytest.raises(RunError, match="active elsewhere"):
        keep_temperatures(older_run)
    older_run.set_status(state="running")
    with pytest.raises(RunError, match="looks for temperatures by itself"):
        keep_temperatures(older_run)
    older_run.set_status(state="interrupted")
    (older_run.folder / "summary.json").unlink()
    with pytest.raises(RunError, match="no report to keep temperatures with"):
        keep_temperatures(older_run)


def test_a_run_that_goes_meanwhile_is_not_said_to_have_kept_anything(
    older_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(model: Recommender, **options: Any) -> Calibration:
        shutil.rmtree(older_run.folder)
        return calibrate(model, **options)

    monkeypatch.setattr(kept_temperatures, "calibrate", slow)
    with pytest.raises(NotFoundError, match=r"status\.json"):
        keep_temperatures(older_run)


def test_a_disk_that_is_full_for_the_log_is_told_in_words(
    older_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: Run, line: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "log", full)
    with pytest.raises(UnwritableError, match="No space left"):
        keep_temperatures(older_run)
