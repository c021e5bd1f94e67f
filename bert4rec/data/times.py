"""Times of a log: numbers by magnitude, dates by form, as an SQL expression with a reason."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bert4rec.data.connection import Connection
from bert4rec.data.date_order import (
    OR_NONE,
    OtherOrder,
    of_a_real_year,
    read_dates,
    zones_words,
)
from bert4rec.data.roles import DateOrder
from bert4rec.data.written_dates import COMPACT
from bert4rec.errors import LogError
from bert4rec.words import counted

# Upper bounds of the median's size, what such numbers are, and how many make a second.
UNITS = (
    (1e8, "counters, too small for Unix times: they give the order only", 1.0),
    (1e11, "Unix seconds", 1.0),
    (1e14, "Unix milliseconds", 1e3),
    (1e17, "Unix microseconds", 1e6),
    (float("inf"), "Unix nanoseconds", 1e9),
)
# The years 1 to 9999 in Unix seconds: what no calendar holds is no moment.
CALENDAR_S = (-62_135_596_800.0, 253_402_300_800.0)
# Counters from here on are no longer told from their neighbours in float64.
COUNTED = (-(2.0**53), 2.0**53)
NO_TIME = "no readable time"
NO_MOMENT = "a time outside the years 1 to 9999"
N_MEASURED = 1_000_000
# A clock and the start of what says its zone: Z, +02:00, CET, Europe/Berlin. A day has no zone.
ZONE = r":\d\d(\.\d+)? ?[A-Za-z+-]"
CLOCK_ALONE = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?"


@dataclass(frozen=True)
class TimeReading:
    """How the staged times become Unix seconds.

    Args:
        sql: Expression over the columns `n` and `t` that gives a DOUBLE, or NULL.
        reason: What the column was taken for.
        divisor: What that is divided by to be in seconds.
        range_s: The least of them in seconds, and what all are less than.
        other_order: Where dates are in another order than the one chosen.
    """

    sql: str
    reason: str
    divisor: float = 1.0
    range_s: tuple[float, float] = CALENDAR_S
    other_order: OtherOrder | None = None

    @property
    def range(self) -> tuple[float, float]:
        """The least that the expression may give, and what that must be less than."""
        least_s, end_s = self.range_s
        return least_s * self.divisor, end_s * self.divisor


# No form has to be told.
OF_A_TIME_TYPE = TimeReading("n", "the column has a time type")


@dataclass
class TimesSeen:
    """What the column of times held.

    Args:
        n_numbers: Rows with a number.
        n_texts: Rows with other text.
        least: The least number.
        most: The greatest one.
        numbers: Size of each of the first numbers, float64.
    """

    n_numbers: int = 0
    n_texts: int = 0
    least: float = math.inf
    most: float = -math.inf
    numbers: np.ndarray = field(default_factory=lambda: np.empty(0))

    def add(self, numbers: pa.Array, texts: pa.Array) -> None:
        """Take the times of further rows into account."""
        self.n_numbers += len(numbers) - numbers.null_count
        self.n_texts += len(texts) - texts.null_count
        if numbers.null_count < len(numbers):
            found = pc.min_max(numbers).as_py()
            self.least = min(self.least, found["min"])
            self.most = max(self.most, found["max"])
        n_wanted = N_MEASURED - len(self.numbers)
        if n_wanted > 0:
            given = numbers.drop_null()[:n_wanted].to_numpy(zero_copy_only=False)
            self.numbers = np.concatenate([self.numbers, np.abs(given)])

    def reading(self) -> TimeReading | None:
        """Return how to read the times if all numbers are moments of one unit, else None."""
        if self.n_numbers <= self.n_texts:
            return None
        median = float(np.median(self.numbers))
        if _is_compact(median):
            return None
        reading = _unit(median)
        least, end = reading.range
        return reading if least <= self.least and self.most < end else None


def are_plain_numbers(texts: Sequence[str]) -> bool:
    """Whether the first times of a log are numbers that are not dates written as one number."""
    given = [text.strip() for text in texts if text.strip()]
    try:
        numbers = np.abs([float(text) for text in given])
    except ValueError:
        return False
    return bool(given) and not _is_compact(float(np.median(numbers)))


def read_times(
    connection: Connection, name: str, where: str, dates: DateOrder | None = None
) -> TimeReading:
    """Tell how to read the times of the table `raw`.

    Args:
        connection: Holds the table `raw` with `n`, times that are numbers, and `t`, other texts.
        name: The column's name in the file, for messages.
        where: The source, for messages.
        dates: The order of dates that fit several alike.

    Raises:
        LogError: more than half of the values cannot be read as times, or they are dates that fit
            several orders alike; these are its detail `orders`.
    """
    n_texts, n_numbers = connection.row("SELECT count(t), count(n) FROM raw")
    n = n_texts + n_numbers
    if n == 0:
        return _blank(connection, name, where)
    if n_numbers * 2 > n:
        return _of_a_calendar(connection, _numbers(connection, n), n_numbers, name, where)
    date = of_a_real_year("TRY_CAST(t AS TIMESTAMPTZ)")
    n_dates, n_zoned = connection.row(
        f"SELECT count({date}), count(*) FILTER (regexp_matches(t, '{ZONE}')) FROM raw"
    )
    if n_dates * 2 > n:
        return TimeReading(
            f"epoch({date})", f"dates of the form ISO 8601, {zones_words(n_zoned, n)}"
        )
    found = read_dates(connection, n, name, where, dates)
    if found is None:
        raise _unreadable(connection, name, where, n_numbers, n_texts)
    return TimeReading(f"epoch({found.moment})", found.reason, other_order=found.other_order)


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
    for name, form, least, most in COMPACT:
        moment = f"try_strptime(TRY_CAST(n AS BIGINT)::VARCHAR, '{form}')"
        if least <= median <= most:
            (n_read,) = connection.row(f"SELECT count({moment}) FROM raw")
            if n_read * 2 > n_given:
                noun = "days" if form == "%Y%m%d" else "moments"
                return TimeReading(f"epoch({moment})", f"{noun} of the form {name}")
    return _unit(median)


def _of_a_calendar(
    connection: Connection, reading: TimeReading, n_numbers: int, name: str, where: str
) -> TimeReading:
    """Return how numbers are read; refuse a column most of which are no moments then."""
    is_beyond = (
        f"NOT ({reading.sql} >= {reading.range[0]!r} AND {reading.sql} < {reading.range[1]!r})"
    )
    (n_beyond,) = connection.row(f"SELECT count(*) FILTER ({is_beyond}) FROM raw")
    if n_beyond * 2 <= n_numbers:
        return reading
    found = connection.rows(
        f"SELECT n FROM raw WHERE {is_beyond} GROUP BY n ORDER BY min(rowid) LIMIT 3"
    )
    examples = [_as_written(None, number) for (number,) in found]
    raise LogError(
        f"more than half of the numbers in {name!r} are outside the years 1 to 9999 as Unix times,"
        f" such as {', '.join(map(repr, examples))}",
        where=where,
        fix="Choose the column of the times, or none: then the order of the file counts.",
        column=name,
        examples=examples,
    )


def _is_compact(median: float) -> bool:
    """Whether numbers of this size may be days or moments that are written as one number."""
    return any(least <= median <= most for _, _, least, most in COMPACT)


def _unit(median: float) -> TimeReading:
    unit, divisor = next((unit, by) for bound, unit, by in UNITS if median < bound)
    range_s = COUNTED if median < UNITS[0][0] else CALENDAR_S
    return TimeReading("n", f"{unit} (the middle value is {median:.12g})", divisor, range_s)


def _unreadable(
    connection: Connection, name: str, where: str, n_numbers: int, n_texts: int
) -> LogError:
    examples = [
        _as_written(text, number)
        for text, number in connection.rows(
            "SELECT t, n FROM raw WHERE t IS NOT NULL OR n IS NOT NULL"
            " GROUP BY t, n ORDER BY min(rowid) LIMIT 3"
        )
    ]
    shown = ", ".join(repr(text[:40]) for text in examples)
    message = f"more than half of the values of {name!r} cannot be read as times, such as {shown}"
    fix = f"Write Unix times or dates such as 2024-05-17 20:15:00, {OR_NONE}"
    if n_numbers:
        message = (
            f"no one form reads more than half of the times in {name!r}: they are"
            f" {counted(n_numbers, 'number')} and {counted(n_texts, 'other text')}, such as {shown}"
        )
        fix = fix.replace("Write ", "Write all of them in one form, ", 1)
    elif all(re.fullmatch(CLOCK_ALONE, text) for text in examples):
        fix = "They tell the time of day alone: write day and time into one column, such as"
        fix += " 2024-05-17 20:15:00, or choose the column of the days."
    return LogError(message, where=where, fix=fix, column=name, examples=examples)


def _as_written(text: str | None, number: float | None) -> str:
    """Return a time as it most likely stands in the log; numbers are kept as float64."""
    if number is None:
        return str(text)
    return f"{number:.0f}" if number.is_integer() else repr(number)
