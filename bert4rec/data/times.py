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
N_MEASURED = 1_000_000
# The end of a date that says its zone.
ZONE = r"([Zz]|[+-]\d\d(:?\d\d)?| [A-Z]{3,4})$"
# What stands for the text of a time whose column has a time type: no form has to be told.
TIME_TYPE = "a time"


@dataclass(frozen=True)
class TimeReading:
    """How the staged times become Unix seconds.

    Args:
        sql: Expression over the columns `n` and `t` that gives seconds as DOUBLE, or NULL.
        reason: What the column was taken for.
    """

    sql: str
    reason: str


def read_times(connection: Connection, name: str, where: str) -> TimeReading:
    """Tell how to read the times of the table `raw`.

    Args:
        connection: Holds the table `raw` with `n`, times that are numbers, and `t`, other texts.
        name: The column's name in the file, for messages.
        where: The source, for messages.

    Raises:
        LogError: more than half of the values cannot be read as times.
    """
    n_texts, n_numbers, has_type = connection.row(
        "SELECT count(t), count(n), coalesce(any_value(t) = $type, false) FROM raw",
        {"type": TIME_TYPE},
    )
    if has_type:
        return TimeReading("n", "the column has a time type")
    n = n_texts + n_numbers
    if n == 0:
        return _blank(connection, name, where)
    if n_numbers * 2 > n:
        return _numbers(connection, n)
    date = "TRY_CAST(t AS TIMESTAMPTZ)"
    n_dates, n_zoned = connection.row(
        f"SELECT count({date}), count(*) FILTER (regexp_matches(t, '{ZONE}')) FROM raw"
    )
    if n_dates * 2 > n:
        return TimeReading(f"epoch({date})", f"dates of the form ISO 8601, {_zones(n_zoned, n)}")
    found = _date_form(connection, n, name, where)
    if found is None:
        raise _unreadable(connection, name, where)
    return TimeReading(f"epoch(try_strptime(t, '{found}'))", f"dates of the form {found}")


def _zones(n_zoned: int, n: int) -> str:
    if n_zoned == 0:
        return "without a zone: taken as UTC"
    if n_zoned == n:
        return "each with its zone"
    return f"{n_zoned:,} of {n:,} with their zone, the others taken as UTC"


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


def _numbers(connection: Connection, n_given: int) -> TimeReading:
    (median,) = connection.row(
        f"SELECT median(abs(n)) FROM (SELECT n FROM raw WHERE n IS NOT NULL LIMIT {N_MEASURED})"
    )
    if 19_000_101 <= median <= 21_001_231:
        day = "try_strptime(n::BIGINT::VARCHAR, '%Y%m%d')"
        (n_days,) = connection.row(f"SELECT count({day}) FROM raw WHERE abs(n) < 1e9")
        if n_days * 2 > n_given:
            sql = f"CASE WHEN abs(n) < 1e9 THEN epoch({day}) END"
            return TimeReading(sql, "days of the form YYYYMMDD")
    unit, divisor = next((unit, by) for bound, unit, by in UNITS if median < bound)
    sql = "n" if divisor == 1 else f"n / {divisor}"
    return TimeReading(sql, f"{unit} (the middle value is {median:.12g})")


def _date_form(connection: Connection, n_given: int, name: str, where: str) -> str | None:
    counts = ", ".join(f"count(try_strptime(t, '{form}'))" for form in DATE_FORMS)
    sample = f"(SELECT t FROM raw WHERE t IS NOT NULL OR n IS NOT NULL LIMIT {N_SAMPLED})"
    n_read = connection.row(f"SELECT {counts} FROM {sample}")
    n = min(n_given, N_SAMPLED)
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
            "SELECT coalesce(t, n::VARCHAR) AS given FROM raw WHERE given IS NOT NULL"
            " GROUP BY given ORDER BY min(rowid) LIMIT 3"
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
