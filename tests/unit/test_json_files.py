from __future__ import annotations

import os
from pathlib import Path

import pytest

from bert4rec.errors import FormatError, NotFoundError, SettingsError
from bert4rec.json_files import check_format, read_json, write_json


def test_json_refuses_numbers_that_json_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"loss": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})
    assert read_json(path) == {"loss": 1.5}


def test_a_missing_file_and_a_damaged_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no file a\.json"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"half": ')
    with pytest.raises(FormatError, match="not valid JSON"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not valid JSON"):
        read_json(tmp_path / "a.json")


def test_what_the_system_does_not_let_be_read_is_damage_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(FormatError, match=r"a\.json cannot be read: Is a directory"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["NaN", '{"a": [Infinity]}', "-1e999", "1" * 5000, "[" * 5000])
def test_numbers_and_depths_that_we_never_write_are_damage(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError, match="not valid JSON"):
        read_json(tmp_path / "a.json")


def test_half_of_a_pair_of_surrogates_is_neither_read_nor_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(r'{"name": "\ud83d\ude00 \u00e9"}')
    assert read_json(path) == {"name": "\U0001f600 \u00e9"}
    for text in (r'{"name": "\ud800x"}', r'[{"\uDFFF": 1}]'):
        path.write_text(text)
        with pytest.raises(FormatError, match="half of a pair of surrogates"):
            read_json(path)
    with pytest.raises(SettingsError, match="no text") as caught:
        write_json(path, {"note": os.fsdecode(b"caf\xe9")})
    assert "UTF-8" in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("document", [[], [1], "text", None, 3])
def test_what_is_no_object_is_of_no_version(document: object, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="format version None"):
        check_format(document, 2, tmp_path)


@pytest.mark.parametrize("version", [None, 0, 3, "1", 1.0])
def test_a_version_that_cannot_be_read_says_which_can(version: object, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="versions 1 to 2"):
        check_format({"format_version": version}, 2, tmp_path)


def test_older_versions_are_read(tmp_path: Path) -> None:
    assert check_format({"format_version": 1}, 2, tmp_path) == 1
