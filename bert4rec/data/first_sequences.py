"""What the first histories of a log would be, told from its first lines alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bert4rec.data.layout import Layout
from bert4rec.data.roles import Roles

N_USERS = 3


@dataclass(frozen=True)
class FirstSequence:
    """The start of a history: the user and the items that the first lines name, oldest first."""

    user_id: str
    item_ids: tuple[str, ...]


def first_sequences(layout: Layout, roles: Roles, n_users: int = N_USERS) -> list[FirstSequence]:
    """Return the histories of the users that the first lines name most often.

    Lines without a user or an item are passed over, as the import will. Times are compared as
    numbers where all are numbers, else as text, which is right for ISO 8601 and stands for the
    order of the lines where a form says nothing; equal ones keep that order.

    Args:
        layout: The log's layout with its first rows.
        roles: The columns to take.
        n_users: How many histories.
    """
    place = {name: at for at, name in enumerate(layout.columns)}
    histories: dict[str, list[tuple[str, str]]] = {}
    for row in layout.rows:
        user, item = row[place[roles.user]].strip(), row[place[roles.item]].strip()
        time = row[place[roles.time]].strip() if roles.time else ""
        if user and item:
            histories.setdefault(user, []).append((time, item))
    longest = sorted(histories, key=lambda user: -len(histories[user]))[:n_users]
    return [FirstSequence(user, _ordered(histories[user])) for user in longest]


def _ordered(met: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    try:
        moments: list[float] | list[str] = [float(time) for time, _ in met]
    except ValueError:
        moments = [time for time, _ in met]
    order = sorted(range(len(met)), key=moments.__getitem__)
    return tuple(met[at][1] for at in order)
