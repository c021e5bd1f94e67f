"""The box in which a visitor chooses a user of the dataset."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import UnknownIdError
from bert4rec.words import counted

MAX_LISTED_USERS = 1000


def draw_user_box(
    dataset: SequenceDataset,
    user: str,
    take: Callable[[str], None],
    *,
    key: str,
    placeholder: str,
    finds_items: bool = False,
) -> None:
    """Draw a box with users, in which any id can be typed, and a button that draws one.

    Args:
        dataset: Whose users.
        user: The one in hand, empty for none.
        take: Gets the id of the user that was chosen.
        key: Key of the box.
        placeholder: What the box says while no user is in hand.
        finds_items: Whether `take` looks for a text that is no user's id among the items.
    """
    users = [str(one) for one in dataset.users["user_id"].iloc[:MAX_LISTED_USERS]]
    if user and user not in users:
        users.insert(0, user)
    st.session_state[key] = user or None

    def take_chosen() -> None:
        if chosen := st.session_state[key]:
            take(chosen)

    st.selectbox(
        "User",
        users,
        key=key,
        accept_new_options=True,
        placeholder=placeholder,
        width=260,
        help=f"{counted(dataset.n_users, 'user')}; an id that is not listed can be typed"
        + (", or a title to find somebody who met it." if finds_items else "."),
        on_change=take_chosen,
    )
    st.button(
        "Random",
        icon=":material/casino:",
        key=f"{key}_random",
        on_click=lambda: take(another_user(dataset, user)),
    )


def another_user(dataset: SequenceDataset, user: str) -> str:
    """Return the id of a user drawn at random, any but the one in hand if there is another."""
    here: int | None = None
    # A sequence may be said to be of somebody who is not in the data.
    with suppress(UnknownIdError):
        here = dataset.user_idx(user)
    chance = np.random.default_rng()
    if here is None or dataset.n_users == 1:
        return dataset.user_id(int(chance.integers(dataset.n_users)))
    drawn = int(chance.integers(dataset.n_users - 1))
    return dataset.user_id(drawn + (drawn >= here))
