from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

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
