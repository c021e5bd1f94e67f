from __future__ import annotations

import signal
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import duckdb
import pytest

from bert4rec import stages
from bert4rec.data.connection import TMP, Connection, Scan, quote_name
from bert4rec.stages import Watch


def test_a_select_with_its_parameters_written_out_gives_the_same():
    parameters = {"files": ["it's", '"$mode"'], "mode": True, "n": 7, "columns": {"a'b": "x"}}
    name = quote_name('a "$n" b')
    sql = f"SELECT $files AS files, $mode AS mode, $n AS {name}, $columns AS c, '$n' AS text"
    scan = Scan(sql, parameters)
    connection = Connection()
    try:
        (row,) = connection.rows(scan.literal())
        assert row == connection.row(sql, parameters)
        assert connection.types(scan).keys() == {"files", "mode", 'a "$n" b', "c", "text"}
        (batch,) = connection.stream(scan)
        assert batch.to_pylist()[0]["files"] == parameters["files"]
    finally:
        connection.close()
    assert not connection.spill_folder.exists()


def test_only_what_was_spilled_is_removed_and_no_folder_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    of_the_machine = tmp_path / TMP
    of_the_machine.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(of_the_machine))
    for workspace in (None, tmp_path / "workspace"):
        connection = Connection(workspace)
        connection.close()
        assert list(connection.spill_folder.parent.iterdir()) == []


ENDLESS = "SELECT sum(a.range + b.range) FROM range(1000000) a, range(1000000) b"


@pytest.fixture(autouse=True)
def _told_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "TELL_EVERY_S", 0.001)


def test_it_is_told_how_far_a_statement_is_whose_rows_stream(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user,item\n" + "".join(f"u{at % 977},i{at % 331}\n" for at in range(2_000_000)))
    told: list[float] = []
    with closing(Connection(tmp_path, n_threads=1)) as opened:

        def read() -> int:
            scan = Scan("SELECT * FROM read_csv($file)", {"file": str(log)})
            return sum(map(len, opened.stream(scan)))

        assert opened.told(read, lambda doing, share: told.append(share), "reading") == 2_000_000
    assert told[0] == 0
    assert all(0 <= share <= 1 for share in told)
    assert any(0.1 < share < 0.9 for share in told)
    # DuckDB draws no bar of its own.
    assert capfd.readouterr() == ("", "")


def stop(doing: str, share: float) -> None:
    if share > 0.1:
        raise InterruptedError


def press(doing: str, share: float) -> None:
    if share > 0.1:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("watch", "raised"), [(stop, InterruptedError), (press, KeyboardInterrupt)]
)
def test_whoever_is_told_of_a_statement_can_end_it_and_so_can_who_presses_ctrl_c(
    watch: Watch, raised: type[BaseException], tmp_path: Path
) -> None:
    with closing(Connection(tmp_path, n_threads=1)) as opened:
        with pytest.raises(raised):
            opened.told(partial(opened.run, ENDLESS), watch, "reading")
        # The connection is of use as before.
        assert opened.told(partial(opened.row, "SELECT 1"), watch, "reading") == (1,)


def test_a_statement_that_follows_the_one_that_was_ended_is_ended_too(tmp_path: Path) -> None:
    n_ended = 0

    def run_twice() -> None:
        nonlocal n_ended
        for _ in range(2):
            with pytest.raises(duckdb.InterruptException):
                opened.run(ENDLESS)
            n_ended += 1

    with closing(Connection(tmp_path, n_threads=1)) as opened, pytest.raises(InterruptedError):
        opened.told(run_twice, stop, "reading")
    assert n_ended == 2
