"""Written dates: the forms in which days and moments are read, and which texts are such."""

from __future__ import annotations

import re

# Days and moments that are written as one number: their form, and bounds of the middle value.
COMPACT = (
    ("YYYYMMDD", "%Y%m%d", 19_000_101, 21_001_231),
    ("YYYYMMDDHHMM", "%Y%m%d%H%M", 190_001_010_000, 210_012_312_359),
    ("YYYYMMDDHHMMSS", "%Y%m%d%H%M%S", 19_000_101_000_000, 21_001_231_235_959),
)
# Dates beyond ISO 8601, the spellings of one kind beside each other; each comes with any clock.
# Those with a day and a month as numbers exist in both orders.
DATES = (
    ("%m/%d/%Y",),
    ("%d/%m/%Y",),
    ("%d.%m.%Y",),
    ("%d-%m-%Y",),
    ("%m-%d-%Y",),
    ("%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d"),
    ("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%B-%Y", "%d. %B %Y"),
    ("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"),
    ("%a, %d %b %Y", "%a %d %b %Y", "%A, %d %B %Y"),
    ("%m/%d/%y",),
    ("%d/%m/%y",),
    ("%d.%m.%y",),
    ("%d-%m-%y",),
    ("%m-%d-%y",),
    ("%y-%m-%d",),
    ("%d %b %y", "%d-%b-%y"),
)
HOURS = "%H:%M|%H:%M:%S|%I:%M %p|%I:%M:%S %p".split("|")
CLOCKS = (
    "",
    *(joint + hours for joint in (" ", ", ", " at ") for hours in HOURS),
    *(f" %H:%M:%S{end}" for end in (".%f", ",%f", " %z", " GMT", " UTC")),
)
# Those whose day and clock stand in each other, as Unix and web servers write them.
JOINED = (
    ("%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S UTC %Y", "%a %b %d %H:%M:%S %Y"),
    ("%m %d, %Y",),
    ("%d/%b/%Y:%H:%M:%S %z",),
)
KINDS = (
    *(tuple(date + clock for clock in CLOCKS for date in kind) for kind in DATES),
    *JOINED,
    ("%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S%z", "%Y%m%d %H:%M:%S"),
)

# What may stand for the signs of a form, and what is a day, or a moment, in one number,
# which is a float where pandas had a gap in the column.
SIGNS = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    " ": " +",
    **dict.fromkeys("mdH", r"\d{1,2}"),
    **dict.fromkeys("bB", "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"),
    **dict.fromkeys("aA", "(mon|tue|wed|thu|fri|sat|sun)[a-z]*"),
}
ONE_NUMBER = (
    r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
    r"(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?(\.0)?"
)


def _pattern(form: str) -> str:
    return re.sub(r"%(\w)|\\ ", lambda found: SIGNS[found[1] or " "], re.escape(form))


def _any_pattern() -> str:
    """Return what all written dates match, and others whose clock or zone is not read.

    Those have to be refused, not taken for text.
    """
    days = [ONE_NUMBER, *(_pattern(form) for kind in DATES for form in kind)]
    joined = [form.partition("%H") for kind in JOINED for form in kind]
    begun = [_pattern(day + hour) + (".*" if hour else "") for day, hour, _ in joined]
    return "|".join([f"({'|'.join(days)})([T ,].*)?", *dict.fromkeys(begun)])


WRITTEN = re.compile(_any_pattern(), re.IGNORECASE)


def is_written_date(text: str) -> bool:
    """Whether a text is written as days and moments are.

    Example:
        >>> [is_written_date(text) for text in ("17 May 2024 at 20:15", "20240517", "12345678")]
        [True, True, False]
    """
    return WRITTEN.fullmatch(text) is not None
