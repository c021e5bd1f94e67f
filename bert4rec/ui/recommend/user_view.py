"""For whom the next items are asked, beside whom, how many, of which groups; and in the address."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.item_groups import category_columns, group_name, group_places, item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import Bert4RecError
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.address import read_address
from bert4rec.ui.recommend.next_list_view import draw_lists, open_rivals, rival_labels
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.ui.sequences.user_box import draw_user_box
from bert4rec.words import caption_of

# How long the lists can be.
LENGTHS = (10, 20, 50)
LINK_KEY = "recommend_link"
PROBLEM_KEY = "recommend_user_problem"
USER_LINK_NAMES = ("user", "beside", "last", "k", "only")
ONLY_KEY = "recommend_only"


def draw_user_view(run: Run, recommender: Recommender) -> dict[str, str]:
    """Draw a user's history beside two lists; returns what of its link is its own."""
    dataset = recommender.dataset
    labels = rival_labels(run)
    groups = _groups(dataset.vocabulary)
    offered = [name for name in labels if name != run.id]
    _follow_link(dataset, offered, groups)
    user = st.session_state["recommend_user"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_user_box(
            dataset,
            user,
            partial(_take_user, dataset),
            key="recommend_user_box",
            placeholder="User",
        )
        if st.session_state.get("recommend_rival") not in offered:
            st.session_state["recommend_rival"] = offered[0]
        rival = st.selectbox(
            "Beside",
            offered,
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
        chosen = _choose_groups(dataset.vocabulary, groups)
        hides_last = st.toggle(
            "Hold back the last item",
            key="recommend_hides_last",
            help="Both are asked for the newest item from those before it, and it is marked in "
            "their lists. Off: what comes after the whole history.",
            persist_state="session",
        )
    show_refusal(PROBLEM_KEY)
    user_idx = dataset.user_idx(user)
    rivals = open_rivals(run, recommender, rival, labels)
    is_allowed = _are_in(dataset.vocabulary, chosen) if chosen else None
    draw_lists(recommender, rivals, user_idx, k=k, hides_last=hides_last, is_allowed=is_allowed)
    link = {
        "user": user,
        "beside": rival,
        "last": "" if hides_last else "shown",
        "k": "" if k == LENGTHS[0] else str(k),
        "only": ".".join(str(groups.index(name) + 1) for name in chosen),
    }
    link = {name: value for name, value in link.items() if value}
    st.session_state[LINK_KEY] = link
    return link


def _groups(vocabulary: Vocabulary) -> list[str]:
    """Return the groups of items that lists may be limited to, the largest first."""
    columns = category_columns(vocabulary)
    return list(group_places(vocabulary, columns[0])) if columns else []


def _choose_groups(vocabulary: Vocabulary, groups: list[str]) -> list[str]:
    if not groups:
        return []
    # Of another catalogue there may be others.
    kept = st.session_state.get(ONLY_KEY, [])
    st.session_state[ONLY_KEY] = [name for name in kept if name in groups]
    return st.multiselect(
        caption_of(category_columns(vocabulary)[0]),
        groups,
        key=ONLY_KEY,
        placeholder="All",
        width=220,
        help="Both lists hold items of these groups alone, and ranks are those among them.",
        persist_state="session",
    )


def _are_in(vocabulary: Vocabulary, chosen: list[str]) -> np.ndarray:
    """Return which items are in one of some groups, (N,)."""
    names = item_groups(vocabulary, category_columns(vocabulary)[0]).map(group_name)
    return names.isin(chosen).to_numpy()


def _follow_link(dataset: SequenceDataset, offered: list[str], groups: list[str]) -> None:
    link = read_address(USER_LINK_NAMES)
    is_new = bool(link) and link != st.session_state.get(LINK_KEY)
    st.session_state.setdefault("recommend_hides_last", True)
    if is_new:
        st.session_state["recommend_hides_last"] = link.get("last") != "shown"
        lengths = {str(length): length for length in LENGTHS}
        st.session_state["recommend_k"] = lengths.get(link.get("k", ""), LENGTHS[0])
        named = {str(place): name for place, name in enumerate(groups, 1)}
        places = link.get("only", "").split(".")
        st.session_state[ONLY_KEY] = [named[place] for place in places if place in named]
        if link.get("beside") in offered:
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
