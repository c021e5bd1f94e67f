"""What a path means that is no file, or one that cannot be read."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bert4rec.data.log_paths import files_of
from bert4rec.data.source import open_source
from bert4rec.errors import LogError


def test_a_pipe_is_told_from_a_file_that_is_missing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null", "-"):
        with pytest.raises(LogError, match="is no file but a pipe or a device") as caught:
            files_of(path)
        assert "save what comes out of it as a file" in str(caught.value)
    with pytest.raises(LogError, match=r"there is no file 'log\.csv'"):
        files_of(tmp_path / "log.csv")


def test_a_name_that_is_no_text_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    # DuckDB's own words were of a conversion that failed, and whether the file is whole.
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    Path(folder).mkdir()
    (Path(folder) / "log.csv").write_text("user,item\na,b\n")
    for path in (folder, f"{folder}/log.csv", f"{folder}/*.csv"):
        with pytest.raises(LogError, match="is no text in UTF-8") as caught:
            open_source(path)
        assert r"caf\udce9" in str(caught.value)
        assert caught.value.fix == "Rename it."


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EACCES, "Permission denied"), (errno.EIO, "Input/output error")]
)
def test_a_log_that_cannot_be_read_is_named_with_the_reason(
    number: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: Any, **__: Any) -> NoReturn:
        raise OSError(number, os.strerror(number), str(path))

    (tmp_path / "log.csv").write_text("user,item\na,b\n")
    for method, path in (("open", tmp_path / "log.csv"), ("iterdir", tmp_path)):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, refuse)
            with pytest.raises(LogError) as caught:
                open_source(path)
        assert f"{path.name!r} cannot be read: {reason} ({path})" in str(caught.value)
        assert "Permit this user to read it" in str(caught.value)
