"""What commands say of probabilities: whether anybody has calibrated them, and how."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bert4rec
from bert4rec.cli.answers import calibration_notes
from bert4rec.loaded_model import load_model
from bert4rec.runs.folder import Run
from bert4rec.temperatures import Shown
from tests.commands import document, run
from tests.divided import alike, keep
from tests.factories import copied

OWN = "probabilities are the network's own"
ASKED = (
    ("recommend", "--items", "3,4"),
    ("fill", "--items", "3,_,5"),
    ("compose", "--items", "3,_,5"),
)


@pytest.fixture
def older_run(tiny_run: Run, tmp_path: Path) -> Run:
    """A run that ended before temperatures were looked for."""
    found = copied(tiny_run, tmp_path / "w")
    keep(found, None)
    return found


def asked(of: Run, name: str, *words: object) -> tuple[object, ...]:
    return (name, of.id, *words, "--workspace", of.workspace)


@pytest.mark.parametrize("words", ASKED)
def test_commands_say_where_nobody_has_calibrated_probabilities(
    words: tuple[str, ...], older_run: Run
) -> None:
    told = run(*asked(older_run, *words)).stdout.splitlines()[-1]
    assert told.startswith(f"Note: {OWN}")
    assert f"Next: bert4rec calibration {older_run.id} --keep" in told
    assert document(run(*asked(older_run, *words), "--json"))["calibrated"] is False
    keep(older_run, {})
    assert OWN not in run(*asked(older_run, *words)).stdout
    assert document(run(*asked(older_run, *words), "--json"))["calibrated"] is True


def test_all_answers_agree_once_a_calibration_is_kept(older_run: Run) -> None:
    words = asked(older_run, "recommend", "--items", "3,4", "--json")
    before = document(run(*words))["recommendations"]
    shown = document(run(*asked(older_run, "calibration", "--json")))
    assert (shown["calibrated"], shown["kept"]) == (False, None)
    assert older_run.temperatures() is None
    kept = document(run(*asked(older_run, "calibration", "--keep", "--json")))
    assert kept["calibrated"] is True
    assert kept["kept"]
    after = document(run(*words))
    assert after["calibrated"] is True
    for one, other in zip(before, after["recommendations"], strict=True):
        assert (one["item_id"], one["count"]) == (other["item_id"], other["count"])
        assert one["score"] == pytest.approx(other["score"], rel=1e-5)
    assert before[0]["probability"] != pytest.approx(after["recommendations"][0]["probability"])


def test_a_calibration_says_what_would_pay_and_what_answers_use(older_run: Run) -> None:
    words = asked(older_run, "calibration")
    told = run(*words).stdout
    assert "It would pay to divide scores by" in told
    assert "Answers use no temperature, as none was kept; --keep keeps what pays." in told
    kept = run(*words, "--keep").stdout
    assert kept == run(*words).stdout
    assert "Scores are divided by" in kept
    assert "Answers use" not in kept
    keep(older_run, alike(2.0))
    told = run(*words).stdout
    assert "Answers use what was kept: scores divided by 2.00" in told
    assert "the figures here are without that" in told
    # Of a few users none pays, or none is fitted; what was kept is used all the same.
    for n_users in (100, 40):
        told = run(*words, "--users", n_users).stdout
        assert "No temperature is used" not in told
        assert "Answers use what was kept: scores divided by 2.00" in told
    keep(older_run, {})
    assert "Answers use what was kept: no temperature." in run(*words).stdout


def test_a_calibration_names_no_more_items_than_the_window_holds(older_run: Run) -> None:
    most = older_run.hyperparameters().max_seq_length - 1
    told = run(*asked(older_run, "calibration")).stdout
    named = [int(upper) for upper in re.findall(r"\d+ to (\d+) items", told)]
    assert max(named) == most
    keep(older_run, {Shown("past", 8): 2.0})
    told = run(*asked(older_run, "calibration")).stdout
    assert f"scores divided by 2.00 (past only, 8 to {most} items)" in told


@pytest.mark.parametrize("more", [("--hidden", "test"), ("--users", 50), ("--seed", 1)])
def test_what_is_kept_is_of_the_draw_that_a_training_makes(
    more: tuple[object, ...], older_run: Run
) -> None:
    result = run(*asked(older_run, "calibration", "--keep", *more))
    assert result.exit_code == 2
    assert "--keep draws as a training does" in result.stderr
    assert older_run.temperatures() is None


def test_a_bundle_says_the_same_of_its_run(older_run: Run, tmp_path: Path) -> None:
    words = asked(older_run, "export", "--out", tmp_path / "model.zip")
    assert OWN in run(*words).stdout
    answered = run("recommend", tmp_path / "model.zip", "--items", "3,4").stdout
    assert "Calibrate its run with --keep, and export that again." in answered
    keep(older_run, {})
    assert OWN not in run(*words).stdout
    assert bert4rec.load(tmp_path / "model.zip").is_calibrated


def test_a_run_without_a_report_is_not_sent_to_what_would_refuse_it(older_run: Run) -> None:
    (older_run.folder / "summary.json").unlink()
    assert calibration_notes(load_model(older_run)) == [
        f"Note: {OWN}, which nobody has calibrated."
    ]


def test_a_service_says_it_when_it_starts(older_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bert4rec.serving.server.serve", lambda _, *, tell, **__: tell("127.0.0.1", 8600)
    )
    words = asked(older_run, "serve", "--json")
    told = run(*words)
    assert document(told)["calibrated"] is False
    assert f"Note: {OWN}" in told.stderr
    keep(older_run, {})
    told = run(*words)
    assert document(told)["calibrated"] is True
    assert OWN not in told.stderr
