from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bert4rec.errors import NotFoundError, RunError, UnwritableError
from bert4rec.runs import lock
from bert4rec.runs.lock import held

HOLDING = """
import sys
from pathlib import Path
from bert4rec.runs.lock import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(RunError, match="is active elsewhere"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def test_two_folders_are_held_side_by_side(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with held(tmp_path / "a"), held(tmp_path / "b"):
        pass


def test_an_error_lets_go_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held(tmp_path):
        raise ZeroDivisionError
    with held(tmp_path):
        pass


def test_a_process_holds_a_folder_until_it_dies(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match="is active elsewhere"), held(tmp_path):
            pass
        process.kill()
    with held(tmp_path):
        pass


def test_a_file_system_without_locks_does_not_keep_a_run_from_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock, "take", refuse)
    with held(tmp_path):
        pass


def test_a_folder_that_is_gone_or_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no run 'gone'"), held(tmp_path / "gone"):
        pass
    (tmp_path / lock.LOCK_NAME).mkdir()
    with pytest.raises(UnwritableError, match="cannot be written"), held(tmp_path):
        pass
