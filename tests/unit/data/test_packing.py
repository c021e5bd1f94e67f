from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from bert4rec.data.heads import HEAD_BYTES
from bert4rec.data.log import Roles, preview_log, read_items, read_log
from bert4rec.errors import LogError
from tests.factories import columns_of

HEADER = "user_id,item_id,timestamp\n"
ROWS = "".join(f"u{n % 5},i{n % 7},{1_700_000_000 + n}\n" for n in range(50))


def zipped(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("plays.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


PACKED = {
    "zip": zipped(("plays.csv", (HEADER + ROWS).encode())),
    "zip of a Mac": zipped(
        ("plays.csv", (HEADER + ROWS).encode()), ("__MACOSX/._plays.csv", b"junk")
    ),
    "zip in a folder": zipped(("a/b/plays.csv", (HEADER + ROWS).encode())),
    "zip that climbs": zipped(("../../plays.csv", (HEADER + ROWS).encode())),
    "bzip2": bz2.compress((HEADER + ROWS).encode()),
    "xz": lzma.compress((HEADER + ROWS).encode()),
    "UTF-16": (HEADER + ROWS).encode("utf-16"),
    "UTF-16 big end first": b"\xfe\xff" + (HEADER + ROWS).encode("utf-16-be"),
    "UTF-16 without a mark": (HEADER + ROWS).encode("utf-16-le"),
    "UTF-16 in zip": zipped(("plays.csv", (HEADER + ROWS).encode("utf-16"))),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_or_wide_file_is_read_as_the_plain_one(name: str, tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_bytes(PACKED[name])
    assert preview_log(path).roles() == Roles("user_id", "item_id", "timestamp")
    with read_log(path, workspace=tmp_path / "workspace") as log:
        assert (log.n_rows_read, log.n_rejected) == (50, 0)
        row = columns_of(log, "user_id", "item_id", "time_s")[0]
        assert row == ("u0", "i0", 1_700_000_000)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["log.csv", "workspace"]
    assert not list((tmp_path / "workspace").rglob("copies"))


def test_a_bad_line_of_a_packed_file_has_its_number(tmp_path: Path):
    (tmp_path / "log.zip").write_bytes(zipped(("a.csv", (HEADER + ROWS + "u1,,3\n").encode())))
    with read_log(tmp_path / "log.zip") as log:
        assert [(r.line, r.file) for r in log.rejects] == [(52, "log.zip")]


def test_an_item_table_may_be_zipped(tmp_path: Path):
    table = "item_id,title\n1,Straße\n2,Œuvre\n".encode("utf-16")
    (tmp_path / "items.zip").write_bytes(zipped(("items.csv", table)))
    assert read_items(tmp_path / "items.zip")["title"].tolist() == ["Straße", "Œuvre"]


def test_letters_of_windows_are_read_as_such_and_said_to_be_a_guess(tmp_path: Path):
    text = "user,item\n" + "u1,Rock’n’Roll\nu2,Œuvre\nu1,été and other words\n" * 9
    (tmp_path / "log.csv").write_bytes(text.encode("cp1252"))
    assert "a guess" in preview_log(tmp_path / "log.csv").encoding
    with read_log(tmp_path / "log.csv") as log:
        items = set(log.rows.frame()["item_id"])
        assert items == {"Rock’n’Roll", "Œuvre", "été and other words"}


def test_letters_of_windows_are_told_wherever_in_the_file_they_come_first(tmp_path: Path):
    log, table = tmp_path / "log.csv", tmp_path / "items.csv"
    n = HEAD_BYTES // 10
    log.write_bytes(("user,item\n" + "u1,plain1\nu2,plain2\n" * n + "u1,Œuvre\n").encode("cp1252"))
    table.write_bytes(("id,title\n" + "1,Plain as it is\n" * n + "2,Œuvre\n").encode("cp1252"))
    with read_log(log) as read:
        assert read.n_rejected == 0
        assert set(read.rows.frame()["item_id"]) == {"plain1", "plain2", "Œuvre"}
        assert "a guess" in read.source.encoding_words
    assert read_items(table)["title"].tolist() == ["Plain as it is", "Œuvre"]


def test_parts_may_be_packed_and_encoded_each_in_its_own_way(tmp_path: Path):
    texts = [f"user,item\nu1,{item}\nu2,{item}\n" for item in ("plain", "Œuvre", "été")]
    (tmp_path / "part-1.csv").write_bytes(texts[0].encode())
    (tmp_path / "part-2.csv").write_bytes(texts[1].encode("cp1252"))
    (tmp_path / "part-3.csv.gz").write_bytes(gzip.compress(texts[2].encode()))
    with read_log(tmp_path) as log:
        assert log.rows.frame()["item_id"].unique().tolist() == ["plain", "Œuvre", "été"]


def test_one_damaged_letter_does_not_spoil_the_others(tmp_path: Path):
    rows = b"".join(f"u{n % 9},é{n % 7}\n".encode() for n in range(200))
    (tmp_path / "log.csv").write_bytes(b"user,item\n" + rows + b"u1,\xe9x\n" + rows)
    with read_log(tmp_path / "log.csv") as log:
        assert (log.n_rows_read, log.n_rejected) == (401, 1)
        assert log.rejects[0].line == 202
        assert set(log.rows.frame()["item_id"]) == {f"é{n}" for n in range(7)}


REFUSED = {
    "two files": (zipped(("a.csv", b"x"), ("b.csv", b"y")), "holds 2 files, not one"),
    "no file": (zipped(("folder/", b"")), "holds 0 files"),
    "Excel": (zipped(("[Content_Types].xml", b"x"), ("xl/a.xml", b"y")), "Excel"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999), "Excel.*as CSV"),
    "LibreOffice": (zipped(("mimetype", b"x"), ("content.xml", b"y")), "Office.*as CSV"),
    "tar": (tarred((HEADER + ROWS).encode()), "tar archive.*Unpack it"),
    "tar.gz": (gzip.compress(tarred((HEADER + ROWS).encode())), "tar archive.*Unpack it"),
    "cut zip": (zipped(("a.csv", (HEADER + ROWS * 99).encode()))[:-30], "damaged or cut short"),
    "cut bzip2": (bz2.compress((HEADER + ROWS).encode())[:-9], "damaged or cut short"),
    "cut xz": (lzma.compress((HEADER + ROWS).encode())[:-9], "damaged or cut short"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + b"x" * 99, "7z archive"),
    "RAR": (b"Rar!\x1a\x07" + b"x" * 99, "RAR archive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_unpacked_is_refused_with_a_reason(name: str, tmp_path: Path):
    content, expected = REFUSED[name]
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(LogError, match=expected) as caught:
        read_log(tmp_path / "log.csv")
    assert caught.value.fix


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress])
def test_a_file_that_would_fill_the_disk_is_refused(pack, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("bert4rec.data.packing.SURELY_FINE_BYTES", 1 << 20)
    (tmp_path / "log.csv").write_bytes(pack((HEADER + ROWS).encode() + b"\n" * (8 << 20)))
    with pytest.raises(LogError, match="times its size"):
        read_log(tmp_path / "log.csv")
