from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from bert4rec.data.log import InteractionLog, Roles, preview_log, read_log
from bert4rec.errors import LogError
from tests.factories import columns_of

# Users and items in an order that no sorting gives; equal times; ids that look like numbers.
RECORDS = [
    ("zoe", "7", 1_700_000_300),
    ("abe", "3", 1_700_000_100),
    ("zoe", "3", 1_700_000_300),
    ("007", "x y", 1_700_000_200),
    ("abe", "7", 1_700_000_050),
]
HEADER = ("user_id", "item_id", "timestamp")


def delimited(delimiter: str, header: tuple[str, ...] | None = HEADER) -> str:
    rows = [*([header] if header else []), *RECORDS]
    return "".join(delimiter.join(str(cell) for cell in row) + "\n" for row in rows)


def records_of(log: InteractionLog) -> list[tuple[str, str, float]]:
    return columns_of(log, "user_id", "item_id", "time_s")


def json_lines() -> str:
    rows = [dict(zip(HEADER, record, strict=True)) for record in RECORDS]
    return "".join(json.dumps(row) + "\n" for row in rows)


TEXTS = {
    "csv": (delimited(","), "csv"),
    "tsv": (delimited("\t"), "tsv"),
    "semicolons": (delimited(";"), "csv"),
    "bars": (delimited("|"), "csv"),
    "tildes": (delimited("~"), "csv"),
    "Windows": (delimited(",").replace("\n", "\r\n"), "csv"),
    "byte order mark": ("\ufeff" + delimited(","), "csv"),
    "quoted": (delimited(",").replace("x y", '"x y"'), "csv"),
    "no last line end": (delimited(",").rstrip("\n"), "csv"),
    "JSON Lines": (json_lines(), "jsonl"),
    "RecBole": (
        delimited("\t", ("user_id:token", "item_id:token", "timestamp:float")),
        "recbole",
    ),
}


def check_reads(path: Path, form: str) -> None:
    preview = preview_log(path)
    assert preview.form == form
    assert preview.form_reason
    assert preview.roles() == Roles(*HEADER)
    assert preview.rows.iloc[0].tolist() == [str(cell) for cell in RECORDS[0]]
    with read_log(path) as log:
        assert records_of(log) == RECORDS
        assert (log.n_rows_read, log.n_rejected, log.rejects) == (5, 0, ())
        assert "Unix seconds" in log.time_reason


@pytest.mark.parametrize("name", TEXTS)
def test_every_form_of_text_gives_the_same_interactions(name: str, tmp_path: Path):
    text, form = TEXTS[name]
    path = tmp_path / "log.txt"
    path.write_bytes(text.encode())
    check_reads(path, form)


@pytest.mark.parametrize("name", ["csv", "JSON Lines", "RecBole"])
@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed_files_are_read_whatever_their_ending(name: str, packing: str, tmp_path: Path):
    text, form = TEXTS[name]
    path = tmp_path / "log.txt"
    with pa.output_stream(str(path), compression=packing) as file:
        file.write(text.encode())
    check_reads(path, form)


def test_parquet_is_read_with_its_types(tmp_path: Path):
    frame = pd.DataFrame(RECORDS, columns=list(HEADER))
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], unit="s")
    frame.to_parquet(tmp_path / "log.parquet")
    preview = preview_log(tmp_path / "log.parquet")
    assert [column.dtype for column in preview.columns] == ["text", "text", "timestamp"]
    with read_log(tmp_path / "log.parquet") as log:
        assert records_of(log) == RECORDS


def test_ids_that_a_gap_made_floats_are_whole_again(tmp_path: Path):
    frame = pd.DataFrame({"user": [7.0, 8.0, None, 7.0], "item": [1, 2, 3, 3]})
    frame.to_parquet(tmp_path / "log.parquet")
    with read_log(tmp_path / "log.parquet") as log:
        assert [row[0] for row in records_of(log)] == ["7", "8", "7"]
        assert [reject.reason for reject in log.rejects] == ["no user id"]


def test_movielens_ratings_are_told_by_their_delimiter(tmp_path: Path):
    (tmp_path / "ratings.dat").write_text("1::10::5::978300760\n2::11::3::978302109\n")
    with read_log(tmp_path / "ratings.dat") as log:
        assert log.form == "movielens"
        assert log.roles == Roles("user", "item", "timestamp", "rating")
        assert records_of(log) == [("1", "10", 978300760.0), ("2", "11", 978302109.0)]


def test_fields_parted_by_two_colons_may_have_a_header(tmp_path: Path):
    lines = ["userId::movieId::when", *(f"{n % 3}::{n % 4}::{n}" for n in range(20))]
    (tmp_path / "log.dat").write_text("\n".join(lines) + "\n")
    with read_log(tmp_path / "log.dat", Roles("userId", "movieId", "when")) as log:
        assert columns_of(log, "user_id", "item_id")[:2] == [("0", "0"), ("1", "1")]
        assert log.n_rows_read == 20


def test_movielens_tab_files_need_no_header(tmp_path: Path):
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    with read_log(tmp_path / "u.data") as log:
        assert log.form == "movielens"
        assert log.rows.frame()["value"].tolist() == [3.0, 3.0]


def test_a_pair_file_is_in_the_order_of_its_lines(tmp_path: Path):
    (tmp_path / "pairs.txt").write_text("2 9\n1 3\n2 1\n1 9\n")
    with read_log(tmp_path / "pairs.txt") as log:
        assert (log.form, log.has_times) == ("pairs", False)
        assert [row[:2] for row in records_of(log)] == [
            ("2", "9"), ("1", "3"), ("2", "1"), ("1", "9")
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('"u1"\t"i 1"\n"u2"\t"i2"\n"u1"\t"i2"\n', None),
        ('"u1" "i 1"\n"u2" "i2"\n"u1" "i2"\n', None),
        ('"u1","i 1"\n"u2","i2"\n"u1","i2"\n', "pairs"),
        ('"u1"\t"i 1"\t5\t978300760\n"u2"\t"i2"\t5\t978300761\n"u1"\t"i2"\t4\t978300762\n', None),
    ],
)
def test_quotes_around_ids_without_a_header_are_no_part_of_them(
    text: str, form: str | None, tmp_path: Path
):
    (tmp_path / "log.txt").write_text(text)
    expected = [("u1", "i 1"), ("u2", "i2"), ("u1", "i2")]
    seen = preview_log(tmp_path / "log.txt", form=form).rows
    assert list(seen[["user", "item"]].itertuples(index=False, name=None)) == expected
    with read_log(tmp_path / "log.txt", form=form) as log:
        assert columns_of(log, "user_id", "item_id") == expected


def test_quotes_far_below_the_first_lines_of_pairs_are_taken_off(tmp_path: Path):
    (tmp_path / "log.txt").write_text("1\t2\n" * 600 + '3\t"4"\n')
    with read_log(tmp_path / "log.txt") as log:
        assert columns_of(log, "user_id", "item_id")[-1] == ("3", "4")


def test_a_line_of_items_after_a_user_is_a_sequence(tmp_path: Path):
    (tmp_path / "sequences.txt").write_text("7 3 1 2\n5 1\n\n6 2 2\n8\n")
    with read_log(tmp_path / "sequences.txt") as log:
        assert log.form == "sequences"
        assert [row[:2] for row in records_of(log)] == [
            ("7", "3"), ("7", "1"), ("7", "2"), ("5", "1"), ("6", "2"), ("6", "2")
        ]  # fmt: skip
        assert [reject.reason for reject in log.rejects] == ["no item id"]


def test_every_bad_line_is_counted_with_number_reason_and_text(tmp_path: Path):
    lines = delimited(",").splitlines()
    bad = ["short,line", "a,b,1700000000,d", ",3,1700000000", "abe,3,never", "abe,,1700000000"]
    text = "\n".join([*lines[:3], bad[0], *lines[3:], *bad[1:], *lines[1:]])
    (tmp_path / "log.csv").write_text(text)
    with read_log(tmp_path / "log.csv") as log:
        assert log.n_rows_read == 15
        assert log.n_rejected == 5
        assert [(r.line, r.reason) for r in log.rejects] == [
            (4, "missing columns"),
            (8, "too many columns"),
            (9, "no user id"),
            (10, "no readable time"),
            (11, "no item id"),
        ]
        assert log.rejects[0].text == "short,line"
        assert "never" in log.rejects[3].text
        assert {reject.file for reject in log.rejects} == {"log.csv"}
        assert records_of(log) == RECORDS + RECORDS


def test_bad_json_lines_are_counted(tmp_path: Path):
    text = json_lines() + '{"user_id": 1,\n[1, 2]\n{"user_id": "abe"}\n' + json_lines()
    (tmp_path / "log.jsonl").write_text(text)
    with read_log(tmp_path / "log.jsonl") as log:
        assert [(r.line, r.reason) for r in log.rejects] == [
            (6, "not a JSON object"),
            (7, "not a JSON object"),
            (8, "no item id"),
        ]
        assert log.n_rows_read == 13


def test_an_open_quote_does_not_swallow_the_lines_after_it(tmp_path: Path):
    rows = "".join(f"u{n % 5},i{n % 7},{n}\n" for n in range(5000))
    (tmp_path / "log.csv").write_text('user,item,time\n"a ""b""",i1,1\n' + '"open,i1,2\n' + rows)
    with read_log(tmp_path / "log.csv") as log:
        assert (log.n_rows_read, log.n_rejected) == (5002, 0)
        assert [row[0] for row in records_of(log)[:3]] == ['a "b"', '"open', "u0"]


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("n_rows", [3, 2_000])
def test_rows_may_all_go_on_in_the_next_line(n_rows: int, delimiter: str, tmp_path: Path):
    # The first lines, which tell the form, end within a row.
    rows = [
        delimiter.join((f"u{n % 2}", f'"i\n{n % 7}"', f"{n}", f'"part one\nof {n}"\n'))
        for n in range(n_rows)
    ]
    path = tmp_path / "log.csv"
    path.write_text(delimiter.join(("user", "item", "time", "note\n")) + "".join(rows))
    with read_log(path) as log:
        assert (log.n_rows_read, log.n_rejected) == (n_rows, 0)
        assert records_of(log) == [(f"u{n % 2}", f"i\n{n % 7}", n) for n in range(n_rows)]


def test_the_parts_of_a_split_are_read_as_a_history_runs_through_them(tmp_path: Path):
    for part, items in (("test", "d"), ("train", "ab"), ("valid", "c")):
        lines = "".join(f"{user},{item}\n" for user in "uv" for item in items)
        (tmp_path / f"plays.{part}.csv").write_text("user,item\n" + lines)
    with read_log(tmp_path) as log:
        assert columns_of(log, "item_id") == [(item,) for item in "ababccdd"]


def test_a_folder_of_parts_is_read_in_the_order_of_their_numbers(tmp_path: Path):
    for number in (10, 2, 1):
        (tmp_path / f"part-{number}.csv").write_text(f"user,item\nu{number},i1\nu{number},i2\n")
    (tmp_path / "README.md").write_text("About the parts")
    with read_log(tmp_path) as log:
        assert [row[0] for row in records_of(log)] == ["u1", "u1", "u2", "u2", "u10", "u10"]
        assert log.source_name == tmp_path.name
    with read_log(tmp_path / "part-*.csv") as log:
        assert log.n_rows_read == 6


def test_the_files_that_are_taken_and_those_passed_over_are_named(tmp_path: Path):
    for number in (1, 2):
        (tmp_path / f"part-{number}.csv").write_text("user,item\nu1,i1\nu2,i2\n")
    (tmp_path / "notes.txt").write_text("About the parts\n")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    (tmp_path / "cover.png").write_bytes(b"\x89PNG\x00")
    preview = preview_log(tmp_path)
    assert preview.files == ("part-1.csv", "part-2.csv")
    assert preview.passed_over == ("_SUCCESS", "cover.png", "notes.txt")
    assert preview_log(tmp_path / "part-*.csv").passed_over == ()


@pytest.mark.parametrize("content", [b"", b" \n", gzip.compress(b"", mtime=0)])
def test_parts_that_are_empty_are_passed_over_and_named(content: bytes, tmp_path: Path):
    for number in (2, 3):
        (tmp_path / f"part-{number}.csv").write_text("user,item\nu1,i1\nu2,i2\n")
    for number in (1, 4):
        (tmp_path / f"part-{number}.csv").write_bytes(content)
    for path in (tmp_path, tmp_path / "part-*.csv"):
        preview = preview_log(path)
        assert preview.files == ("part-2.csv", "part-3.csv")
        assert preview.passed_over == ("part-1.csv", "part-4.csv")
        with read_log(path) as log:
            assert (log.n_rows_read, log.n_rejected) == (4, 0)


def test_parts_in_folders_that_are_passed_over_are_named_with_their_folders(tmp_path: Path):
    for day in (1, 2, 3):
        (tmp_path / f"day={day}").mkdir()
        frame = pd.DataFrame({"user": list("aabbcc"), "item": list("xyyzzx")})
        frame.to_parquet(tmp_path / f"day={day}" / "part.parquet")
    (tmp_path / "day=2" / "part.parquet").write_bytes(b"")
    assert preview_log(tmp_path).passed_over == ("day=2/part.parquet",)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_file_whose_name_is_no_text_can_be_passed_over(tmp_path: Path):
    (tmp_path / "part-1.csv").write_text("user,item\nu1,i1\nu2,i2\n")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("About the parts\n")
    assert preview_log(tmp_path).passed_over == ("caf?.txt",)


def test_parts_for_training_and_testing_are_one_log_beside_lists_of_names(tmp_path: Path):
    (tmp_path / "train.csv").write_text("2\n5,6\n1,0\n3\n5,6,7\n0,0,1\n")
    (tmp_path / "test.csv").write_text("1\n9\n1\n2\n6,7\n0,1\n")
    (tmp_path / "names.txt").write_text("5\tadding\n6\ttaking away\n7\tdividing\n9\troots\n")
    (tmp_path / "ids.txt").write_text("1\t5\n2\t6\n3\t7\n")
    with read_log(tmp_path) as log:
        assert log.form == "triples"
        assert [row[1] for row in records_of(log)] == list("56567967")


def test_quotes_around_a_line_end_are_quotes_between_tabs_too(tmp_path: Path):
    rows = "".join(f"u{n % 3}\ti{n % 4}\t{1_700_000_000 + n}\n" for n in range(20))
    text = f'user\titem\ttime\n{rows}u1\t"two\nlines"\t7\n{rows}'
    (tmp_path / "log.tsv").write_text(text)
    with read_log(tmp_path / "log.tsv") as log:
        assert (log.n_rows_read, log.n_rejected) == (41, 0)
        assert records_of(log)[20] == ("u1", "two\nlines", 7.0)


def test_a_quote_that_opens_a_name_between_tabs_is_a_letter(tmp_path: Path):
    rows = "".join(f"u{n % 3}\ti{n % 4}\t{1_700_000_000 + n}\n" for n in range(20))
    (tmp_path / "log.tsv").write_text(f'user\titem\ttime\n{rows}u1\t"Heroes\t7\n{rows}')
    with read_log(tmp_path / "log.tsv") as log:
        assert (log.n_rows_read, log.n_rejected) == (41, 0)
        assert records_of(log)[20] == ("u1", '"Heroes', 7.0)


def test_files_of_other_columns_are_not_read_together(tmp_path: Path):
    (tmp_path / "a.csv").write_text("user,item\nu1,i1\n")
    (tmp_path / "b.csv").write_text("user,item,time\nu1,i1,1\n")
    with pytest.raises(LogError, match=r"b\.csv does not have the columns and form of a\.csv"):
        read_log(tmp_path / "*.csv")


def test_a_path_may_hold_the_signs_of_a_glob(tmp_path: Path):
    path = tmp_path / "log[1] of 2*.csv"
    path.write_text(delimited(","))
    with read_log(path) as log:
        assert records_of(log) == RECORDS


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "\nSEP=;"])
def test_a_line_that_tells_excel_the_delimiter_is_no_header(first: str, tmp_path: Path):
    text = (
        f"{first}\nuser;item;time;score\na;x;01.02.2024;4,5\n;y;02.02.2024;4\nb;z;29.02.2024;4,0\n"
    )
    (tmp_path / "log.csv").write_bytes(text.replace("\n", "\r\n").encode())
    with read_log(tmp_path / "log.csv") as log:
        assert columns_of(log, "user_id", "item_id") == [("a", "x"), ("b", "z")]
        (reject,) = log.rejects
    assert (reject.line, reject.text) == (
        text[: text.index("\n;y") + 1].count("\n") + 1,
        ";y;02.02.2024;4",
    )


def test_column_names_cannot_break_out_of_the_query(tmp_path: Path):
    name = 'user"; DROP TABLE raw; --'
    rows = delimited(",", None)
    (tmp_path / "log.csv").write_text(f'"{name.replace(chr(34), chr(34) * 2)}",item_id,\'x\n{rows}')
    with read_log(tmp_path / "log.csv", Roles(name, "item_id", "'x")) as log:
        assert records_of(log) == RECORDS


def test_equal_content_has_an_equal_hash_whatever_its_name(tmp_path: Path):
    hashes = []
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(delimited(","))
        with read_log(tmp_path / name) as log:
            hashes.append(log.source_hash)
    (tmp_path / "c.csv").write_text(delimited(",") + "abe,3,1700000000\n")
    with read_log(tmp_path / "c.csv") as log:
        assert log.source_hash not in hashes
    assert hashes[0] == hashes[1]


def test_the_workspace_of_a_log_may_be_named_by_a_text(tmp_path: Path):
    (tmp_path / "log.csv").write_text(delimited(","))
    with read_log(tmp_path / "log.csv", workspace=str(tmp_path / "there")) as log:
        assert len(records_of(log)) == len(RECORDS)
    assert (tmp_path / "there").is_dir()


def test_a_preview_reads_only_the_head(tmp_path: Path):
    path = tmp_path / "log.csv.gz"
    # What comes after the first megabyte is damaged, which only a full read can see.
    whole = gzip.compress((delimited(",") + "abe,3,1700000000\n" * 500_000).encode())
    path.write_bytes(whole[:-20])
    assert preview_log(path).roles() == Roles(*HEADER)
    with pytest.raises(LogError):
        read_log(path)


def test_an_accent_among_the_last_bytes_of_a_latin_1_file_is_kept(tmp_path: Path):
    (tmp_path / "log.csv").write_bytes("user,item\nu1,i1\nu2,i2\nu1,né".encode("latin-1"))
    with read_log(tmp_path / "log.csv") as log:
        assert records_of(log)[-1][:2] == ("u1", "né")
        assert log.n_rejected == 0


COUNTED = {
    "blank lines": ["", "{good}", "", "", "{bad}", "{good}", "{uncut}", "", "{bad}"],
    "line ends in quotes": [
        '"a\n\nb",3,1700000000',
        "{uncut}",
        '"a\nb",3,never',
        "{good}",
        "{bad}",
    ],
    "quotes in a field": ['5" a,3,1700000000', "{bad}", '6" b,3,1700000000', "{uncut}", "{bad}"],
    "an open quote": ["{good}", '"open,3,1700000000', "{uncut}", "", "{bad}", *["{good}"] * 9],
    "a long field": ["{good}", "x" * 200_000 + ",3,1700000000", "{bad}", "{good}", "{uncut}"],
}


@pytest.mark.parametrize("case", COUNTED)
@pytest.mark.parametrize("packing", [None, "gzip", "zstd"])
def test_a_bad_line_has_the_number_that_an_editor_shows(
    case: str, packing: str | None, tmp_path: Path
):
    named = {"good": "abe,7,1700000000", "bad": "zoe,3,never", "uncut": "short,line"}
    text = "\n".join([",".join(HEADER), *COUNTED[case], "{good}", "zoe,8,1"]).format(**named) + "\n"
    with pa.output_stream(str(tmp_path / "log.csv"), compression=packing) as file:
        file.write(text.encode())
    shown = text.split("\n")
    expected = [
        n for n, line in enumerate(shown, start=1) if "never" in line or line == "short,line"
    ]
    # A record of several lines stands where it starts.
    expected = [n - (shown[n - 1] == 'b",3,never') for n in expected]
    with read_log(tmp_path / "log.csv") as log:
        assert [reject.line for reject in log.rejects] == expected


def test_bad_json_lines_are_numbered_past_blank_ones(tmp_path: Path):
    text = "\n" + json_lines() + "  \n\t\n" + '{"user_id": 1,\n' + "\n" + json_lines() + '{"a": 1}'
    (tmp_path / "log.jsonl").write_text(text)
    with read_log(tmp_path / "log.jsonl") as log:
        assert [reject.line for reject in log.rejects] == [9, 16]


def test_a_line_of_items_may_be_indented(tmp_path: Path):
    (tmp_path / "sequences.txt").write_text("\t7 3 1\n  5 1 3\t\n\t\n6 2\t2\n")
    with read_log(tmp_path / "sequences.txt", form="sequences") as log:
        assert [row[:2] for row in records_of(log)] == [
            ("7", "3"), ("7", "1"), ("5", "1"), ("5", "3"), ("6", "2"), ("6", "2")
        ]  # fmt: skip
        assert log.n_rejected == 0


def test_parts_are_in_order_whatever_numbers_their_names_hold(tmp_path: Path):
    for name in ("a1²2.csv", "a10²1.csv", "a2².csv"):
        (tmp_path / name).write_text("user,item\n" + f"{name[:3]},1\n{name[:3]},2\n")
    with read_log(tmp_path, Roles("user", "item")) as log:
        users = log.rows.frame()["user_id"].tolist()
    assert users == ["a1²", "a1²", "a2²", "a2²", "a10", "a10"]


def test_a_pattern_that_is_none_is_told(tmp_path: Path):
    # Python 3.13 takes it for a pattern that nothing matches.
    with pytest.raises(LogError, match=r"no file matches|is no pattern"):
        preview_log(tmp_path / "**s.csv")


def test_the_home_of_nobody_is_not_there():
    with pytest.raises(LogError, match=r"no file 'plays\.csv'"):
        preview_log("~nosuchuser/plays.csv")
