"""Folders such as day=2024-05-17 are a column of the files in them, whatever their form."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.log import preview_log, read_log
from bert4rec.data.prepare import prepare
from bert4rec.data.roles import Roles
from bert4rec.errors import LogError

ROWS = [(f"u{n % 7}", f"i{n * 5 % 11}") for n in range(42)]
PARTS = {"day=2024-05-01/hour=2": ROWS[:21], "day=2024-05-02/hour=1": ROWS[21:]}


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    return ("user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in rows)).encode()


def as_tsv(rows: list[tuple[str, str]]) -> bytes:
    return as_csv(rows).replace(b",", b"\t")


def as_lines(rows: list[tuple[str, str]]) -> bytes:
    records = (json.dumps({"user_id": u, "item_id": i}) for u, i in rows)
    return "\n".join(records).encode()


def as_document(rows: list[tuple[str, str]]) -> bytes:
    return json.dumps([{"user_id": u, "item_id": i} for u, i in rows]).encode()


def as_utf_16(rows: list[tuple[str, str]]) -> bytes:
    return as_csv(rows).decode().encode("utf-16")


def as_gzip(rows: list[tuple[str, str]]) -> bytes:
    return gzip.compress(as_csv(rows))


WRITERS = [as_csv, as_tsv, as_lines, as_document, as_utf_16, as_gzip]


def write_parts(folder: Path, write=as_csv, name: str = "part-0") -> Path:
    for part, rows in PARTS.items():
        (folder / part).mkdir(parents=True)
        (folder / part / name).write_bytes(write(rows))
    return folder


@pytest.mark.parametrize("write", WRITERS)
def test_partitions_of_any_form_are_columns(write, tmp_path: Path):
    write_parts(tmp_path / "log", write)
    (tmp_path / "log" / "_SUCCESS").write_bytes(b"")
    preview = preview_log(tmp_path / "log")
    assert [column.name for column in preview.columns] == ["user_id", "item_id", "day", "hour"]
    assert list(preview.rows["day"].unique()) == ["2024-05-01"]
    assert preview.files == ("day=2024-05-01/hour=2/part-0", "day=2024-05-02/hour=1/part-0")
    with read_log(tmp_path / "log", roles=Roles("user_id", "item_id", "day")) as log:
        rows = log.rows.frame()
    assert list(zip(rows["user_id"], rows["item_id"], strict=True)) == ROWS
    days = pd.to_datetime(rows["time_s"], unit="s").dt.strftime("%Y-%m-%d")
    assert list(days) == ["2024-05-01"] * 21 + ["2024-05-02"] * 21


def test_the_histories_are_those_of_the_same_table_in_one_file(tmp_path: Path):
    write_parts(tmp_path / "log")
    lines = [f"{u},{i},{part[4:14]}" for part, rows in PARTS.items() for u, i in rows]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id,day", *lines]))
    parted, whole = (
        prepare(tmp_path / name, workspace=tmp_path / "w") for name in ("log", "log.csv")
    )
    assert parted.items.tolist() == whole.items.tolist()
    assert parted.times_s.tolist() == whole.times_s.tolist()


def test_lines_that_cannot_be_used_are_counted_beside_partitions(tmp_path: Path):
    write_parts(tmp_path / "log")
    with (tmp_path / "log/day=2024-05-02/hour=1/part-0").open("a") as file:
        file.write("u1\nu2,\n")
    with read_log(tmp_path / "log") as log:
        assert log.reject_reasons == {"missing columns": 1, "no item id": 1}


def test_a_glob_and_a_single_part_have_the_column_too(tmp_path: Path):
    write_parts(tmp_path / "log", name="part-0.csv")
    for path in ("log/*/*/*.csv", "log/day=2024-05-01/hour=2/part-0.csv"):
        names = [column.name for column in preview_log(tmp_path / path).columns]
        assert names == ["user_id", "item_id", "day", "hour"]


def test_a_column_of_the_file_itself_goes_before_a_partition_of_its_name(tmp_path: Path):
    (tmp_path / "log" / "Item_ID=7").mkdir(parents=True)
    (tmp_path / "log" / "Item_ID=7" / "part.csv").write_bytes(as_csv(ROWS))
    preview = preview_log(tmp_path / "log")
    assert [column.name for column in preview.columns] == ["user_id", "item_id"]


def test_signs_in_a_partition_are_read_as_spark_writes_them(tmp_path: Path):
    for value, rows in (("a%3Ab c", ROWS[:21]), ("__HIVE_DEFAULT_PARTITION__", ROWS[21:])):
        (tmp_path / f"log/kind={value}").mkdir(parents=True)
        (tmp_path / f"log/kind={value}" / "part.csv").write_bytes(as_csv(rows))
    roles = Roles("user_id", "item_id", event="kind")
    with read_log(tmp_path / "log", roles=roles) as log:
        assert set(log.rows.frame()["event"].dropna()) == {"a:b c"}
    shown = {preview_log(file).rows["kind"][0] for file in tmp_path.rglob("part.csv")}
    assert shown == {"a:b c", ""}


def test_the_logs_of_single_persons_in_folders_of_their_names_are_one_log(tmp_path: Path):
    for user in ("anna", "bert"):
        (tmp_path / "plays" / f"user_id={user}").mkdir(parents=True)
        plays = [{"endTime": f"2024-01-0{n} 10:00", "trackName": f"T{n}"} for n in range(1, 5)]
        (tmp_path / "plays" / f"user_id={user}" / "plays.json").write_text(json.dumps(plays))
    with read_log(tmp_path / "plays", roles=Roles("user_id", "trackName", "endTime")) as log:
        assert list(log.rows.frame()["user_id"]) == ["anna"] * 4 + ["bert"] * 4


def test_parts_that_share_no_partitions_are_not_read_together(tmp_path: Path):
    write_parts(tmp_path / "log")
    (tmp_path / "log/day=2024-05-03").mkdir()
    (tmp_path / "log/day=2024-05-03" / "part-0").write_bytes(as_csv(ROWS))
    with pytest.raises(LogError, match="several logs of different columns"):
        preview_log(tmp_path / "log")


def test_the_same_files_in_other_partitions_are_another_log(tmp_path: Path):
    write_parts(tmp_path / "one/log")
    write_parts(tmp_path / "two/log")
    (tmp_path / "two/log/day=2024-05-02").rename(tmp_path / "two/log/day=2024-05-03")
    one, two = (
        prepare(tmp_path / name / "log", workspace=tmp_path / "w") for name in ("one", "two")
    )
    assert one.manifest["fingerprint"] != two.manifest["fingerprint"]
