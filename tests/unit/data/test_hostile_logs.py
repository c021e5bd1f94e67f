"""Hostile logs: each gives a right import or one clear message, and leaves nothing half done."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bert4rec.data.collection import list_datasets
from bert4rec.data.connection import TMP
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.errors import Bert4RecError

HEADER = "user_id,item_id,timestamp\n"
ROWS = "".join(f"u{n % 5},i{n % 7},{1_700_000_000 + n}\n" for n in range(60))
LOG = (HEADER + ROWS).encode()
WHOLE = PrepareSettings(min_sequence_length=1, drop_duplicates=False)
# Deterministic junk.
CHANCE = random.Random(7)


def parquet(frame: pd.DataFrame) -> bytes:
    packed = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame), packed)
    return packed.getvalue()


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, LOG)
    return packed.getvalue()


def ids(first: str, second: str) -> bytes:
    rows = "".join(f"u{n % 5},{(first, second)[n % 2]},{n}\n" for n in range(60))
    return (HEADER + rows).encode()


def times(*texts: str) -> bytes:
    rows = "".join(f'u{n % 5},i{n % 7},"{texts[n % len(texts)]}"\n' for n in range(60))
    return (HEADER + rows).encode()


FRAME = pd.DataFrame({"user": [f"u{n % 5}" for n in range(60)], "item": range(60), "ts": range(60)})
PARQUET = parquet(FRAME)
JSON = b'[{"user": "a", "item": 1}, {"user": "b", "item": 2}]'

# What must come in: content, and how many users, items and interactions there are then.
GOOD: dict[str, tuple[bytes, tuple[int, int, int]]] = {
    "upper and lower case are two": (ids("Song", "song"), (5, 2, 60)),
    "white space around is none": (ids(" a ", "b"), (5, 2, 60)),
    "leading zeros stay": (ids("007", "7"), (5, 2, 60)),
    "plus signs stay": (ids("+7", "7"), (5, 2, 60)),
    "numbers longer than any": (ids("9" * 40, "9" * 41), (5, 2, 60)),
    "formulas are text": (ids("=1+1", "@SUM(A1)"), (5, 2, 60)),
    "scripts are text": (ids("<script>alert(1)</script>", "**b**"), (5, 2, 60)),
    "right to left and emoji": (ids("שלום", "🎵🎶"), (5, 2, 60)),
    "combining accents stay apart": (ids("é", "e\u0301"), (5, 2, 60)),
    "SQL is text": (ids("'; DROP TABLE raw; --", "b"), (5, 2, 60)),
    "a very long id": (ids("x" * 100_000, "b"), (5, 2, 60)),
    "negative times": (times("-86400", "-5", "0", "7", "9", "11", "12"), (5, 7, 60)),
    "times far ahead": (times("9999999999", "9999999998"), (5, 7, 60)),
    "dates before 1970": (times("1901-02-03 04:05:06", "1902-01-01"), (5, 7, 60)),
    "mixed zones": (times("2024-05-17T20:15:00+02:00", "2024-05-17T18:15:01Z"), (5, 7, 60)),
    "Windows ends": (LOG.replace(b"\n", b"\r\n"), (5, 7, 60)),
    "byte order mark": (b"\xef\xbb\xbf" + LOG, (5, 7, 60)),
    "UTF-16": (LOG.decode().encode("utf-16"), (5, 7, 60)),
    "no end of the last line": (LOG[:-1], (5, 7, 60)),
    "blank lines all over": (LOG.replace(b"\n", b"\n\n"), (5, 7, 60)),
    "line ends in quotes": (ids('"a\nb"', '"c\r\nd"'), (5, 2, 60)),
    "spaces after commas": (LOG.replace(b",", b", "), (5, 7, 60)),
    "names that climb out of a zip": (zipped("../../../etc/passwd"), (5, 7, 60)),
    "an absolute name in a zip": (zipped("/etc/passwd"), (5, 7, 60)),
    "gzip in two parts": (gzip.compress(LOG[:700]) + gzip.compress(LOG[700:]), (5, 7, 60)),
    "thousands of columns": (
        (",".join(["user_id", "item_id", *(f"c{n}" for n in range(3000))]) + "\n").encode()
        + b"".join(f"u{n % 5},i{n % 7}{',' * 3000}\n".encode() for n in range(60)),
        (5, 7, 60),
    ),
    "Parquet": (PARQUET, (5, 60, 60)),
    "a list of records": (b"[" + b",".join([JSON[1:-1]] * 9) + b"]", (2, 2, 18)),
}

# What must be refused: content, and what the message says.
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "white space": (b" \n\t\r\n ", "empty"),
    "NUL bytes": (LOG.replace(b"u1", b"u\x00"), "binary"),
    "a program": (b"\x7fELF" + bytes(range(256)) * 99, "binary"),
    "junk": (CHANCE.randbytes(40_000), "binary|neither UTF-8"),
    "one line of 10 MB": (b"x" * 10_000_000, "first line is longer"),
    "a million columns": (b",".join(b"c%d" % n for n in range(1_000_000)), "first line is longer"),
    "20,000 columns": (
        ",".join(f"c{n}" for n in range(20_000)).encode() + b"\n" + b"," * 19_999,
        "20,000 columns",
    ),
    "a header twice": (b"user,item,item\n" + b"a,b,c\n" * 9, "more than once"),
    "a header alone": (HEADER.encode(), "no interactions"),
    "not a number in every id": (HEADER.encode() + b",,1\n" * 20, "cannot be read"),
    "all times not a number": (times("NaN"), "holds no times"),
    "all times infinite": (times("inf", "-inf"), "holds no times"),
    "times in words": (times("soon", "later"), "cannot be read as times"),
    "day or month": (times("03/04/2024", "05/06/2024"), "could be"),
    "old ends of lines": (LOG.replace(b"\n", b"\r"), "carriage return"),
    "a cut gzip": (gzip.compress(LOG * 9)[:-20], "damaged or cut short"),
    "a changed gzip": (gzip.compress(LOG)[:-6] + b"\0\0" + gzip.compress(LOG)[-4:], "damaged"),
    "a zip of two": (zipped("a.csv", "b.csv"), "holds 2 files"),
    "a cut zip": (zipped("a.csv")[:-30], "damaged or cut short"),
    "Parquet without its end": (PARQUET[:-20], "Parquet file cannot be read"),
    "Parquet with another end": (PARQUET[:-12] + b"\xff" * 8 + b"PAR1", "cannot be read"),
    "Parquet of nothing": (parquet(FRAME.head(0)), "no interactions|header"),
    "JSON cut short": (b'[{"user": 1, "item": 2}, {"us', "cannot be read"),
    "JSON of numbers": (b"[1, 2, 3]", "list of values"),
    "JSON nested deep": (b"[" * 200_000, "nested too deep|cannot be read"),
    "UTF-32": (LOG.decode().encode("utf-32"), "UTF-32"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), "binary"),
    "a document": (b"%PDF-1.7\n" + b"x" * 99, "PDF"),
    "a database": (b"SQLite format 3\0" + bytes(99), "SQLite"),
    "HTML": (b"<!DOCTYPE html>\n<html>\n<body>Not found</body>\n</html>\n", "."),
    "prose": (b"It was a dark night.\nThe rain fell,\nand nobody came.\n", "."),
}


def leftovers(workspace: Path) -> list[str]:
    return sorted(path.name for path in workspace.rglob("*") if path != workspace / TMP)


def outcome(path: Path, workspace: Path) -> SequenceDataset | Bert4RecError:
    try:
        return prepare(path, workspace=workspace, settings=WHOLE)
    except Bert4RecError as error:
        return error


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_log_comes_in_whole(name: str, tmp_path: Path):
    content, expected = GOOD[name]
    (tmp_path / "log.dat").write_bytes(content)
    dataset = prepare(tmp_path / "log.dat", workspace=tmp_path / "w", settings=WHOLE)
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == expected
    assert dataset.manifest["report"]["rejected"] == 0
    assert sorted(child.name for child in (tmp_path / "w").iterdir()) == ["datasets", TMP]
    assert not list((tmp_path / "w" / TMP).iterdir())


@pytest.mark.parametrize("name", BAD)
def test_a_hopeless_log_is_refused_in_one_clear_message(name: str, tmp_path: Path):
    content, expected = BAD[name]
    (tmp_path / "log.dat").write_bytes(content)
    with pytest.raises(Bert4RecError, match=expected) as caught:
        prepare(tmp_path / "log.dat", workspace=tmp_path / "w")
    assert caught.value.fix
    assert "log.dat" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert list_datasets(tmp_path / "w") == []
    assert set(leftovers(tmp_path / "w")) <= {"datasets"}


@pytest.mark.parametrize("cut", [*range(1, 40), 200, 333, 700, 1001, len(LOG) - 1])
def test_a_log_cut_at_any_byte_loses_at_most_its_last_line(cut: int, tmp_path: Path):
    (tmp_path / "log.csv").write_bytes(LOG[:cut])
    n_whole = max(LOG[:cut].count(b"\n") - 1, 0)
    found = outcome(tmp_path / "log.csv", tmp_path / "w")
    if isinstance(found, Bert4RecError):
        assert found.fix
        return
    assert n_whole <= found.manifest["report"]["read"] <= n_whole + 1
    assert found.n_interactions >= n_whole


@given(content=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_an_import_or_a_message(content: bytes, tmp_path: Path):
    (tmp_path / "log.dat").write_bytes(content)
    found = outcome(tmp_path / "log.dat", tmp_path / "w")
    if isinstance(found, Bert4RecError):
        assert found.fix
    else:
        report = found.manifest["report"]
        dropped = report["rejected"] + report["duplicate"] + report["filtered"]
        assert report["read"] == report["kept"] + dropped
    assert set(leftovers(tmp_path / "w")) - {"datasets"} <= set(leftovers(tmp_path / "w/datasets"))


@given(cut=st.integers(0, len(PARQUET)), junk=st.binary(min_size=1, max_size=20))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_parquet_file_gives_an_import_or_a_message(cut: int, junk: bytes, tmp_path: Path):
    (tmp_path / "log.parquet").write_bytes(PARQUET[:cut] + junk + PARQUET[cut + len(junk) :])
    found = outcome(tmp_path / "log.parquet", tmp_path / "w")
    assert not isinstance(found, Bert4RecError) or found.fix
