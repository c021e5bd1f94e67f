"""Which files of a folder are read together, and which are passed over."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert4rec.data.ingest import ingest
from bert4rec.data.log import read_log
from bert4rec.data.prepare import prepare
from bert4rec.data.source import open_source
from bert4rec.errors import LogError

PAIRS = [(f"u{n % 10}", f"i{n * 7 % 13}") for n in range(60)]
LOG = "user_id,item_id\n" + "".join(f"{user},{item}\n" for user, item in PAIRS)
TAGS = "user_id,item_id,tag\n" + "".join(f"{user},{item},x\n" for user, item in PAIRS)
PARTS = ("day=2024-05-01/part-0.parquet", "day=2024-05-02/part-0.parquet")


def write_parts(folder: Path, *parts: str) -> None:
    users, items = zip(*PAIRS, strict=True)
    for part in parts:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"user_id": users, "item_id": items}), folder / part)


@pytest.mark.parametrize("beside", ["_SUCCESS", "README.md", "_delta_log/0.json"])
def test_partitions_are_read_whatever_lies_beside_them(beside: str, tmp_path: Path):
    write_parts(tmp_path, *PARTS)
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    (tmp_path / beside).write_text("Nothing to see")
    source = open_source(tmp_path)
    assert source.file_names == PARTS
    assert source.layout.columns == ("user_id", "item_id", "day")
    assert source.passed_over == (beside if "/" not in beside else "_delta_log/",)


@pytest.mark.parametrize("name", ["000000_0", "a.pq", "a.snappy"])
@pytest.mark.parametrize("folder", ["day=", "2024/05/0"])
def test_a_part_is_told_by_its_content_where_its_name_does_not_say_it(
    folder: str, name: str, tmp_path: Path
):
    parts = (f"{folder}1/{name}", f"{folder}2/{name}")
    write_parts(tmp_path, *parts)
    assert [file.relative_to(tmp_path).as_posix() for file in open_source(tmp_path).files] == [
        *parts
    ]


def test_a_part_beside_partitions_that_lacks_their_column_is_not_read_alone(tmp_path: Path):
    write_parts(tmp_path, "late.parquet", *PARTS)
    with pytest.raises(LogError, match=r"several logs .*day=2024-05-01/part-0\.parquet.*late"):
        open_source(tmp_path)


def test_folders_beside_the_files_of_a_log_are_named_as_passed_over(tmp_path: Path):
    for name in ("log.csv", "2023/log.csv", ".hidden/log.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(LOG)
    write_parts(tmp_path, "2024/part.parquet")
    source = open_source(tmp_path)
    assert (source.file_names, source.passed_over) == (("log.csv",), ("2023/", "2024/"))


def test_folders_alone_that_hold_no_parquet_are_said_to_hold_none(tmp_path: Path):
    (tmp_path / "2023").mkdir()
    (tmp_path / "2023" / "log.csv").write_text(LOG)
    with pytest.raises(LogError, match="holds no file, and those in it no Parquet") as caught:
        open_source(tmp_path)
    (pattern,) = re.findall("'(.*csv)'", caught.value.fix)
    assert open_source(pattern).file_names == ("log.csv",)


def test_files_of_several_folders_are_called_by_the_folder_above_them(tmp_path: Path):
    for name in ("logs/day=1/part.csv", "logs/day=2/part.csv"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(LOG)
    assert open_source(tmp_path / "logs/*/*.csv").name == "logs"


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".CSV"])
@pytest.mark.parametrize("name", ["ratings", "Ratings"])
def test_a_log_of_a_usual_name_is_told_by_it_in_any_case_and_packing(
    name: str, ending: str, tmp_path: Path
):
    for stem, text in ((name, LOG), ("tags", TAGS)):
        content = text.encode()
        packed = gzip.compress(content) if ending.endswith(".gz") else content
        (tmp_path / f"{stem}{ending}").write_bytes(packed)
    source = open_source(tmp_path)
    assert source.file_names == (f"{name}{ending}",)
    assert source.passed_over == (f"tags{ending}",)


def test_packed_recbole_files_are_told_apart_and_give_their_titles(tmp_path: Path):
    rows = "".join(f"{user}\t{item}\n" for user, item in PAIRS)
    titles = "".join(f"i{n}\tTitle {n}\n" for n in range(13))
    files = {
        "a.inter.gz": f"user_id:token\titem_id:token\n{rows}",
        "a.item.gz": f"item_id:token\ttitle:token_seq\n{titles}",
    }
    (tmp_path / "log").mkdir()
    for name, text in files.items():
        (tmp_path / "log" / name).write_bytes(gzip.compress(text.encode()))
    made = prepare(tmp_path / "log", workspace=tmp_path / "w")
    assert made.manifest["source"]["files"] == ["a.inter.gz"]
    assert made.vocabulary.titles[:2] == ["Title 0", "Title 7"]


@pytest.mark.parametrize("name", ["user_id", "User_ID"])
def test_a_parquet_file_with_a_name_twice_is_refused(name: str, tmp_path: Path):
    users, items = zip(*PAIRS, strict=True)
    columns = [pa.array(column) for column in (users, users, items)]
    table = pa.Table.from_arrays(columns, names=["user_id", name, "item_id"])
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(LogError, match="column 'user_id' is there more than once") as caught:
        open_source(tmp_path / "log.parquet")
    assert caught.value.where == "log.parquet"


def with_tabs(*, has_quotes: bool) -> str:
    sign = '"' * has_quotes
    rows = (f"{sign}{user}{sign}\t{sign}{item}{sign}\n" for user, item in PAIRS)
    return f"{sign}user_id{sign}\t{sign}item_id{sign}\n" + "".join(rows)


def pairs_of(path: Path) -> list[tuple[str, str]]:
    with read_log(path) as log:
        assert not log.n_rejected
        rows = log.rows.frame()
    return list(zip(rows["user_id"], rows["item_id"], strict=True))


@pytest.mark.parametrize("quoted", ["part-1.tsv", "part-2.tsv"])
def test_ids_are_the_same_whichever_part_has_quotes(quoted: str, tmp_path: Path):
    for name in ("part-1.tsv", "part-2.tsv"):
        (tmp_path / name).write_text(with_tabs(has_quotes=name == quoted))
    with (tmp_path / quoted).open("a") as file:
        file.write('"u1"\t"one\titem"\n')
    expected = [*PAIRS, *PAIRS]
    expected.insert(60 if quoted == "part-1.tsv" else 120, ("u1", "one\titem"))
    assert pairs_of(tmp_path) == expected


def test_quotes_between_tabs_that_come_late_are_no_part_of_an_id(tmp_path: Path):
    rows = "".join(f"{user}\t{item}\n" for user, item in PAIRS * 10)
    late = 'u1\t"say ""hello"""\n"u2"\ti2\nu3\t"Heroes\n'
    (tmp_path / "log.tsv").write_text(f"user_id\titem_id\n{rows}{late}")
    assert pairs_of(tmp_path / "log.tsv")[600:] == [
        ("u1", 'say "hello"'),
        ("u2", "i2"),
        ("u3", '"Heroes'),
    ]


def test_a_log_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Its fingerprint was that of other rows than those of the dataset.
    (tmp_path / "log.csv").write_text(LOG)

    def meanwhile(*words: object, **options: object):
        with (tmp_path / "log.csv").open("a") as file:
            file.write("u1,i1\n")
        return ingest(*words, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("bert4rec.data.log.ingest", meanwhile)
        with pytest.raises(LogError, match=r"'log\.csv' changed while it was read") as caught:
            prepare(tmp_path / "log.csv", workspace=tmp_path / "workspace")
    assert "give a copy" in str(caught.value)
    assert not list((tmp_path / "workspace").glob("*/*"))
    assert len(pairs_of(tmp_path / "log.csv")) == 61
