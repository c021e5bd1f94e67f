"""Broken logs: each gives one clear message, never a traceback, and leaves nothing behind."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from bert4rec.data.connection import TMP
from bert4rec.data.log import Roles, preview_log, read_items, read_log
from bert4rec.data.prepare import prepare
from bert4rec.errors import LogError

HEADER = "user_id,item_id,timestamp\n"
ROWS = "".join(f"u{n % 5},i{n % 7},{1_700_000_000 + n}\n" for n in range(50))
ALIGNED = [(f"u{n % 5}", f"i{n % 7}", 1_700_000_000 + n) for n in range(50)]
JUNK = random.Random(0).randbytes(50_000)


def with_column(rows: str, column: int, text: str) -> str:
    """The rows with one column the same everywhere."""
    lines = [line.split(",") for line in rows.splitlines()]
    return "".join(
        ",".join(text if place == column else cell for place, cell in enumerate(line)) + "\n"
        for line in lines
    )


BROKEN = {
    "empty": ("", "empty"),
    "blank": ("\n \n\n", "empty"),
    "header only": (HEADER, "no interactions"),
    "one column": ("item\na\nb\n", "one column"),
    "no header": ("1,2,3\n2,3,4\n3,4,5\n", "not clear from the columns"),
    "wrong delimiter in the header": (
        HEADER.replace(",", ";") + ROWS,
        "first line has 1 column but",
    ),
    "words above the header": (
        "Sales of May\nu;i;t;v\n" + ROWS.replace(",", ";").replace("\n", ";4,5\n"),
        "by a semicolon, the first line has 1 column but most others 4.*delete what stands above",
    ),
    "columns aligned on the left": (
        "".join(f"{a:<8}{b:<8}{c}\n" for a, b, c in [("user", "item", "time"), *ALIGNED]),
        "runs of spaces part its 3 columns.*one comma or tab",
    ),
    "columns aligned that hold spaces": (
        "user    item        time\n" + "".join(f"{a:<8}The {b:<8}{c}\n" for a, b, c in ALIGNED),
        "runs of spaces part its 3 columns.*read_fwf",
    ),
    "columns aligned on the right": (
        "".join(f"{a:>8}{b:>8}{c:>12}\n" for a, b, c in ALIGNED),
        "runs of spaces part its 3 columns.*one comma or tab",
    ),
    "too short a header": ("user_id,item_id\n" + ROWS, "2 columns but most others 3"),
    "unparsable times": (HEADER + with_column(ROWS, 2, "yesterday"), "cannot be read as times"),
    "no times": (HEADER + with_column(ROWS, 2, ""), "holds no times"),
    "times that are no numbers": (HEADER + with_column(ROWS, 2, "NaN"), "holds no times"),
    "infinite times": (HEADER + with_column(ROWS, 2, "-inf"), "holds no times"),
    "endless times": (HEADER + with_column(ROWS, 2, "infinity"), "holds no times"),
    "ambiguous dates": (HEADER + with_column(ROWS, 2, "01/02/2024"), "could be"),
    "one user": (HEADER + with_column(ROWS, 0, "u"), "one user only"),
    "one item": (HEADER + with_column(ROWS, 1, "i"), "one item only"),
    "binary": (JUNK, "binary"),
    "high bytes": (bytes(128 + byte % 32 for byte in JUNK), "neither UTF-8 nor Latin-1"),
    "Parquet in name only": (b"PAR1" + JUNK, "Parquet file cannot be read"),
    "damaged gzip": (gzip.compress(JUNK)[:-500], "damaged or cut short"),
    "zip": (b"PK\x03\x04" + JUNK, "damaged or cut short"),
    "Arrow": (b"ARROW1\0\0" + JUNK, "an Arrow or Feather file, not text.*Write it as Parquet"),
    "ORC": (b"ORC\n" + JUNK, "an ORC file, not text.*Write it as Parquet"),
    "pickle": (b"\x80\x05" + JUNK, "a pickle of Python, not text.*Write it as Parquet"),
    "web page": (
        "\n<!DOCTYPE html>\n<p>Log in, please</p>\n",
        "a web page.*an error may have been",
    ),
    "XML": ('<?xml version="1.0"?>\n' + '<e user="u" item="i"/>\n' * 9, "an XML document"),
    "Matrix Market": (
        "%%MatrixMarket matrix coordinate real general\n3 4 2\n1 1 5\n2 3 4\n",
        "a matrix in the form of Matrix Market.*Write it as CSV",
    ),
    "note of Git LFS": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a note of Git LFS.*git lfs pull",
    ),
    "UTF-32": ((HEADER + ROWS).encode("utf-32"), "UTF-32"),
    "old line ends": ((HEADER + ROWS).replace("\n", "\r"), "carriage return"),
    "duplicate column": ("user_id,item_id,item_id\n" + ROWS, "more than once"),
    "duplicate but for case": ("user_id,item_id,User_ID\n" + ROWS, "more than once"),
    "one record": ('[{"user": 1, "item": 2}]\n', "one user only"),
    "list of numbers": ("[1, 2, 3]", "a list of values"),
    "empty JSON objects": ("{}\n{}\n", "no keys"),
    "one key": ('{"user": 1}\n{"user": 2}\n', "one key, 'user'"),
    "deep JSON": ('{"a":' * 100_000, "nested too deep"),
    "JSON cut short": ('[{"user": 1, "item": 2}, {"us', "cannot be read"),
    "prose": (
        "This is a text.\nIt has lines,\nbut it is no log at all.\n",
        "same number of columns",
    ),
    "no ids": (HEADER + ",,1700000000\n" * 9 + "u1,i1,1\n", "9 of 10 lines cannot be read"),
}


@pytest.fixture
def no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace in which nothing must be left."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("BERT4REC_WORKSPACE", str(folder))
    yield folder
    left = [path for path in folder.rglob("*") if path != folder / TMP]
    assert not left, "something was left behind"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_log_gives_one_clear_message(name: str, tmp_path: Path, no_workspace: Path):
    content, expected = BROKEN[name]
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LogError, match=expected) as caught:
        prepare(path, workspace=no_workspace)
    assert caught.value.where, "the message does not say where"
    assert caught.value.fix, "the message does not say what to do"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_line_without_end_is_refused_after_its_first_megabyte(tmp_path: Path):
    path = tmp_path / "junk.csv"
    with path.open("wb") as file:
        file.write(b"x" * (2 << 20))
        # A hole: two gigabytes to whoever reads on, nothing on the disk.
        file.truncate(2 << 30)
    with pytest.raises(LogError, match="first line is longer"):
        preview_log(path)


def test_a_log_above_the_limit_is_refused_by_its_size(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + ROWS)
    with pytest.raises(LogError, match="larger than the limit of 100 bytes"):
        read_log(path, max_bytes=100)


def test_a_packed_log_is_measured_unpacked(tmp_path: Path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROWS * 1000).encode()))
    limit = path.stat().st_size * 3
    with pytest.raises(LogError, match="larger than the limit"):
        preview_log(path, max_bytes=limit)


def test_a_parquet_log_is_measured_unpacked(tmp_path: Path):
    path = tmp_path / "log.parquet"
    users = ["one user", "other"] * 500_000
    pd.DataFrame({"user": users, "item": users}).to_parquet(path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(LogError, match="larger than the limit"):
        preview_log(path, max_bytes=1_900_000)
    assert preview_log(path, max_bytes=4_000_000).files == (path.name,)


def test_damaged_parquet_is_told_as_such_also_where_it_is_measured(tmp_path: Path):
    path = tmp_path / "log.parquet"
    path.write_bytes(b"PAR1" + JUNK)
    with pytest.raises(LogError, match="Parquet file cannot be read"):
        preview_log(path, max_bytes=1_000_000)


def test_a_long_line_in_the_middle_is_one_rejected_line(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + ROWS + f"u1,{'x' * (20 << 20)},1700000000\n" + ROWS)
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (101, 1)
        assert log.rejects[0].line == 52
        assert len(log.rejects[0].text) <= 200


def test_a_path_that_is_gone_is_named(tmp_path: Path, no_workspace: Path):
    with pytest.raises(LogError, match=r"there is no file 'gone\.csv'"):
        prepare(tmp_path / "gone.csv", workspace=no_workspace)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "*", "x" * 5000, "a\0b", "a\0*"])
def test_a_path_that_nothing_can_have_is_not_there(name: str):
    with pytest.raises(LogError, match="no file"):
        preview_log(name)


def test_a_glob_that_matches_nothing_is_named(tmp_path: Path):
    with pytest.raises(LogError, match=r"no file matches 'part-\*.csv'"):
        read_log(tmp_path / "part-*.csv")


def test_a_folder_without_files_is_named(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LogError, match="holds no file"):
        read_log(tmp_path / "empty")


def test_a_folder_without_a_log_names_its_files(tmp_path: Path):
    (tmp_path / "README.md").write_text("Nothing to see")
    with pytest.raises(LogError, match=r"no file of the folder is clearly a log: README\.md"):
        read_log(tmp_path)


def test_a_folder_whose_files_are_alike_is_asked_for_its_columns(tmp_path: Path):
    for name in ("1.csv", "2.csv"):
        (tmp_path / name).write_text(HEADER.replace("user_id", "who") + ROWS)
    with pytest.raises(LogError, match="which of them holds the user"):
        read_log(tmp_path)
    with read_log(tmp_path, roles=Roles("who", "item_id")) as log:
        assert log.rows.n_rows == 2 * ROWS.count("\n")
    (tmp_path / "3.csv").write_text("a,b\nc,d\n")
    with pytest.raises(LogError, match=r"clearly a log: .*Name the file, or a glob"):
        read_log(tmp_path)


def test_a_folder_whose_further_parts_have_no_header_is_not_read_without_them(tmp_path: Path):
    (tmp_path / "xaa").write_text(HEADER + ROWS)
    (tmp_path / "xab").write_text(ROWS)
    (tmp_path / "names.csv").write_text("i1,One\ni2,Two\n")
    with pytest.raises(LogError, match="xab has as many columns as xaa, but no header") as caught:
        preview_log(tmp_path)
    assert "above it" in str(caught.value.fix)
    (tmp_path / "xab").write_text(HEADER + ROWS)
    assert preview_log(tmp_path).files == ("xaa", "xab")


def test_a_folder_with_two_kinds_of_logs_names_both(tmp_path: Path):
    (tmp_path / "seen.csv").write_text(HEADER + ROWS)
    (tmp_path / "bought.csv").write_text(HEADER.replace("timestamp", "price") + ROWS)
    with pytest.raises(LogError, match=r"bought\.csv; seen\.csv"):
        read_log(tmp_path)


CUT_GZIP = gzip.compress((HEADER + ROWS * 9).encode())[:60]
PYTHON = "{'user_id': 'u1', 'item_id': 'i1'}\n"
OTHERWISE = {
    "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n": "the item '1:' stands above its rows",
    PYTHON * 9: "as Python shows them, with single quotes",
    f"[{PYTHON.strip()}]": "as Python shows them, with single quotes",
    "user,item,date,time\n" + "a,b,2024-05-17,20:15\n" * 9: "such as '20:15' .*time of day alone",
}


@pytest.mark.parametrize("text", OTHERWISE)
def test_what_other_tools_write_otherwise_is_told_with_what_to_do(text: str, tmp_path: Path):
    (tmp_path / "log.txt").write_text(text)
    with pytest.raises(LogError, match=f"{OTHERWISE[text]}.* [Ww]rite "):
        read_log(tmp_path / "log.txt")


@pytest.mark.parametrize("row", ["7,{}", "{},"])
def test_a_header_that_lacks_one_name_is_told_to_name_all(row: str, tmp_path: Path):
    rows = "".join(row.format(line) + "\n" for line in ROWS.splitlines())
    (tmp_path / "log.csv").write_text(HEADER + rows)
    with pytest.raises(LogError, match=r"3 columns but most others 4.*first line name all 4"):
        read_log(tmp_path / "log.csv")


BROKEN_PARTS = {
    "half a packed file": ("part-2.csv.gz", CUT_GZIP, "damaged or cut short"),
    "half a Parquet file": ("part-2.parquet", b"PAR1 and no end", "cannot be read"),
    "no line ends": ("part-2.csv", (HEADER + ROWS).replace("\n", "\r").encode(), "carriage"),
    "no text": ("part-2.csv", b"user_id,item_id\n\x00\x00\x00", "binary"),
}


@pytest.mark.parametrize("folder", ["plain", "day=1"])
def test_a_parquet_file_whose_end_says_nothing_is_refused(folder: str, tmp_path: Path):
    file = tmp_path / folder / "part.parquet"
    file.parent.mkdir()
    pd.DataFrame({"user": list("aab"), "item": list("xyz")}).to_parquet(file)
    content = file.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    file.write_bytes(content[:start] + b"\xff" * (len(content) - 8 - start) + content[-8:])
    with pytest.raises(LogError, match="the Parquet file cannot be read"):
        read_log(file)


@pytest.mark.parametrize("content", [b"", b" \n", gzip.compress(b"", mtime=0)])
def test_parts_that_are_all_empty_are_refused_by_name(content: bytes, tmp_path: Path):
    for number in (1, 2):
        (tmp_path / f"part-{number}.csv.gz").write_bytes(content)
    for place in (tmp_path, tmp_path / "part-*.csv.gz"):
        with pytest.raises(
            LogError, match=r"no file holds anything: part-1\.csv\.gz, part-2\.csv\.gz"
        ):
            read_log(place)


@pytest.mark.parametrize("name", BROKEN_PARTS)
def test_a_folder_with_a_part_that_cannot_be_read_is_refused_and_not_read_without_it(
    name: str, tmp_path: Path
):
    file, content, expected = BROKEN_PARTS[name]
    (tmp_path / "part-1.csv").write_text(HEADER + ROWS)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(LogError, match=expected) as caught:
        read_log(tmp_path)
    assert caught.value.where == f"{tmp_path.name}/{file}"
    assert "move it out of the folder" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("tsv", "by a tab"),
        ("parquet", "not Parquet"),
        ("recbole", "no RecBole header"),
        ("jsonl", "one object a line"),
        ("pairs", "not pairs"),
        ("movielens", "as in MovieLens"),
        ("triples", "that many items"),
        ("excel", "no form 'excel'"),
    ],
)
def test_a_form_that_the_file_does_not_have_is_refused(form: str, expected: str, tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + ROWS)
    with pytest.raises(LogError, match=expected):
        read_log(path, form=form)


def test_columns_that_spaces_align_are_no_tsv_either(tmp_path: Path):
    path = tmp_path / "log.txt"
    path.write_text(str(BROKEN["columns aligned on the left"][0]))
    with pytest.raises(LogError, match="runs of spaces"):
        preview_log(path, form="tsv")


def test_a_role_without_its_column_names_the_near_miss(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + ROWS)
    with pytest.raises(LogError, match="Did you mean 'item_id'") as caught:
        read_log(path, Roles("user_id", "itemid"))
    assert caught.value.details["columns"] == ["user_id", "item_id", "timestamp"]


def test_one_column_cannot_play_two_roles(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + ROWS)
    with pytest.raises(LogError, match="two roles"):
        read_log(path, Roles("user_id", "user_id"))


def test_an_item_table_of_other_ids_is_refused_and_leaves_nothing(
    tmp_path: Path, no_workspace: Path
):
    log, items = tmp_path / "log.csv", tmp_path / "items.csv"
    log.write_text(HEADER + ROWS)
    items.write_text("item_id,title\nx1,One\nx2,Two\n")
    with pytest.raises(LogError, match="no item of the log"):
        prepare(log, items=items, workspace=no_workspace)


def packed_rows(compression: str, first: int = 0) -> bytes:
    """More than a megabyte of a log, packed."""
    packed = pa.BufferOutputStream()
    rows = "".join(f"u{n % 997},i{n % 991},{n}\n" for n in range(first, first + 100_000))
    with pa.output_stream(packed, compression=compression) as stream:
        stream.write(((HEADER if first == 0 else "") + rows).encode())
    return bytes(packed.getvalue().to_pybytes())


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_packed_log_that_is_cut_short_far_from_its_head_is_refused(
    compression: str, tmp_path: Path, no_workspace: Path
):
    path = tmp_path / "log.csv"
    path.write_bytes(packed_rows(compression)[:-20])
    for read in (lambda: prepare(path, workspace=no_workspace), lambda: read_log(path).close()):
        with pytest.raises(LogError, match="damaged or cut short"):
            read()
    with pytest.raises(LogError, match="damaged or cut short"):
        read_items(path)


def test_a_packed_log_with_a_byte_changed_is_refused(tmp_path: Path):
    path = tmp_path / "log.csv"
    data = bytearray(packed_rows("gzip"))
    data[-6] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogError, match="damaged or cut short"):
        read_log(path)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_packed_log_may_be_several_packed_files_in_a_row(compression: str, tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_bytes(packed_rows(compression) + packed_rows(compression, first=100_000))
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (200_000, 0)


@pytest.mark.parametrize("n_blank", [1, 3, 700])
@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_blank_lines_before_the_header_are_passed_over(
    n_blank: int, blank: str, line_end: str, tmp_path: Path
):
    path = tmp_path / "log.csv"
    text = (blank + "\n") * n_blank + HEADER + ROWS + "u1,i1,never\n"
    path.write_bytes(text.replace("\n", line_end).encode())
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (51, 1)
        assert log.rejects[0].line == n_blank + 52


def test_blank_lines_before_rows_without_a_header_are_passed_over(tmp_path: Path):
    path = tmp_path / "pairs.txt"
    path.write_text("\n\n2 9\n1 3\n2 1\n")
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (3, 0)


def test_files_with_other_numbers_of_blank_lines_first_are_not_read_together(tmp_path: Path):
    (tmp_path / "a.csv").write_text("\n" + HEADER + ROWS)
    (tmp_path / "b.csv").write_text(HEADER + ROWS)
    with pytest.raises(LogError, match="form of"):
        read_log(tmp_path / "*.csv")


def test_a_row_without_an_id_is_shown_as_it_stands_in_the_file(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 3},i{n % 4},{n}\r\n" for n in range(20))
    path = tmp_path / "log.csv"
    path.write_bytes(
        f'user,item,time\r\n,i5,1005\r\n{rows}"u,1", ,"17"\r\nu2,i1, soon \r\n'.encode()
    )
    with read_log(path) as log:
        shown = [(reject.line, reject.text) for reject in log.rejects]
    assert shown == [(2, ",i5,1005"), (23, '"u,1", ,"17"'), (24, "u2,i1, soon ")]


def test_a_row_of_several_files_is_shown_without_decimals_that_it_has_not(tmp_path: Path) -> None:
    for part in ("part-1.csv", "part-2.csv"):
        rows = "".join(f"u{n % 3},i{n % 4},{n}\n" for n in range(20))
        (tmp_path / part).write_text(f"user,item,time\n{rows},i5,1700000005\n")
    with read_log(tmp_path) as log:
        assert [reject.text for reject in log.rejects] == ["i5, 1700000005"] * 2
