"""Times of a log: numbers by magnitude, dates by form, as an SQL expression with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from bert4rec.data.scan import Connection
from bert4rec.errors import LogError

# Upper bounds of the median's size, what such numbers are, and how many make a second.
UNITS = (
    (1e8, "counters, too small for Unix times: they give the order only", 1.0),
    (1e11, "Unix seconds", 1.0),
    (1e14, "Unix milliseconds", 1e3),
    (1e17, "Unix microseconds", 1e6),
    (float("inf"), "Unix nanoseconds", 1e9),
)
# Forms of dates beyond ISO 8601. Those with a day and a month as numbers exist in both orders.
DATES = "%m/%d/%Y|%d/%m/%Y|%d.%m.%Y|%d-%m-%Y|%m-%d-%Y|%d %b %Y|%b %d, %Y".split("|")
CLOCKS = "| %H:%M| %H:%M:%S| %I:%M %p| %I:%M:%S %p|, %H:%M".split("|")
DATE_FORMS = (
    *(date + clock for date in DATES for clock in CLOCKS),
    "%a %b %d %H:%M:%S %z %Y",
    "%m %d, %Y",
    "%d/%b/%Y:%H:%M:%S %z",
)
N_SAMPLED = 10_000
# Which values count when the column is judged: a number that is not finite says as much as a blank.
IS_GIVEN = "trim(t::VARCHAR) != '' AND coalesce(isfinite(TRY_CAST(t AS DOUBLE)), true)"


@dataclass(frozen=True)
class TimeReading:
    """How the texts of a time column become Unix seconds.

    Args:
        sql: Expression over the column `t` that gives seconds as DOUBLE, or NULL.
        reason: What the column was taken for.
    """

    sql: str
    reason: str


def read_times(connection: Connection, dtype: str, name: str, where: str) -> TimeReading:
    """Tell how to read the column `t` of the table `raw`.

    Args:
        connection: Holds the table `raw`.
        dtype: `timestamp` if `t` already holds seconds, else text or numbers.
        name: The column's name in the file, for messages.
        where: The source, for messages.

    Raises:
        LogError: more than half of the values cannot be read as times.
    """
    if dtype == "timestamp":
        return TimeReading("t", "the column has a time type")
    number = "TRY_CAST(t AS DOUBLE)"
    date = "TRY_CAST(t AS TIMESTAMPTZ)"
    n, n_numbers, median = connection.row(
        f"SELECT count(t), count({number}), median(abs({number})) FROM raw WHERE {IS_GIVEN}"
    )
    if n == 0:
        return _blank(connection, name, where)
    if n_numbers * 2 > n:
        return _numbers(connection, number, float(median))
    (n_dates,) = connection.row(f"SELECT count({date}) FROM raw WHERE {IS_GIVEN}")
    if n_dates * 2 > n:
        return TimeReading(f"epoch({date})", "dates of the form ISO 8601, in UTC unless they say")
    found = _date_form(connection, name, where)
    if found is None:
        raise _unreadable(connection, name, where)
    return TimeReading(f"epoch(try_strptime(t, '{found}'))", f"dates of the form {found}")


def _blank(connection: Connection, name: str, where: str) -> TimeReading:
    (n_rows,) = connection.row("SELECT count(*) FROM raw")
    if n_rows:
        raise LogError(
            f"the column {name!r} holds no times",
            where=where,
            fix="Choose another column for the time, or none: then the order of the file counts.",
            column=name,
        )
    return TimeReading("NULL", "")


def _numbers(connection: Connection, number: str, median: float) -> TimeReading:
    if 19_000_101 <= median <= 21_001_231:
        day = "try_strptime(t::VARCHAR, '%Y%m%d')"
        n, n_days = connection.row(f"SELECT count(t), count({day}) FROM raw WHERE {IS_GIVEN}")
        if n_days * 2 > n:
            return TimeReading(f"epoch({day})", "days of the form YYYYMMDD")
    unit, divisor = next((unit, by) for bound, unit, by in UNITS if median < bound)
    sql = f"CASE WHEN isfinite({number}) THEN {number} / {divisor} END"
    return TimeReading(sql, f"{unit} (the middle value is {median:.12g})")


def _date_form(connection: Connection, name: str, where: str) -> str | None:
    counts = ", ".join(f"count(try_strptime(t, '{form}'))" for form in DATE_FORMS)
    sample = f"(SELECT t FROM raw WHERE {IS_GIVEN} LIMIT {N_SAMPLED})"
    n, *n_read = connection.row(f"SELECT count(t), {counts} FROM {sample}")
    best = max(n_read)
    if best * 2 <= n:
        return None
    forms = [form for form, count in zip(DATE_FORMS, n_read, strict=True) if count == best]
    if len(forms) > 1:
        raise LogError(
            f"the dates of {name!r} could be {_spoken(forms[0])} or {_spoken(forms[1])}",
            where=where,
            fix="Write dates as YYYY-MM-DD.",
            column=name,
        )
    return forms[0]


def _spoken(form: str) -> str:
    first = form[1:2]
    return "day before month" if first == "d" else "month before day"


def _unreadable(connection: Connection, name: str, where: str) -> LogError:
    examples = [
        str(text)
        for (text,) in connection.rows(
            f"SELECT t FROM raw WHERE {IS_GIVEN} GROUP BY t ORDER BY min(rowid) LIMIT 3"
        )
    ]
    shown = ", ".join(repr(text[:40]) for text in examples)
    return LogError(
        f"more than half of the values of {name!r} cannot be read as times, such as {shown}",
        where=where,
        fix="Write Unix times or dates such as 2024-05-17 20:15:00, or choose no time column: then"
        " the order of the file counts.",
        column=name,
        examples=examples,
    )
