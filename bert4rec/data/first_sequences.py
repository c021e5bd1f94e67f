"""What the histories of a log would be, told from its first rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bert4rec.data.connection import Connection
from bert4rec.data.frames import frame_source
from bert4rec.data.ingest import Ingested, stage
from bert4rec.data.log import LogPreview
from bert4rec.data.roles import DateOrder, Roles, check_roles, refuse_lists
from bert4rec.errors import LogError

N_USERS = 3


@dataclass(frozen=True)
class FirstSequence:
    """A history as far as the first rows tell it: the user and the items, oldest first."""

    user_id: str
    item_ids: tuple[str, ...]


@dataclass(frozen=True)
class FirstSequences:
    """What the first rows of a log come to.

    Args:
        longest: The longest histories among them, the longest first.
        n_rows: How many rows were looked at.
        reject_reasons: How many of these are of no use, for each reason.
        time_problem: Why the times cannot be told from these rows alone, empty if they can; the
            order is then that of the file.
        date_orders: The orders that its dates fit alike, if that is why.
    """

    longest: tuple[FirstSequence, ...]
    n_rows: int
    reject_reasons: Mapping[str, int]
    time_problem: str = ""
    date_orders: tuple[DateOrder, ...] = ()


def first_sequences(preview: LogPreview, roles: Roles, n_users: int = N_USERS) -> FirstSequences:
    """Return the longest histories that the first rows of a log hold, read as the import will.

    Args:
        preview: The log's head.
        roles: The columns to take.
        n_users: How many histories.

    Raises:
        LogError: a column is not there, named for two roles, or holds lists.
    """
    layout, where = preview.layout, Path(preview.path).name
    check_roles(roles, layout.columns, where)
    refuse_lists(roles, layout.holds_lists, where)
    head = pd.DataFrame(list(layout.rows), columns=list(layout.columns), dtype="string")
    try:
        found, rows = _read(head, roles, where)
        problem, orders = "", ()
    except LogError as error:
        if roles.time is None:
            raise
        found, rows = _read(head, replace(roles, time=None), where)
        problem, orders = error.message, tuple(error.details.get("orders", ()))
    longest = _longest(rows, n_users)
    return FirstSequences(longest, found.n_rows_read, found.reject_reasons, problem, orders)


def _read(head: pd.DataFrame, roles: Roles, where: str) -> tuple[Ingested, pd.DataFrame]:
    connection = Connection()
    try:
        found = stage(connection, frame_source(head, where), roles)
        return found, found.rows.frame()
    finally:
        connection.close()


def _longest(rows: pd.DataFrame, n_users: int) -> tuple[FirstSequence, ...]:
    histories = dict(iter(rows.groupby("user_id", sort=False)))
    longest = sorted(histories, key=lambda user: -len(histories[user]))[:n_users]
    return tuple(
        # Equal times keep the order of the file.
        FirstSequence(
            str(user), tuple(histories[user].sort_values("time_s", kind="stable")["item_id"])
        )
        for user in longest
    )
