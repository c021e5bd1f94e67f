"""Dates of a log beyond ISO 8601: their form, and day, month and year in the order that fits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bert4rec.data.connection import Connection
from bert4rec.data.roles import DateOrder
from bert4rec.data.written_dates import KINDS
from bert4rec.errors import LogError

ORDERS = {"dmy": "day before month", "mdy": "month before day", "ymd": "year first"}
# As a person tells them, for dates that fit several.
ORDER_NAMES: dict[str, DateOrder] = {
    "dmy": "day-first",
    "mdy": "month-first",
    "ymd": "year-first",
}
# The same in words.
ORDER_WORDS = {name: ORDERS[order] for order, name in ORDER_NAMES.items()}
# A year of two digits that was read as one of four.
EARLIEST_YEAR = 1000
LATEST_YEAR = 9999
N_TRIED = 500
N_SAMPLED = 10_000
OR_NONE = "or choose no time column: then the order of the file counts."
Forms = tuple[str, ...]


@dataclass(frozen=True)
class OtherOrder:
    """An order of dates that was chosen for a log whose dates are in another one.

    Args:
        chosen: What was chosen.
        read: The order in which all dates are read.
        n_rows: How many of them do not fit what was chosen.
    """

    chosen: DateOrder
    read: DateOrder
    n_rows: int


@dataclass(frozen=True)
class DateReading:
    """How dates are read.

    Args:
        moment: Expression over the column `t` that gives a moment, or NULL.
        reason: What they were taken for.
        other_order: Where that is not what was chosen.
    """

    moment: str
    reason: str
    other_order: OtherOrder | None = None


def read_dates(
    connection: Connection, n_given: int, name: str, where: str, dates: DateOrder | None
) -> DateReading | None:
    """Tell how to read the dates of the table `raw`; None if no one form fits most of its times.

    The form is that which fits most of the first times; where several orders of day, month and year
    fit these alike, the order that fits most of all.

    Args:
        connection: Holds the table `raw` with `n`, times that are numbers, and `t`, other texts.
        n_given: How many times there are.
        name: The column's name in the file, for messages.
        where: The source, for messages.
        dates: The order of dates that fit several alike.

    Raises:
        LogError: all dates fit several orders alike; these are its detail `orders`.

    Cost: a look at all rows only where the first ones fit several orders, or not the chosen one.
    """
    kind = _kind_of_dates(connection, n_given, name, where, dates)
    if kind is None:
        return None
    found, others = _parted_forms(connection, kind)
    shown = " or ".join(found[:3]) or kind[0]
    return DateReading(
        _moment([*found, *others]),
        f"dates of the form {shown}, {_zones_of(found)}",
        _other_order(connection, kind, dates),
    )


def _kind_of_dates(
    connection: Connection, n_given: int, name: str, where: str, dates: DateOrder | None
) -> Forms | None:
    """Return the forms of the kind of dates that reads most, None if that is not most of them."""
    tried = _n_first_read(connection, KINDS, N_TRIED)
    kinds = [kind for kind, n in zip(KINDS, tried, strict=True) if n] or list(KINDS)
    n_read = _n_first_read(connection, kinds, N_SAMPLED)
    best = max(n_read)
    if best * 2 <= min(n_given, N_SAMPLED):
        return None
    found = [kind for kind, n in zip(kinds, n_read, strict=True) if n == best]
    if len({_order(kind) for kind in found}) > 1:
        found = _best_of_all(connection, found)
    orders = list(dict.fromkeys(_order(kind) for kind in found))
    names = [ORDER_NAMES[order] for order in orders if order in ORDER_NAMES]
    if dates in names:
        return next(kind for kind in found if ORDER_NAMES.get(_order(kind)) == dates)
    if len(orders) > 1:
        raise LogError(
            f"the dates of {name!r} could be {ORDERS[orders[0]]} or {ORDERS[orders[1]]}",
            where=where,
            fix="Choose the order of the dates on the page, or say it by --dates"
            f" {' or '.join(names)} (in Python dates= of Roles). Else write dates as YYYY-MM-DD,"
            f" {OR_NONE}",
            column=name,
            orders=names,
        )
    return found[0]


def _n_first_read(connection: Connection, kinds: Sequence[Forms], n_rows: int) -> list[int]:
    """Return how many of the first times each kind of dates reads."""
    counts = ", ".join(f"count({_moment(kind)})" for kind in kinds)
    sample = f"(SELECT t FROM raw WHERE t IS NOT NULL OR n IS NOT NULL LIMIT {n_rows})"
    return [int(n) for n in connection.row(f"SELECT {counts} FROM {sample}")]


def _best_of_all(connection: Connection, kinds: Sequence[Forms]) -> list[Forms]:
    """Return the kinds that read most of all times: of a sorted log, the first are of few days."""
    moments = [_quick_moment(connection, kind) for kind in kinds]
    n_read = connection.row(f"SELECT {', '.join(f'count({at})' for at in moments)} FROM raw")
    return [kind for kind, n in zip(kinds, n_read, strict=True) if n == max(n_read)]


def _other_order(connection: Connection, kind: Forms, dates: DateOrder | None) -> OtherOrder | None:
    """Return how many dates do not fit the chosen order, where they are read in another one."""
    read = ORDER_NAMES.get(_order(kind))
    # The name of a month, or a year of four digits before it, leaves nothing to choose.
    if dates is None or read is None or read == dates or not re.match("%[dmy].%[dm]", kind[0]):
        return None
    of_chosen = [one for one in KINDS if ORDER_NAMES.get(_order(one)) == dates]
    n_read = _n_first_read(connection, of_chosen, N_SAMPLED)
    chosen = of_chosen[n_read.index(max(n_read))]
    of_read, of_other = (_quick_moment(connection, one) for one in (kind, chosen))
    (n_rows,) = connection.row(f"SELECT count({of_read}) FILTER ({of_other} IS NULL) FROM raw")
    return OtherOrder(dates, read, int(n_rows))


def _moment(forms: Sequence[str]) -> str:
    """Return the expression of the moment that the first fitting form reads, or NULL."""
    zoned = [form for form in forms if "%z" in form]
    plain = [form for form in forms if form not in zoned]
    # Among several forms, one with a zone makes DuckDB read 31 April as 1 May: it stands alone.
    read = [f"try_strptime(t, {form!r})" for form in ([plain] if plain else []) + zoned]
    return of_a_real_year(f"coalesce({', '.join(read)})")


def of_a_real_year(moment: str) -> str:
    """Return the expression of a moment that is NULL where its year has less than four digits."""
    return f"CASE WHEN year({moment}) BETWEEN {EARLIEST_YEAR} AND {LATEST_YEAR} THEN {moment} END"


def _order(forms: Sequence[str]) -> str:
    signs = re.findall("%([dmbBYy])", forms[0])
    return "".join({"b": "m", "B": "m", "Y": "y"}.get(sign, sign) for sign in signs)


def _parted_forms(connection: Connection, kind: Forms) -> tuple[list[str], list[str]]:
    """Return the forms of a kind that occur among the first rows, and the others."""
    upto = [kind[: place + 1] for place in range(len(kind))]
    n_before = [0, *_n_first_read(connection, upto, N_TRIED)]
    found = [form for form, (n, more) in zip(kind, pairwise(n_before), strict=True) if more > n]
    return found, [form for form in kind if form not in found]


def _quick_moment(connection: Connection, kind: Forms) -> str:
    """Return the expression of the moment that a kind reads, in which usual forms come first."""
    found, others = _parted_forms(connection, kind)
    return _moment([*found, *others])


def _zones_of(forms: Sequence[str]) -> str:
    n_zoned = sum(bool(re.search("%z|Z$|GMT|UTC", form)) for form in forms)
    if n_zoned in (0, len(forms)):
        return zones_words(n_zoned, len(forms))
    return "some with their zone, the others taken as UTC"


def zones_words(n_zoned: int, n: int) -> str:
    """Say how many of some times have a zone."""
    if n_zoned == 0:
        return "without a zone: taken as UTC"
    if n_zoned == n:
        return "each with its zone"
    return f"{n_zoned:,} of {n:,} with their zone, the others taken as UTC"
