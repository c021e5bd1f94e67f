"""What is left out of a log on the way to a dataset, and how much that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bert4rec.data.log import InteractionLog
from bert4rec.data.scan import Connection
from bert4rec.errors import LogError, SettingsError

# What a count can be limited to; more would be no number to the database.
MOST_ROWS = 1_000_000_000
ROW_HASH = "hash(u, i, t)"
ROWS_HASHED = 5_000_000
N_EVENTS_SHOWN = 12


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
        title="Rarest item",
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


@dataclass(frozen=True)
class Filtered:
    """What the filters left, step by step."""

    n_users: int
    n_items: int
    n_kept: int
    steps: tuple[dict[str, Any], ...]


def filter_log(log: InteractionLog, settings: PrepareSettings) -> Filtered:
    """Apply the filters to the log's table `kept(line, u, i, t)` and say what each left out.

    The tables `u_index(u, n, idx)` and `i_index(i, n, idx)` give who is left their indices, in the
    order in which the log first names them.

    The log itself stays as it is, so that settings can be tried one after the other.

    Raises:
        LogError: a value or an event is asked for that the log has no column for, or an event that
            never occurs.
    """
    connection = log.connection
    steps = [_step("read", log.n_rows_read, "rows of the source")]
    steps.append(_step("rejected", log.n_rejected, "no user, item or time, or no columns"))
    steps += _stage_kept(log, settings)
    if settings.drop_duplicates and log.has_times:
        steps.append(_step("duplicate", _drop_duplicates(connection), "same user, item and time"))
    if settings.max_sequence_length is not None:
        reason = f"users with more than {settings.max_sequence_length} interactions"
        steps.append(_step("long", _drop_long(connection, settings.max_sequence_length), reason))
    steps += _drop_rare(connection, settings)
    n_kept = _n_kept(connection)
    n_users, n_items = (_number(connection, letter) for letter in ("u", "i"))
    steps.append(_step("kept", n_kept, "interactions of the dataset"))
    return Filtered(n_users, n_items, n_kept, tuple(steps))


def _step(step: str, n_rows: int, reason: str) -> dict[str, Any]:
    return {"step": step, "n_rows": int(n_rows), "reason": reason}


def _stage_kept(log: InteractionLog, settings: PrepareSettings) -> list[dict[str, Any]]:
    """Fill `kept` with what is asked for by event and value, and say what was not."""
    conditions = [*_event_condition(log, settings), *_value_condition(log, settings)]
    parameters = {name: value for one in conditions for name, value in one.parameters.items()}
    for letter, column in (("u", "user_id"), ("i", "item_id")):
        log.connection.run(
            f"CREATE TABLE IF NOT EXISTS {column}s AS SELECT {letter} AS key,"
            f" {letter}::VARCHAR AS {column},"
            f" (row_number() OVER (ORDER BY min(line)))::INTEGER AS {letter}"
            f" FROM keyed GROUP BY key"
        )
    is_wanted = " AND ".join(["true", *(one.sql for one in conditions)])
    log.connection.run(
        "CREATE OR REPLACE TABLE kept AS SELECT line, user_ids.u, item_ids.i, time_s AS t"
        " FROM keyed JOIN user_ids ON keyed.u = user_ids.key"
        f" JOIN item_ids ON keyed.i = item_ids.key WHERE {is_wanted}",
        parameters,
    )
    steps: list[dict[str, Any]] = []
    before, used = "true", dict[str, Any]()
    for one in conditions:
        used |= one.parameters
        sql = f"SELECT count(*) FROM keyed WHERE {before} AND NOT {one.sql}"
        (n,) = log.connection.row(sql, used)
        steps.append(_step(one.step, n, one.reason))
        before += f" AND {one.sql}"
    return steps


@dataclass(frozen=True)
class _Condition:
    """What a row of `keyed` must meet: an SQL expression that is true or false, never NULL."""

    step: str
    sql: str
    reason: str
    parameters: dict[str, Any]


def _value_condition(log: InteractionLog, settings: PrepareSettings) -> list[_Condition]:
    limit = settings.min_value
    if limit is None:
        return []
    if log.roles.value is None:
        raise LogError(
            "a smallest value is asked for, but no column holds values",
            where=log.source_name,
            fix="Choose the column of values, or leave min_value empty.",
        )
    reason = f"value missing or below {limit:g}"
    return [_Condition("value", "coalesce(value >= $value, false)", reason, {"value": limit})]


def _event_condition(log: InteractionLog, settings: PrepareSettings) -> list[_Condition]:
    if settings.events is None:
        return []
    if log.roles.event is None:
        raise LogError(
            "events are asked for, but no column holds them",
            where=log.source_name,
            fix="Choose the column of events, or leave events empty.",
        )
    there = log.connection.rows(
        "SELECT event, count(*) AS n FROM keyed WHERE event IS NOT NULL GROUP BY event"
        " ORDER BY n DESC, event"
    )
    missing = set(settings.events) - {name for name, _ in there}
    if missing:
        shown = ", ".join(f"{name!r} ({n:,})" for name, n in there[:N_EVENTS_SHOWN])
        raise LogError(
            f"no interaction has the event {min(missing)!r}",
            where=log.source_name,
            fix=f"The events of the column {log.roles.event!r} are {shown or 'all empty'}.",
        )
    sql = "coalesce(list_contains($events, event), false)"
    reason = f"event other than {', '.join(settings.events)}"
    return [_Condition("event", sql, reason, {"events": list(settings.events)})]


def _n_kept(connection: Connection) -> int:
    return int(connection.row("SELECT count(*) FROM kept")[0])


def _drop_duplicates(connection: Connection) -> int:
    """Keep the first of rows that are the same; only those whose hash comes twice are compared."""
    suspects = pd.DataFrame({"h": _repeated_hashes(connection)})
    if suspects.empty:
        return 0
    n = _n_kept(connection)
    connection.duckdb.register("suspects", suspects)
    is_suspect = f"{ROW_HASH} IN (SELECT h FROM suspects)"
    connection.run(
        f"CREATE OR REPLACE TABLE kept AS SELECT * FROM kept WHERE NOT {is_suspect} UNION ALL"
        f" SELECT min(line) AS line, u, i, t FROM kept WHERE {is_suspect} GROUP BY u, i, t"
    )
    connection.duckdb.unregister("suspects")
    return n - _n_kept(connection)


def _repeated_hashes(connection: Connection) -> np.ndarray:
    """Return the hashes that several rows have, uint64.

    Cost: a sort of 8 bytes a row, `ROWS_HASHED` rows at a time; grouping the rows themselves takes
    twice as long and ten times as much memory.
    """
    n_parts = -(-_n_kept(connection) // ROWS_HASHED)
    found = []
    for part in range(n_parts):
        sql = f"SELECT {ROW_HASH} AS h FROM kept WHERE u % {n_parts} = {part}"
        hashes = np.sort(connection.duckdb.execute(sql).fetchnumpy()["h"])
        found.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)


def _drop_long(connection: Connection, limit: int) -> int:
    n = _n_kept(connection)
    connection.run(
        "CREATE OR REPLACE TABLE kept AS SELECT * FROM kept WHERE u NOT IN"
        " (SELECT u FROM kept GROUP BY u HAVING count(*) > $limit)",
        {"limit": limit},
    )
    return n - _n_kept(connection)


def _drop_rare(connection: Connection, settings: PrepareSettings) -> list[dict[str, Any]]:
    """Drop short histories and rare items in turn until neither is left."""
    limits = {"u": settings.min_sequence_length, "i": settings.min_item_count}
    n_dropped = dict.fromkeys(limits, 0)
    is_stable = False
    while not is_stable:
        is_stable = True
        for letter, limit in limits.items():
            n = _keep_frequent(connection, letter, limit) if limit > 1 else 0
            n_dropped[letter] += n
            is_stable = is_stable and n == 0
    steps = [_step("short", n_dropped["u"], f"users with fewer than {limits['u']} interactions")]
    if limits["i"] > 1:
        reason = f"items with fewer than {limits['i']} interactions"
        steps.append(_step("rare", n_dropped["i"], reason))
    return steps


def _keep_frequent(connection: Connection, letter: str, limit: int) -> int:
    rare = f"SELECT {letter} FROM kept GROUP BY {letter} HAVING count(*) < $limit"
    (n,) = connection.row(f"SELECT count(*) FROM kept WHERE {letter} IN ({rare})", {"limit": limit})
    if n:
        connection.run(
            f"CREATE OR REPLACE TABLE kept AS SELECT * FROM kept WHERE {letter} NOT IN ({rare})",
            {"limit": limit},
        )
    return int(n)


def _number(connection: Connection, letter: str) -> int:
    """Give users or items their indices and return how many there are."""
    connection.run(
        f"CREATE OR REPLACE TABLE {letter}_index AS SELECT {letter}, count(*) AS n,"
        f" (row_number() OVER (ORDER BY min(line)))::INTEGER AS idx FROM kept GROUP BY {letter}"
    )
    return int(connection.row(f"SELECT count(*) FROM {letter}_index")[0])
