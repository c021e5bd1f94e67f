"""A user's history as a path over the map."""

from __future__ import annotations

import numpy as np
import streamlit as st

from bert4rec.errors import UnknownIdError
from bert4rec.maps.projection import EmbeddingMap
from bert4rec.recommender import Recommender
from bert4rec.ui import state
from bert4rec.ui.embeddings.maps import rows_of
from bert4rec.ui.sequences.user_box import draw_user_box
from bert4rec.view.markdown import escape
from bert4rec.words import counted

PATH_KEY = "embeddings_path"
# A longer path is a scribble.
MAX_STEPS = 30


def draw_path_box(recommender: Recommender) -> None:
    """Ask for the user whose newest items are joined by a line."""
    dataset = recommender.dataset
    user = path_user(recommender)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_user_box(dataset, user, take_path, key="embeddings_path_box", placeholder="No path")
    problem = st.session_state.get("embeddings_path_problem")
    if problem is not None:
        state.show_error(problem)
    if user:
        st.button("Clear", icon=":material/close:", key="embeddings_path_clear", on_click=_clear)
    st.caption(f"The newest {MAX_STEPS} items of a user's history, joined from the oldest on.")


def take_path(user: str) -> None:
    """Draw this user's path from now on; one who is not there is said at the box."""
    st.session_state[PATH_KEY] = user


def _clear() -> None:
    st.session_state.pop(PATH_KEY, None)


def path_user(recommender: Recommender) -> str:
    """Return the user whose path is drawn, empty for none; one who is not there is let go."""
    user = str(st.session_state.get(PATH_KEY) or "")
    st.session_state.pop("embeddings_path_problem", None)
    if not user:
        return ""
    try:
        recommender.dataset.user_idx(user)
    except UnknownIdError as error:
        _clear()
        st.session_state["embeddings_path_problem"] = error
        return ""
    return user


def path_items(recommender: Recommender) -> list[int]:
    """Return the items of the path, oldest first, 1..N; none without a user."""
    user = path_user(recommender)
    if not user:
        return []
    dataset = recommender.dataset
    return [int(idx) for idx in dataset.history(dataset.user_idx(user))[-MAX_STEPS:]]


def path_words(found: EmbeddingMap, items: list[int], user: str) -> str:
    """Return what the path is, and how far its steps reach on the map beside chance."""
    rows = rows_of(found.item_idx, items)
    if len(rows) < 2:
        return f"User {escape(user)} has no two items on this map."
    steps = np.linalg.norm(np.diff(found.points[rows], axis=0), axis=1)
    pairs = np.random.default_rng(0).integers(len(found.points), size=(2, 1000))
    apart = np.linalg.norm(found.points[pairs[0]] - found.points[pairs[1]], axis=1)
    share = float(np.median(steps) / max(float(np.median(apart)), 1e-12))
    return (
        f"The newest {counted(len(rows), 'item')} of user {escape(user)}, from 1 on: the middle "
        f"step is {share:.2f} times as long as the way between two items drawn by chance."
    )
