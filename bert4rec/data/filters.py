"""What is left out of a log on the way to a dataset, and how much that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bert4rec.data.id_coder import MISSING
from bert4rec.data.log import InteractionLog
from bert4rec.data.row_order import OrderedRows
from bert4rec.errors import LogError, SettingsError
from bert4rec.stages import Watch, tell_nobody, within

# What a count can be limited to.
MOST_ROWS = 1_000_000_000
N_EVENTS_SHOWN = 12
# Share of the filtering that is done once the rows are in order.
ORDERED_SHARE = 0.8


class PrepareSettings(BaseModel):
    """What is left out of a log on the way to a dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drop_duplicates: bool = Field(
        default=True,
        title="Drop duplicates",
        description="Keep one of several interactions of the same user, item and time. Without"
        " times nothing is a duplicate: a repeat in a row may be real.",
    )
    min_sequence_length: int = Field(
        default=3,
        ge=1,
        le=MOST_ROWS,
        title="Shortest history",
        description="Leave out users with fewer interactions. Three are needed to train, validate"
        " and test on one user.",
    )
    max_sequence_length: int | None = Field(
        default=None,
        ge=1,
        le=MOST_ROWS,
        title="Longest history",
        description="Leave out users with more interactions, such as bots and shared accounts.",
    )
    min_item_count: int = Field(
        default=1,
        ge=1,
        le=MOST_ROWS,
        title="Fewest interactions of an item",
        description="Leave out items with fewer interactions. Above 1 this and the shortest"
        " history are applied in turn until both hold (k-core).",
    )
    events: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        title="Events to keep",
        description="Keep interactions of these kinds, such as play and finish; all if none is"
        " named.",
    )
    min_value: float | None = Field(
        default=None,
        allow_inf_nan=False,
        title="Smallest value",
        description="Leave out interactions whose value, such as a rating, is smaller or missing.",
    )


def parse_prepare_settings(values: dict[str, Any], where: str | None = None) -> PrepareSettings:
    """Check settings given as names and values; `where` says by what.

    Raises:
        SettingsError: one is unknown or out of range; all problems are named.
    """
    try:
        return PrepareSettings(**values)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        ]
        known = ", ".join(PrepareSettings.model_fields)
        raise SettingsError(problems, where=where, fix=f"The settings are {known}.") from error


@dataclass(frozen=True, eq=False)
class Filtered:
    """What the filters left, step by step.

    Args:
        n_users: Users that are left.
        n_items: Items that are left.
        n_kept: Interactions that are left.
        steps: Name, rows and reason of each step, from what was read to what is kept.
        ordered: The rows by user and time, before users and items were left out.
        is_wanted: Which rows of the log have the events and values asked for, bool of shape
            (n_rows,); all if None.
        n_of_user: Interactions that are left of each user, by code, int64.
        n_of_item: Interactions that are left of each item, by code, int64.
    """

    n_users: int
    n_items: int
    n_kept: int
    steps: tuple[dict[str, Any], ...]
    ordered: OrderedRows
    is_wanted: np.ndarray | None
    n_of_user: np.ndarray
    n_of_item: np.ndarray


def filter_log(
    log: InteractionLog, settings: PrepareSettings, *, watch: Watch = tell_nobody
) -> Filtered:
    """Apply the filters to a log's rows and say what each left out.

    The log itself stays as it is, so that settings can be tried one after the other. Of what was
    left before, the columns on disk may be gone then.

    Raises:
        LogError: a value or an event is asked for that the log has no column for, or an event that
            never occurs.
    """
    steps = [_step("read", log.n_rows_read, "rows of the source")]
    steps.append(_step("rejected", log.n_rejected, "no user, item or time, or no columns"))
    is_wanted, unwanted = _wanted(log, settings)
    steps += unwanted
    drops = settings.drop_duplicates and log.has_times
    ordered = log.ordered(is_wanted, drop_duplicates=drops, watch=within(watch, 0.0, ORDERED_SHARE))
    watch("leaving out what is too short or too rare", ORDERED_SHARE)
    if drops:
        steps.append(_step("duplicate", ordered.n_duplicates, "same user, item and time"))
    left = _Left(ordered, len(log.rows.item_ids))
    if settings.max_sequence_length is not None:
        reason = f"users with more than {settings.max_sequence_length} interactions"
        n_dropped = left.keep_users(left.n_of_user() <= settings.max_sequence_length)
        steps.append(_step("long", n_dropped, reason))
    steps += _drop_rare(left, settings)
    n_of_user, n_of_item = left.n_of_user(), left.n_of_item()
    steps.append(_step("kept", left.n_rows, "interactions of the dataset"))
    return Filtered(
        n_users=int(np.count_nonzero(n_of_user)),
        n_items=int(np.count_nonzero(n_of_item)),
        n_kept=left.n_rows,
        steps=tuple(steps),
        ordered=ordered,
        is_wanted=is_wanted,
        n_of_user=n_of_user,
        n_of_item=n_of_item,
    )


def _step(step: str, n_rows: int, reason: str) -> dict[str, Any]:
    return {"step": step, "n_rows": int(n_rows), "reason": reason}


def _wanted(
    log: InteractionLog, settings: PrepareSettings
) -> tuple[np.ndarray | None, list[dict[str, Any]]]:
    """Return which rows have the events and values asked for, and a step for each filter."""
    is_wanted: np.ndarray | None = None
    steps = []
    for step, reason, is_met in (*_event_filter(log, settings), *_value_filter(log, settings)):
        n_before = log.rows.n_rows if is_wanted is None else int(is_wanted.sum())
        is_wanted = is_met if is_wanted is None else is_wanted & is_met
        steps.append(_step(step, n_before - int(is_wanted.sum()), reason))
    return is_wanted, steps


def _value_filter(
    log: InteractionLog, settings: PrepareSettings
) -> list[tuple[str, str, np.ndarray]]:
    limit = settings.min_value
    if limit is None:
        return []
    if log.roles.value is None:
        raise LogError(
            "a smallest value is asked for, but no column holds values",
            where=log.source_name,
            fix="Choose the column of values, which are written as 4.5, or leave min_value empty.",
        )
    is_no_number = np.concatenate([np.isneginf(values) for (values,) in log.rows.chunks("v")])
    # A missing value is NaN, which no comparison holds for.
    is_met = np.concatenate([values >= limit for (values,) in log.rows.chunks("v")])
    found = [("value", f"value missing or below {limit:g}", is_met)]
    if is_no_number.any():
        reason = "the value is no number as programs write it: 4.5, not 4,5"
        found.insert(0, ("no number", reason, ~is_no_number))
    return found


def _event_filter(
    log: InteractionLog, settings: PrepareSettings
) -> list[tuple[str, str, np.ndarray]]:
    if settings.events is None:
        return []
    if log.roles.event is None:
        raise LogError(
            "events are asked for, but no column holds them",
            where=log.source_name,
            fix="Choose the column of events, or leave events empty.",
        )
    names = log.rows.event_names.to_pylist()
    n_of_event = np.zeros(len(names), dtype=np.int64)
    for (events,) in log.rows.chunks("e"):
        n_of_event += np.bincount(events[events != MISSING], minlength=len(names))
    there = [(name, int(n)) for name, n in zip(names, n_of_event, strict=True) if n]
    missing = set(settings.events) - {name for name, _ in there}
    if missing:
        there.sort(key=lambda named: (-named[1], named[0]))
        shown = ", ".join(f"{name!r} ({n:,})" for name, n in there[:N_EVENTS_SHOWN])
        raise LogError(
            f"no interaction has the event {min(missing)!r}",
            where=log.source_name,
            fix=f"The events of the column {log.roles.event!r} are {shown or 'all empty'}.",
        )
    # The last one is found by the code of a missing event.
    is_asked = np.array([*(name in settings.events for name in names), False])
    is_met = np.concatenate([is_asked[events] for (events,) in log.rows.chunks("e")])
    return [("event", f"event other than {', '.join(settings.events)}", is_met)]


class _Left:
    """The users and items that are left, and how many rows they have with each other."""

    def __init__(self, ordered: OrderedRows, n_items: int) -> None:
        self._ordered = ordered
        self._user_is_left = np.ones(len(ordered.offsets) - 1, dtype=bool)
        self._item_is_left = np.ones(n_items, dtype=bool)
        self._n_of_user = np.diff(ordered.offsets)
        self._n_of_item: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """Rows of which user and item are left."""
        return int(self._n_of_user.sum())

    def n_of_user(self) -> np.ndarray:
        """Return the rows of each user, int64."""
        return self._n_of_user

    def n_of_item(self) -> np.ndarray:
        """Return the rows of each item, int64."""
        if self._n_of_item is None:
            self._n_of_item = np.zeros(len(self._item_is_left), dtype=np.int64)
            are_all_left = self._user_is_left.all() and self._item_is_left.all()
            for users, items in self._ordered.item_blocks():
                if not are_all_left:
                    is_left = self._user_is_left.take(users) & self._item_is_left.take(items)
                    items = items[is_left]
                self._n_of_item += np.bincount(items, minlength=len(self._n_of_item))
        return self._n_of_item

    def keep_users(self, is_kept: np.ndarray) -> int:
        """Drop all other users and return how many rows that costs."""
        n_before = self.n_rows
        self._user_is_left &= is_kept
        self._n_of_user = np.where(self._user_is_left, self._n_of_user, 0)
        if self.n_rows < n_before:
            self._n_of_item = None
        return n_before - self.n_rows

    def keep_items(self, is_kept: np.ndarray) -> int:
        """Drop all other items and return how many rows that costs."""
        n_before = self.n_rows
        self._n_of_item = np.where(is_kept, self.n_of_item(), 0)
        if int(self._n_of_item.sum()) == n_before:
            return 0
        self._item_is_left &= is_kept
        self._n_of_user = np.zeros_like(self._n_of_user)
        for users, items in self._ordered.item_blocks():
            is_left = self._user_is_left[users] & self._item_is_left[items]
            self._n_of_user += np.bincount(users[is_left], minlength=len(self._n_of_user))
        return n_before - self.n_rows


def _drop_rare(left: _Left, settings: PrepareSettings) -> list[dict[str, Any]]:
    """Drop short histories and rare items in turn until neither is left."""
    least_of_user, least_of_item = settings.min_sequence_length, settings.min_item_count
    n_short = left.keep_users(left.n_of_user() >= least_of_user)
    n_rare = 0
    while least_of_item > 1 and (n := left.keep_items(left.n_of_item() >= least_of_item)):
        n_rare += n
        n_short += left.keep_users(left.n_of_user() >= least_of_user)
    steps = [_step("short", n_short, f"users with fewer than {least_of_user} interactions")]
    if least_of_item > 1:
        reason = f"items with fewer than {least_of_item} interactions"
        steps.append(_step("rare", n_rare, reason))
    return steps
