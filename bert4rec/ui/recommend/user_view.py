"""For whom the next items are asked, beside whom, and how many; in the address, too."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.address import read_address
from bert4rec.ui.recommend.next_list_view import draw_lists, open_rivals, rival_labels
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.ui.sequences.user_box import draw_user_box

# How long the lists can be.
LENGTHS = (10, 20, 50)
LINK_KEY = "recommend_link"
PROBLEM_KEY = "recommend_user_problem"
USER_LINK_NAMES = ("user", "beside", "last", "k")


def draw_user_view(run: Run, recommender: Recommender) -> dict[str, str]:
    """Draw a user's history beside two lists; returns what of its link is its own."""
    dataset = recommender.dataset
    labels = rival_labels(run)
    _follow_link(dataset, labels)
    user = st.session_state["recommend_user"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_user_box(
            dataset,
            user,
            partial(_take_user, dataset),
            key="recommend_user_box",
            placeholder="User",
        )
        if st.session_state.get("recommend_rival") not in labels:
            st.session_state["recommend_rival"] = next(iter(labels))
        rival = st.selectbox(
            "Beside",
            list(labels),
            key="recommend_rival",
            format_func=lambda name: labels.get(name, name),
            width=280,
            persist_state="session",
        )
        k = st.selectbox(
            "Items",
            LENGTHS,
            key="recommend_k",
            width=90,
            help="Length of each list",
            persist_state="session",
        )
        hides_last = st.toggle(
            "Hold back the last item",
            key="recommend_hides_last",
            help="Both are asked for the newest item from those before it, and it is marked in "
            "their lists. Off: what comes after the whole history.",
            persist_state="session",
        )
    show_refusal(PROBLEM_KEY)
    user_idx = dataset.user_idx(user)
    rivals = open_rivals(run, recommender, rival, labels[rival])
    draw_lists(recommender, rivals, user_idx, k=k, hides_last=hides_last)
    link = {
        "user": user,
        "beside": rival,
        "last": "" if hides_last else "shown",
        "k": "" if k == LENGTHS[0] else str(k),
    }
    link = {name: value for name, value in link.items() if value}
    st.session_state[LINK_KEY] = link
    return link


def _follow_link(dataset: SequenceDataset, labels: dict[str, str]) -> None:
    link = read_address(USER_LINK_NAMES)
    is_new = bool(link) and link != st.session_state.get(LINK_KEY)
    st.session_state.setdefault("recommend_hides_last", True)
    if is_new:
        st.session_state["recommend_hides_last"] = link.get("last") != "shown"
        lengths = {str(length): length for length in LENGTHS}
        st.session_state["recommend_k"] = lengths.get(link.get("k", ""), LENGTHS[0])
        if link.get("beside") in labels:
            st.session_state["recommend_rival"] = link["beside"]
        if "user" in link:
            _take_user(dataset, link["user"])
    known = st.session_state.get("recommend_user_of") == dataset.fingerprint
    if not known or "recommend_user" not in st.session_state:
        longest = int(np.argmax(dataset.lengths >= min(8, int(dataset.lengths.max()))))
        _take_user(dataset, dataset.user_id(longest))


def _take_user(dataset: SequenceDataset, user: str) -> None:
    try:
        dataset.user_idx(user)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
        return
    st.session_state["recommend_user"] = user
    st.session_state["recommend_user_of"] = dataset.fingerprint
