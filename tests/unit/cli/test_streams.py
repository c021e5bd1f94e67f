"""Standard streams that cannot be written: full, gone, or without the signs that are needed."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from bert4rec.cli.streams import Needed
from bert4rec.errors import UnwritableError

ROOT = Path(__file__).resolve().parents[3]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no device that is full")
COMMAND = [sys.executable, "-c", "from bert4rec.cli import main; main()"]
NO_ROOM = "standard output cannot be written: No space left on device. Make room where it goes"


def called(
    *words: object, stdout: int | Path = subprocess.PIPE, stderr: int | Path = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    opened = [one.open("w") if isinstance(one, Path) else one for one in (stdout, stderr)]
    try:
        return subprocess.run(
            [*COMMAND, *map(str, words)], stdout=opened[0], stderr=opened[1], text=True, check=False
        )
    finally:
        for one in opened:
            if not isinstance(one, int):
                one.close()


@needs_full
@pytest.mark.parametrize("words", [["--help"], ["runs"], ["runs", "--json"], ["runs", "--help"]])
def test_an_answer_for_which_there_is_no_room_is_one_line_on_standard_error(
    words: list[str], tmp_path: Path
) -> None:
    done = called(
        *words, *(["--workspace", tmp_path] if "--help" not in words else []), stdout=FULL
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {NO_ROOM}")
    assert len(done.stderr.splitlines()) == 1


@needs_full
def test_a_failure_is_told_where_there_is_no_room_for_its_document(tmp_path: Path) -> None:
    words = ("recommend", "last", "--items", "a", "--json", "--workspace", tmp_path)
    done = called(*words, stdout=FULL)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no run 'last'")
    assert len(done.stderr.splitlines()) == 1
    wrong = called("runs", "--nonsense", "--json", stdout=FULL)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: No such option '--nonsense'")


@needs_full
def test_no_command_fails_because_standard_error_cannot_be_written(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item\n" + "".join(f"u{i % 5},i{i % 7}\n" for i in range(50)))
    done = called("prepare", log, "--workspace", tmp_path, stderr=FULL)
    assert done.returncode == 0
    assert done.stdout.startswith("Dataset log: 5 users, 7 items")
    assert called("nonsense", stderr=FULL).returncode == 2


def test_no_command_fails_because_nobody_reads_standard_error(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item\n" + "".join(f"u{i % 5},i{i % 7}\n" for i in range(50)))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = called("prepare", log, "--workspace", tmp_path, stderr=writer)
    finally:
        os.close(writer)
    assert done.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="there it means a program without a window")
@pytest.mark.parametrize("words", [["--help"], ["runs"], ["runs", "--json"]])
def test_an_answer_is_not_lost_in_silence_where_standard_output_is_closed(
    words: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *words],
        env=os.environ | {"BERT4REC_WORKSPACE": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    told = "error: standard output cannot be written: it is closed. Send it somewhere"
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="there it means a program without a window")
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os; from bert4rec.cli.streams import streams_explained\n"
        "with streams_explained(), open('made', 'w') as made:\n"
        "    os.write(1, b'by somebody else'); os.write(2, b'by somebody else')\n"
        "    assert made.fileno() > 2"
    )
    called = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    subprocess.run(called, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    assert (tmp_path / "made").read_bytes() == b""


def test_signs_that_standard_output_has_not_are_one_error() -> None:
    output = TextIOWrapper(BytesIO(), encoding="latin-1")
    with pytest.raises(UnwritableError, match="latin-1, has no sign for '−'"):
        Needed(output).write("ndcg −0.1")
