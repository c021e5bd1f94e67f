"""Dates as people and programs write them: each is read, and the reason says as what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from bert4rec.data.date_order import OtherOrder
from bert4rec.data.log import InteractionLog, Roles, read_log
from bert4rec.data.roles import DateOrder
from bert4rec.data.written_dates import COMPACT, KINDS, is_written_date
from bert4rec.errors import LogError

ROLES = Roles("user", "item", "time")
# 2024-05-17 20:15:00 UTC
MOMENT_S = 1_715_976_900.0
DAY_S = MOMENT_S - 72_900

MOMENTS = [
    ("1715976900", "Unix seconds"),
    ("1715976900000", "Unix milliseconds"),
    ("1715976900000000", "Unix microseconds"),
    ("1715976900000000000", "Unix nanoseconds"),
    ("20240517201500", "YYYYMMDDHHMMSS"),
    ("202405172015", "YYYYMMDDHHMM"),
    ("2024-05-17 20:15", "ISO 8601, without a zone"),
    ("2024-05-17T20:15:00", "ISO 8601, without a zone"),
    ("2024-05-17T20:15:00.000Z", "ISO 8601, each with its zone"),
    ("2024-05-17T22:15:00+02:00", "ISO 8601, each with its zone"),
    ("2024-05-17T22:15:00+0200", "ISO 8601, each with its zone"),
    ("2024-05-17 22:15 Europe/Berlin", "ISO 8601, each with its zone"),
    ("2024-05-17 17:15:00 America/Argentina/Buenos_Aires", "ISO 8601, each with its zone"),
    ("2024-05-17 20:15:00.000 UTC", "ISO 8601, each with its zone"),
    ("2024-05-17T15:15-05", "ISO 8601, each with its zone"),
    ("2024-05-17 13:15:00 -0700", "%Y-%m-%d %H:%M:%S %z, each with its zone"),
    ("2024-05-17 20:15:00,000", "%Y-%m-%d %H:%M:%S,%f"),
    ("2024-05-17 8:15:00 PM", "%Y-%m-%d %I:%M:%S %p"),
    ("2024/05/17 20:15", "ISO 8601"),
    ("2024.05.17 20:15:00", "%Y.%m.%d %H:%M:%S"),
    ("17.05.2024 20:15", "%d.%m.%Y %H:%M, without a zone"),
    ("17.05.24 20:15", "%d.%m.%y %H:%M"),
    ("05/17/2024 8:15 PM", "%m/%d/%Y %I:%M %p"),
    ("5/17/24 20:15", "%m/%d/%y %H:%M"),
    ("17/05/2024, 20:15:00", "%d/%m/%Y, %H:%M:%S"),
    ("17-May-2024 20:15", "%d-%b-%Y %H:%M"),
    ("17 May 2024, 20:15:00", "%d %b %Y, %H:%M:%S"),
    ("May 17, 2024, 8:15 PM", "%b %d, %Y, %I:%M %p"),
    ("May 17, 2024 at 8:15 PM", "%b %d, %Y at %I:%M %p"),
    ("Fri May 17 20:15:00 +0000 2024", "%a %b %d %H:%M:%S %z %Y"),
    ("Fri May 17 20:15:00 2024", "%a %b %d %H:%M:%S %Y"),
    ("Fri, 17 May 2024 20:15:00 +0000", "%a, %d %b %Y %H:%M:%S %z"),
    ("Fri, 17 May 2024 20:15:00 GMT", "%a, %d %b %Y %H:%M:%S GMT, each with its zone"),
    ("17/May/2024:22:15:00 +0200", "%d/%b/%Y:%H:%M:%S %z"),
    ("20240517T201500Z", "%Y%m%dT%H%M%SZ, each with its zone"),
    ("20240517T201500", "%Y%m%dT%H%M%S, without a zone"),
]
DAYS = [
    ("2024-05-17", "ISO 8601, without a zone"),
    ("20240517", "YYYYMMDD"),
    ("2024/05/17", "ISO 8601"),
    ("17 May 2024", "%d %b %Y"),
    ("17-May-24", "%d-%b-%y"),
    ("May 17 2024", "%b %d %Y"),
    ("Friday, 17 May 2024", "%A, %d %B %Y"),
]


def log_of(folder: Path, *texts: str) -> InteractionLog:
    rows = "".join(f'u{n % 2},i{n % 3},"{text}"\n' for n, text in enumerate(texts * 3))
    (folder / "log.csv").write_text("user,item,time\n" + rows)
    return read_log(folder / "log.csv", ROLES)


def times_of(log: InteractionLog) -> list[float]:
    return log.rows.frame()["time_s"].tolist()


@pytest.mark.parametrize(("text", "reason"), MOMENTS)
def test_a_moment_is_read_however_it_is_written(text: str, reason: str, tmp_path: Path):
    with log_of(tmp_path, text) as log:
        assert set(times_of(log)) == {MOMENT_S}
        assert reason in log.time_reason


@pytest.mark.parametrize(("text", "reason"), DAYS)
def test_a_day_is_read_however_it_is_written(text: str, reason: str, tmp_path: Path):
    with log_of(tmp_path, text) as log:
        assert set(times_of(log)) == {DAY_S}
        assert reason in log.time_reason


def test_every_form_that_is_read_is_told_to_be_a_date():
    moment = datetime(2024, 5, 7, 20, 15, 33, tzinfo=UTC)
    written = [moment.strftime(form) for kind in KINDS for form in kind]
    written += [moment.strftime(form) for _, form, _, _ in COMPACT]
    assert [text for text in written if not is_written_date(text)] == []


def test_days_in_one_number_are_times_whatever_the_name_of_their_column(tmp_path: Path):
    days = [20240501 + n * 7 % 20 for n in range(40)]
    rows = {"user": [n % 3 for n in range(40)], "item": list(range(40)), "wann": days}
    pd.DataFrame(rows).to_csv(tmp_path / "log.csv", index=False)
    pd.DataFrame(rows).to_parquet(tmp_path / "log.parquet")
    for name in ("log.csv", "log.parquet"):
        with read_log(tmp_path / name) as log:
            assert log.roles.time == "wann"
            assert log.time_reason == "days of the form YYYYMMDD"


def test_zones_may_differ_and_be_missing(tmp_path: Path):
    texts = ("2024-05-17T22:15:00+02:00", "2024-05-17 20:15:00", "2024-05-17T20:15:00Z")
    with log_of(tmp_path, *texts) as log:
        assert set(times_of(log)) == {MOMENT_S}
        assert "6 of 9 with their zone" in log.time_reason


def test_clocks_and_names_of_months_may_differ_within_a_column(tmp_path: Path):
    texts = ("17 May 2024 20:15", "17 June 2024 20:15:30", "17 Jul 2024", "1 August 2024 8:15 PM")
    with log_of(tmp_path, *texts) as log:
        assert log.n_rejected == 0
        assert "%d %b %Y or %d %b %Y %H:%M or" in log.time_reason


def test_a_form_that_comes_after_the_first_rows_is_read_as_well(tmp_path: Path):
    rows = "".join(f"u{n % 7},i{n % 5},17.05.2024 20:15\n" for n in range(900))
    (tmp_path / "log.csv").write_text(f"user,item,time\n{rows}u1,i1,17.05.2024 20:15:00\n")
    with read_log(tmp_path / "log.csv", ROLES) as log:
        assert (log.n_rejected, set(times_of(log))) == (0, {MOMENT_S})


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("03/04/2024", "month before day or day before month"),
        ("03-04-2024 20:15", "day before month or month before day"),
        ("3/4/24 8:15 PM", "month before day or day before month"),
        ("17-05-24", "day before month or year first"),
    ],
)
def test_a_date_that_can_be_read_in_two_orders_is_asked_about(
    text: str, orders: str, tmp_path: Path
):
    with pytest.raises(LogError, match=f"the dates of 'time' could be {orders}") as caught:
        log_of(tmp_path, text)
    assert "YYYY-MM-DD, or choose no time column: then" in str(caught.value.fix)
    assert f"--dates {' or '.join(caught.value.details['orders'])}" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("text", "dates", "day"),
    [
        ("03/04/2024", "day-first", "2024-04-03"),
        ("03/04/2024", "month-first", "2024-03-04"),
        ("03-04-2024", "day-first", "2024-04-03"),
        ("17-05-24", "day-first", "2024-05-17"),
        ("17-05-24", "year-first", "2017-05-24"),
        # Only one order fits: nothing is chosen.
        ("05/17/2024", "day-first", "2024-05-17"),
        ("17 May 2024", "month-first", "2024-05-17"),
        ("2024-03-04", "day-first", "2024-03-04"),
    ],
)
def test_the_order_that_was_told_is_taken_where_dates_fit_several(
    text: str, dates: DateOrder, day: str, tmp_path: Path
):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\n" + f'u1,i1,"{text}"\nu2,i2,"{text}"\n')
    with read_log(path, replace(ROLES, dates=dates)) as log:
        assert set(times_of(log)) == {datetime.fromisoformat(f"{day}T00:00Z").timestamp()}


def test_an_order_that_does_not_fit_leaves_the_question_open(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,time\nu1,i1,03/04/2024\nu2,i2,03/04/2024\n")
    with pytest.raises(LogError, match="could be month before day or day before month"):
        read_log(path, replace(ROLES, dates="year-first"))


def dated(tmp_path: Path, *dates: str) -> Path:
    path = tmp_path / "log.csv"
    rows = (f"u{n % 7},i{n % 5},{date}\n" for n, date in enumerate(dates))
    path.write_text("user,item,time\n" + "".join(rows))
    return path


def test_the_days_of_a_sorted_log_tell_the_order_though_the_first_ten_thousand_do_not(
    tmp_path: Path,
):
    # A second of these has a day that no month could be.
    first = [f"01/{1 + n * 12 // 11_000:02d}/2024" for n in range(11_000)]
    later = [f"{month:02d}/17/2024" for month in range(2, 9)]
    path = dated(tmp_path, *first, *later)
    for dates in (None, "month-first", "day-first"):
        with read_log(path, replace(ROLES, dates=dates)) as log:
            assert (log.n_rejected, log.time_reason.split(",")[0]) == (
                0,
                "dates of the form %m/%d/%Y",
            )
            n_others = None if log.other_order is None else log.other_order.n_rows
            assert n_others == (len(later) if dates == "day-first" else None)


@pytest.mark.parametrize(
    ("texts", "dates", "other"),
    [
        (("03/04/2024",) * 3, "day-first", None),
        (("03/04/2024", "03/17/2024"), "day-first", OtherOrder("day-first", "month-first", 1)),
        (("17.04.2024", "03.04.2024"), "month-first", OtherOrder("month-first", "day-first", 2)),
        (("17-05-2024", "03-04-2024"), "month-first", OtherOrder("month-first", "day-first", 1)),
        # Nobody takes these for anything else.
        (("17 May 2024",), "month-first", None),
        (("2024-05-17",), "day-first", None),
        (("2024.05.17",), "day-first", None),
        (("17/May/2024:22:15:00 +0200",), "month-first", None),
        (("1715976900",), "day-first", None),
    ],
)
def test_dates_that_do_not_fit_the_order_that_was_chosen_are_counted(
    texts: tuple[str, ...], dates: DateOrder, other: OtherOrder | None, tmp_path: Path
):
    with read_log(dated(tmp_path, *texts * 7), replace(ROLES, dates=dates)) as log:
        assert log.other_order == (other and replace(other, n_rows=other.n_rows * 7))


def test_one_day_after_the_twelfth_tells_the_order_of_all(tmp_path: Path):
    with log_of(tmp_path, "03/04/2024", "05/04/2024", "17/04/2024") as log:
        assert "%d/%m/%Y" in log.time_reason
        assert times_of(log)[0] == 1_712_102_400.0


IMPOSSIBLE = [
    ("2024-05-17 20:15:00", "2024-04-31 20:15:00"),
    ("2024-05-17T20:15:00+02:00", "2023-02-29T20:15:00+02:00"),
    ("17.05.2024 20:15:00", "31.04.2024 20:15:00"),
    ("17.05.2024 20:15:00 +0200", "30.02.2024 20:15:00 +0200"),
    ("5/17/2024 8:15:00 PM", "2/30/2024 8:15:00 PM"),
    ("Fri, 17 May 2024 20:15:00 +0000", "Fri, 31 Apr 2024 20:15:00 +0000"),
    ("17/May/2024:22:15:00 +0200", "31/Apr/2024:22:15:00 +0200"),
    ("20240517T201500", "20240431T201500"),
]


@pytest.mark.parametrize(("possible", "impossible"), IMPOSSIBLE)
def test_a_day_that_its_month_does_not_have_is_rejected(
    possible: str, impossible: str, tmp_path: Path
):
    with log_of(tmp_path, possible, possible, impossible) as log:
        assert len(set(times_of(log))) == 1
        assert log.reject_reasons == {"no readable time": 3}


def test_days_that_no_month_has_are_no_times(tmp_path: Path):
    with pytest.raises(LogError, match="cannot be read as times"):
        log_of(tmp_path, "2024-02-30 10:00:00")
