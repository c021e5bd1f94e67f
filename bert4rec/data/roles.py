"""Roles of columns: who, what, when, how much, which kind; guessed with a reason."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bert4rec.data.written_dates import is_written_date
from bert4rec.errors import LogError

ROLE_NAMES = ("user", "item", "time", "value", "event")

# Names without case and punctuation, surest first. Those after "|" are only taken when alone.
ALIASES = {
    "user": "user userid uid userident usersid reviewerid learnerid studentid memberid visitorid"
    " customerid accountid userhash username | customer learner student pupil reader listener"
    " member visitor reviewer account player sessionid session playlistid playlist pid personid"
    " basketid basket orderid deviceid",
    "item": "item itemid iid movieid trackid songid bookid productid courseid skillid videoid"
    " articleid newsid artistid gameid asin parentasin isbn sku poiid venueid problemid questionid"
    " businessid spotifytrackuri"
    " exerciseid lessonid contentid showid podcastid episodeid recipeid pid mid tid bid adid |"
    " movie track song book product course skill video article artist game problem question"
    " exercise lesson content title trackuri itemname uri url aid",
    "time": "timestamp time ts unix unixtime unixreviewtime datetime date createdat eventtime"
    " timestamps timestampms timestamps unixtimestamp playedat listenedat watchedat viewedat"
    " readat startedat addedat purchasedat orderedat visitedat starttime dateadded reviewtime"
    " eventtimestamp utctime day | position pos order step seq sequence trackposition rank idx"
    " created updatedat modifiedat",
    "value": "rating value eventvalue score stars count plays playcount weight listens overall"
    " grade ratings strength correct duration quantity",
    "event": "event eventtype eventname action actiontype actionname activity activitytype"
    " interaction interactiontype behavior behaviortype behaviour behaviourtype | type kind",
}
# A column of more different examples tells no kinds of events apart.
MOST_EVENT_EXAMPLES = 30
# Whole numbers up to this may be days of a month or a year, which alone give no order.
MOST_DAYS = 366

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


DateOrder = Literal["day-first", "month-first", "year-first"]


@dataclass(frozen=True)
class Roles:
    """Names of the columns that hold user, item and, if there, time, value and kind of event.

    `dates` is no column: how dates are read that fit several orders alike, such as 03/04/2024.
    """

    user: str
    item: str
    time: str | None = None
    value: str | None = None
    event: str | None = None
    dates: DateOrder | None = None

    def document(self) -> dict[str, Any]:
        """Return the roles as they are written, the order of dates only where it was told."""
        told = asdict(self)
        if self.dates is None:
            del told["dates"]
        return told

    def named(self) -> dict[str, str]:
        """Return the roles that have a column, in the order of `ROLE_NAMES`."""
        columns = {role: getattr(self, role) for role in ROLE_NAMES}
        return {role: column for role, column in columns.items() if column is not None}


@dataclass(frozen=True)
class Column:
    """A column of a log: its name, its type in words, and its first few values as text."""

    name: str
    dtype: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoleGuess:
    """The column taken for a role, why, and whether that needs no question."""

    column: str | None
    reason: str
    is_certain: bool


def plain_name(name: str) -> str:
    """Return a column name without case and punctuation: `userId` and `user_id` are one."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def is_known_name(name: str) -> bool:
    """Whether a column of this name would be taken for some role."""
    return any(plain_name(name) in aliases.split() for aliases in ALIASES.values())


def dtype_of(examples: Sequence[str]) -> str:
    """Return `integer`, `number`, `date` or `text` for a column's examples; blanks don't count."""
    real = [text.strip() for text in examples if text and text.strip()]
    if not real:
        return "text"
    if all(map(is_written_date, real)):
        return "date"
    if all(re.fullmatch(r"[+-]?\d+", text) for text in real):
        return "integer"
    return "number" if all(NUMBER.fullmatch(text) for text in real) else "text"


def guess_roles(columns: Sequence[Column]) -> dict[str, RoleGuess]:
    """Guess the column of every role, by its name first, then by its type."""
    guesses: dict[str, RoleGuess] = {}
    for role in ROLE_NAMES:
        certain = {guess.column for guess in guesses.values() if guess.is_certain}
        named = _by_name(role, [column for column in columns if column.name not in certain])
        if named is not None:
            guesses[role] = named
    for role in ROLE_NAMES:
        if role not in guesses:
            taken = {guess.column for guess in guesses.values()}
            guesses[role] = _by_type(role, [c for c in columns if c.name not in taken])
    return {role: guesses[role] for role in ROLE_NAMES}


def guess_role(role: str, columns: Sequence[Column]) -> RoleGuess:
    """Guess the column of one role, whatever the others may be."""
    return _by_name(role, columns) or _by_type(role, columns)


def _by_name(role: str, columns: Sequence[Column]) -> RoleGuess | None:
    sure_names, _, weak_names = ALIASES[role].partition("|")
    sure, weak = sure_names.split(), weak_names.split()
    fitting = [column for column in columns if _may_hold(role, column)]
    by_name = {plain_name(column.name): column for column in reversed(fitting)}
    found = [by_name[name] for name in [*sure, *weak] if name in by_name]
    if not found:
        return None
    found.sort(key=_is_blank)
    best, others = found[0], [column.name for column in found[1:]]
    is_certain = plain_name(best.name) in sure or not others
    reason = f"the name {best.name!r} is usual for the {role} column"
    if others:
        reason += f"; {_listed(others)} would also do"
    if role == "time" and _may_be_part_of_a_date(best):
        is_certain = False
        reason += ", but such small numbers may be days of a month or a year"
    return RoleGuess(best.name, reason, is_certain)


def _may_hold(role: str, column: Column) -> bool:
    if role == "value":
        return column.dtype in ("integer", "number")
    if role == "event":
        is_kind = column.dtype in ("integer", "text")
        return is_kind and len(set(column.examples)) <= MOST_EVENT_EXAMPLES
    return True


def _is_blank(column: Column) -> bool:
    return bool(column.examples) and not any(text.strip() for text in column.examples)


def _may_be_part_of_a_date(column: Column) -> bool:
    given = [text for text in column.examples if text.strip()]
    is_small = column.dtype == "integer" and all(abs(int(text)) <= MOST_DAYS for text in given)
    return plain_name(column.name) == "day" and is_small


def _by_type(role: str, columns: Sequence[Column]) -> RoleGuess:
    if role == "time":
        return _time_by_type(columns)
    if role in ("value", "event"):
        return RoleGuess(None, f"no column has a usual name for the {role}", True)
    ids = [c for c in columns if c.dtype in ("integer", "text") and not holds_unix_times(c)]
    if role == "item":
        # One user's history may well fill all first lines; no item does.
        ids = [column for column in ids if len(set(column.examples)) != 1]
    # What differs in every line is mostly the number of the line.
    ids = [column for column in ids if len(set(column.examples)) < len(column.examples)] or ids
    if not ids:
        return RoleGuess(None, f"no column looks like {role} ids", False)
    reason = (
        f"no column has a usual name for the {role}; {ids[0].name!r} is the first that may hold ids"
    )
    return RoleGuess(ids[0].name, reason, False)


def _time_by_type(columns: Sequence[Column]) -> RoleGuess:
    found = [c.name for c in columns if c.dtype in ("date", "timestamp") or holds_unix_times(c)]
    if len(found) == 1:
        return RoleGuess(found[0], f"{found[0]!r} is the only column that holds dates", True)
    if found:
        return RoleGuess(found[0], f"{_listed(found)} hold dates; the first is taken", False)
    mostly = next((column.name for column in columns if _are_mostly_dates(column)), None)
    if mostly is not None:
        reason = f"most of {mostly!r} are dates; lines with anything else there would be rejected"
        return RoleGuess(mostly, reason, False)
    finer = next((c.name for c in columns if _may_be_finer_times(c)), None)
    if finer is not None:
        reason = f"the numbers of {finer!r} may be Unix times in milliseconds or finer"
        return RoleGuess(finer, reason, False)
    return RoleGuess(None, "no column holds times, so the order of the file is the order", True)


def _are_mostly_dates(column: Column) -> bool:
    real = [text.strip() for text in column.examples if text and text.strip()]
    return sum(map(is_written_date, real)) > len(real) / 2


def holds_unix_times(column: Column, unit: float = 1.0) -> bool:
    """Whether all examples are numbers in the range of Unix seconds from 1990 to 2050.

    Args:
        column: What is looked at.
        unit: How many of the numbers make a second.
    """
    if column.dtype not in ("integer", "number") or not column.examples:
        return False
    return all(6.3e8 < float(text) / unit < 2.6e9 for text in column.examples if text.strip())


def _may_be_finer_times(column: Column) -> bool:
    # Some codes of products have as many digits, so that a person has to say.
    return any(holds_unix_times(column, unit) for unit in (1e3, 1e6, 1e9))


def confirm_roles(guesses: dict[str, RoleGuess], columns: Sequence[Column], where: str) -> Roles:
    """Return the guessed roles, if user, item and time are certain (time may be certain to miss).

    Raises:
        LogError: one of them is not; the columns are named.
    """
    unsure = [role for role in ("user", "item") if not guesses[role].is_certain]
    if guesses["time"].column is not None and not guesses["time"].is_certain:
        unsure.append("time")
    if unsure:
        names = _listed([column.name for column in columns])
        raise LogError(
            f"it is not clear from the columns {names} which of them holds {_and(unsure, 'the ')}",
            where=where,
            fix=f"Say so with {_and(unsure, '--')}, in the boxes of the page, or as"
            f" roles=Roles(...).{_more_advice(columns)}",
            columns=[column.name for column in columns],
            unsure=unsure,
        )
    user, item = str(guesses["user"].column), str(guesses["item"].column)
    time, value, event = (guesses[role].column for role in ("time", "value", "event"))
    return Roles(user, item, time, value, event)


def _more_advice(columns: Sequence[Column]) -> str:
    if columns[0].name == "column1":
        return " Or let the first line name the columns, such as user_id,item_id,timestamp."
    if _by_name("user", columns) is None:
        return (
            " If it is the log of one person, as apps export it, lay those of many beside it, each"
            " in a folder such as user_id=anna, and read the folder above."
        )
    return f" {as_lines(columns)}".rstrip()


def as_lines(columns: Sequence[Column]) -> str:
    """Say how items that stand side by side in a line become lines; empty where none seem to."""
    user = _by_name("user", columns)
    stems = [re.sub(r"\d+", "#", column.name) for column in columns]
    if user is None or not any("#" in stem and stems.count(stem) > 1 for stem in stems):
        return ""
    return (
        "If the items of a user stand side by side, write a line for each, as"
        f" frame.melt({user.column!r}).dropna() of pandas does."
    )


def check_roles(roles: Roles, columns: Sequence[str], where: str) -> None:
    """Check that every role names a different column that is there."""
    named = roles.named()
    for role, name in named.items():
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise LogError(
                f"there is no column {name!r} for the {role}",
                where=where,
                fix=f"{hint}The columns are {_listed(columns)}.",
                columns=list(columns),
            )
    if len(set(named.values())) < len(named):
        raise LogError(
            "one column is named for two roles", where=where, fix="Name a column for each role."
        )
    if len({name.casefold() for name in named.values()}) < len(named):
        raise LogError(
            f"columns differ by case only: {_listed([*named.values()])}",
            where=where,
            fix="Give each a name of its own; case does not count.",
        )


def refuse_lists(roles: Roles, holds_lists: Callable[[str], bool], where: str) -> None:
    """Refuse columns of users or items of which a cell holds several values."""
    for role, name in (("user", roles.user), ("item", roles.item)):
        if holds_lists(name):
            raise LogError(
                f"the column {name!r} for the {role} holds lists",
                where=where,
                fix=f"Write a row for each of their elements, as frame.explode({name!r}) of pandas"
                " does.",
                column=name,
            )


def _and(words: Sequence[str], before: str) -> str:
    """Return words as a list in a sentence, each with something before it."""
    first, last = [f"{before}{word}" for word in words[:-1]], f"{before}{words[-1]}"
    return f"{', '.join(first)} and {last}" if first else last


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
