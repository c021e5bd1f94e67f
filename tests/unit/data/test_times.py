from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.checks import check_dataset
from bert4rec.data.first_sequences import first_sequences
from bert4rec.data.log import preview_log, read_log
from bert4rec.data.prepare import PrepareSettings, prepare
from bert4rec.errors import LogError

# 2024-05-17 20:15:30 UTC
MOMENT_S = 1_715_976_930.0


@pytest.mark.parametrize(
    ("text", "expected_s", "reason"),
    [
        ("1715976930", MOMENT_S, "Unix seconds"),
        ("1715976930.25", MOMENT_S + 0.25, "Unix seconds"),
        ("1715976930000", MOMENT_S, "Unix milliseconds"),
        ("1715976930000000", MOMENT_S, "Unix microseconds"),
        ("1715976930000000000", MOMENT_S, "Unix nanoseconds"),
        ("17", 17.0, "counters"),
        ("2024-05-17 20:15:30", MOMENT_S, "ISO 8601"),
        ("2024-05-17T20:15:30Z", MOMENT_S, "ISO 8601"),
        ("2024-05-17T22:15:30+02:00", MOMENT_S, "ISO 8601"),
        ("2024-05-17", MOMENT_S - 72_930, "ISO 8601"),
        ("20240517", MOMENT_S - 72_930, "YYYYMMDD"),
        ("05/17/2024 20:15:30", MOMENT_S, "%m/%d/%Y"),
        ("17.05.2024 20:15:30", MOMENT_S, "%d.%m.%Y"),
        ("17/05/2024 20:15", MOMENT_S - 30, "%d/%m/%Y"),
        ("May 17, 2024", MOMENT_S - 72_930, "%b %d, %Y"),
    ],
)
def test_times_are_told_by_size_or_form(text, expected_s, reason, tmp_path: Path):
    rows = f'u1,i1,"{text}"\nu2,i2,"{text}"\nu1,i2,"{text}"\n'
    (tmp_path / "log.csv").write_text("user,item,time\n" + rows)
    with read_log(tmp_path / "log.csv") as log:
        assert set(log.rows.frame()["time_s"]) == {expected_s}
        assert reason in log.time_reason


def test_counters_order_a_playlist_without_pretending_to_be_dates(tmp_path: Path):
    (tmp_path / "log.csv").write_text(
        "playlist_id,track_id,pos\np,c,3\np,a,1\np,b,2\nq,a,2\nq,c,1\n"
    )
    dataset = prepare(
        tmp_path / "log.csv", workspace=tmp_path, settings=PrepareSettings(min_sequence_length=1)
    )
    titles = [[dataset.vocabulary.item_id(i) for i in dataset.history(u)] for u in range(2)]
    assert titles == [["a", "b", "c"], ["c", "a"]]


@pytest.mark.parametrize("bad", ["nan", "inf", "1e999", ""])
def test_a_number_that_is_no_moment_is_rejected(bad: str, tmp_path: Path):
    rows = "u1,i1,1700000000\nu2,i2,1700000001\n"
    (tmp_path / "log.csv").write_text(f"user,item,time\n{rows}u1,i2,{bad}\n")
    with read_log(tmp_path / "log.csv") as log:
        assert [reject.reason for reject in log.rejects] == ["no readable time"]


@pytest.mark.parametrize(
    ("usual", "beyond"),
    [
        ("1700000000", "1e30"),
        ("1700000000", "-1e30"),
        ("1700000000", "253402300800"),
        ("1700000000", "-62135596801"),
        ("1700000000", "1700000000000"),
        ("1700000000000", "1000000000000000000000000000000"),
        ("17", "1e30"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_number_that_no_calendar_holds_is_rejected_and_not_a_duplicate(
    usual: str, beyond: str, form: str, tmp_path: Path
):
    # One user and item with different times that float64 does not tell apart.
    rows = [("u1", "i1", float(usual) + n) for n in range(9)]
    rows += [("u2", "i2", float(usual))] + [("u1", "i1", float(beyond))] * 3
    path = tmp_path / f"log.{form}"
    frame = pd.DataFrame(rows, columns=["user", "item", "time"])
    getattr(frame, f"to_{form}")(path, index=False)
    reasons = {"a time outside the years 1 to 9999": 3}
    preview = preview_log(path)
    assert first_sequences(preview, preview.roles()).reject_reasons == reasons
    dataset = prepare(path, workspace=tmp_path, settings=PrepareSettings(min_sequence_length=1))
    assert dataset.manifest["reject_reasons"] == reasons
    assert dataset.manifest["report"]["duplicate"] == 0
    checks = [check for check in check_dataset(dataset) if "rejected" in check.message]
    assert "milliseconds among seconds" in checks[0].fix


@pytest.mark.parametrize("moment", ["253402300799", "-62135596800", "9999-12-31"])
def test_the_first_and_the_last_moment_of_the_calendar_are_times(moment: str, tmp_path: Path):
    usual = "2024-05-17" if "-" in moment[1:] else "1700000000"
    rows = f"u1,i1,{usual}\nu2,i2,{usual}\nu1,i2,{usual}\nu2,i1,{moment}\n"
    (tmp_path / "log.csv").write_text("user,item,time\n" + rows)
    with read_log(tmp_path / "log.csv") as log:
        assert log.n_rejected == 0


def test_a_column_most_of_whose_numbers_no_calendar_holds_is_refused(tmp_path: Path):
    rows = [f"u{n % 2},i{n},{1700000000 if n < 4 else f'{n}e30'}" for n in range(10)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    with pytest.raises(LogError, match="outside the years 1 to 9999") as told:
        read_log(tmp_path / "log.csv")
    assert told.value.details["column"] == "time"
    assert "Choose the column of the times" in told.value.fix


@pytest.mark.parametrize("gap", [float("nan"), float("inf")])
def test_a_column_of_floats_without_a_finite_one_holds_no_times(gap: float, tmp_path: Path):
    frame = pd.DataFrame({"user": list("aabb"), "item": list("xyyx"), "time": [gap] * 4})
    frame.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(LogError, match="holds no times"):
        read_log(tmp_path / "log.parquet")


@pytest.mark.parametrize(("moment", "reason"), [("1715976930", "Unix"), ("2024-05-17", "ISO")])
def test_values_that_are_not_finite_do_not_count_when_a_column_is_judged(
    moment: str, reason: str, tmp_path: Path
):
    rows = f"u1,i1,{moment}\nu2,i2,{moment}\n" * 3 + "u1,i2,inf\nu1,i2,infinity\nu1,i2,nan\n"
    (tmp_path / "log.csv").write_text("user,item,time\n" + rows)
    with read_log(tmp_path / "log.csv") as log:
        assert reason in log.time_reason
        assert (log.n_rows_read, log.n_rejected) == (9, 3)


def test_times_of_a_time_type_are_read_in_one_go(tmp_path: Path):
    moments = pd.to_datetime([MOMENT_S, MOMENT_S + 1, MOMENT_S + 2], unit="s")
    frame = pd.DataFrame({"user": ["u", "v", "u"], "item": ["i", "j", "j"], "time": moments})
    frame.to_parquet(tmp_path / "log.parquet")
    with read_log(tmp_path / "log.parquet", workspace=tmp_path) as log:
        assert log.rows.folder.name == "streamed"
        assert log.time_reason == "the column has a time type"
        assert log.rows.frame()["time_s"].tolist() == [MOMENT_S, MOMENT_S + 1, MOMENT_S + 2]


def test_times_of_several_forms_are_refused_as_such_and_shown_as_they_are_written(tmp_path: Path):
    rows = [f"u{k % 2},i{k},{'1715976930' if k % 2 else '2024-05-17'}" for k in range(20)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    with pytest.raises(LogError) as told:
        read_log(tmp_path / "log.csv")
    assert "10 numbers and 10 other texts" in str(told.value)
    assert "cannot be read" not in str(told.value)
    assert told.value.details["examples"] == ["2024-05-17", "1715976930"]


def test_times_with_fractions_are_shown_as_they_are_written(tmp_path: Path):
    rows = [f"u{k % 2},i{k},{'964982703.123' if k % 2 else '2024-05-17'}" for k in range(20)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *rows]))
    with pytest.raises(LogError) as told:
        read_log(tmp_path / "log.csv")
    assert told.value.details["examples"] == ["2024-05-17", "964982703.123"]
