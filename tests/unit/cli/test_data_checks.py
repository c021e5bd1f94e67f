"""The command line says what the checks find in a log before anything is trained on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import run
from tests.factories import small_settings


@pytest.fixture
def sorted_log(tmp_path: Path) -> Path:
    """A log whose histories all stand in the order of their items."""
    path = tmp_path / "sorted.csv"
    histories = [sorted({(5 * u + 7 * k) % 40 for k in range(12)}) for u in range(60)]
    rows = [f"{u},{i:02}\n" for u, history in enumerate(histories) for i in history]
    path.write_text("user,item\n" + "".join(rows))
    return path


def test_prepare_tells_what_is_doubtful(sorted_log: Path, workspace: Path) -> None:
    place = ("--workspace", workspace)
    said = run("prepare", sorted_log, *place).stdout
    assert "Warning: Nearly all histories hold the same items in the same order" in said
    document = json.loads(run("prepare", sorted_log, "--json", *place).stdout)
    found = next(check for check in document["checks"] if "same order" in check["message"])
    assert found["level"] == "warning"
    assert found["fix"].endswith("where everybody follows one plan, as in a course.")


def test_training_on_a_log_tells_what_is_doubtful(sorted_log: Path, workspace: Path) -> None:
    settings = small_settings(n_epochs=1).given()
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    said = run("train", sorted_log, *words, "--workspace", workspace).stderr
    assert "Warning: Nearly all histories hold the same items in the same order" in said
    assert "Note:" not in said


def test_a_check_that_a_setting_mends_names_its_option(workspace: Path, tmp_path: Path) -> None:
    rows = [f"{u},{i}\n" for u in range(30) for i in range(3)]
    rare = tmp_path / "rare.csv"
    rare.write_text("user,item\n" + "".join(rows) + "".join(f"{u},x{u}\n" for u in range(30)))
    said = run("prepare", rare, "--workspace", workspace).stdout
    assert any(line.endswith("(--min-item-count 2)") for line in said.splitlines())


def test_duplicates_that_were_kept_name_no_option_that_is_not_there(
    workspace: Path, tmp_path: Path
) -> None:
    log = tmp_path / "twice.csv"
    rows = [f"{u},{i},{1_600_000_000 + 60 * i}\n" for u in range(30) for i in range(4)]
    log.write_text("user,item,time\n" + "".join(rows + rows))
    said = run("prepare", log, "--keep-duplicates", "--workspace", workspace).stdout
    line = next(line for line in said.splitlines() if "are there twice" in line)
    assert line.endswith("(without --keep-duplicates)")
    assert "--drop-duplicates" not in said
