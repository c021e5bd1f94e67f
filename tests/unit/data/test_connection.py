from __future__ import annotations

import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bert4rec.data import connection as connections
from bert4rec.data.connection import TMP, Connection, Scan, quote_name


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


def test_it_is_told_how_far_a_statement_is_whose_rows_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.001)
    log = tmp_path / "log.csv"
    log.write_text("user,item\n" + "".join(f"u{at % 977},i{at % 331}\n" for at in range(2_000_000)))
    told: list[float] = []
    with closing(Connection(tmp_path, n_threads=1)) as opened:
        reading = opened.told(lambda doing, share: told.append(share), "reading")
        with reading:
            scan = Scan("SELECT * FROM read_csv($file)", {"file": str(log)})
            assert sum(map(len, opened.stream(scan))) == 2_000_000
        # Nobody is told any more.
        assert "reading" not in [thread.name for thread in threading.enumerate()]
    assert told[0] == 0
    assert all(0 <= share <= 1 for share in told)
    assert any(0.1 < share < 0.9 for share in told)
    # DuckDB draws no bar of its own.
    assert capfd.readouterr() == ("", "")


def test_whoever_is_told_of_a_statement_can_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.001)

    def stop(doing: str, share: float) -> None:
        if share > 0.1:
            raise InterruptedError

    endless = "SELECT sum(a.range + b.range) FROM range({n}) a, range(1000000) b"
    with closing(Connection(tmp_path, n_threads=1)) as opened:
        with pytest.raises(InterruptedError), opened.told(stop, "reading"):
            opened.run(endless.format(n=1_000_000))
        # The connection is of use as before.
        with opened.told(stop, "reading"):
            assert opened.row("SELECT 1") == (1,)
