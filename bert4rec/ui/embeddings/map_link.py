"""A view of the map as an address: what a link to it names, taken over and written."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from bert4rec.data.vocabulary import Vocabulary
from bert4rec.recommender import Recommender
from bert4rec.ui import state
from bert4rec.ui.address import read_address
from bert4rec.ui.embeddings.map_controls import (
    CLUSTER_METHODS,
    FOCUS_KEY,
    METHOD_KEY,
    NUMBERS,
    OTHER_KEY,
    VIEWS,
    ZOOM_KEY,
    focused_item,
)
from bert4rec.ui.embeddings.map_path import path_user, take_path
from bert4rec.view.map_colours import colours_of

# By the keys of the widgets. The others are named only where they are not as they come.
ALWAYS = {
    "map": "embeddings_method",
    "colour": "embeddings_colour",
    "dimensions": "embeddings_dimensions",
}
NAMES = (*ALWAYS, *NUMBERS, "by", "beside", "item", "path")
READ_KEY = "embeddings_link"


def follow_link(vocabulary: Vocabulary) -> None:
    """Take over what the address names, once; what does not fit is passed over."""
    link = read_address(NAMES)
    if not link or st.session_state.get(READ_KEY) == link:
        return
    st.session_state[READ_KEY] = link
    _take(link, "map", ALWAYS["map"], VIEWS)
    _take(link, "colour", ALWAYS["colour"], colours_of(vocabulary))
    _take(link, "by", METHOD_KEY, CLUSTER_METHODS)
    if link.get("dimensions") in ("2", "3"):
        st.session_state[ALWAYS["dimensions"]] = int(link["dimensions"])
    for name, number in NUMBERS.items():
        value = number.read(link.get(name, ""))
        if value is not None:
            st.session_state[number.key] = value
    if "beside" in link:
        st.session_state[OTHER_KEY] = link["beside"]
    if "path" in link:
        take_path(link["path"])
    if link.get("item") in vocabulary:
        st.session_state[FOCUS_KEY] = st.session_state[ZOOM_KEY] = vocabulary.idx(link["item"])


def _take(link: Mapping[str, str], name: str, key: str, options: Collection[str]) -> None:
    if link.get(name) in options:
        st.session_state[key] = link[name]


def write_link(recommender: Recommender) -> None:
    """Put what is shown into the address, so that a link shows it again."""
    link = {name: str(st.session_state[key]) for name, key in ALWAYS.items()}
    for name, number in NUMBERS.items():
        if number.value != number.default:
            link[name] = str(number.value)
    method = st.session_state.get(METHOD_KEY)
    vocabulary = recommender.vocabulary
    focus, path = focused_item(vocabulary), path_user(recommender)
    link |= {"by": str(method)} if method in list(CLUSTER_METHODS)[1:] else {}
    link |= {"beside": str(st.session_state[OTHER_KEY])} if _is_beside() else {}
    link |= {"item": vocabulary.item_id(focus)} if focus is not None else {}
    link |= {"path": path} if path else {}
    state.name_run(link, NAMES)
    st.session_state[READ_KEY] = link


def _is_beside() -> bool:
    """Whether another model is shown beside the run's own."""
    return st.session_state[ALWAYS["map"]] == "pair" and bool(st.session_state.get(OTHER_KEY))
