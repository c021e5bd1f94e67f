"""The dataset that a page is about, in its address: it is there again after a reload."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from bert4rec.errors import NotFoundError
from bert4rec.ui import state
from bert4rec.ui.address import write_address

# The dataset that the address named when this session last looked at it.
LINKED_KEY = "linked_data"


def follow_data_link() -> None:
    """Use the dataset that the address names.

    Raises:
        NotFoundError: it is not there; it is removed from the address.
    """
    linked = st.query_params.get(state.DATA_LINK)
    if not linked or linked == st.session_state.get(LINKED_KEY):
        return
    state.choose_dataset(linked)
    if st.session_state.get(state.DATASET_KEY) != linked:
        del st.query_params[state.DATA_LINK]
        raise NotFoundError("the address names no dataset that is here", fix="Choose one below.")
    st.session_state[LINKED_KEY] = linked


def name_data(link: Mapping[str, str] | None = None, names: Collection[str] = ()) -> None:
    """Name the dataset in use in the address, with what a page says beside.

    Args:
        link: What the page says of itself.
        names: By which names; what else stands there by them is taken out.
    """
    chosen = st.session_state.get(state.DATASET_KEY)
    if chosen:
        write_address({state.DATA_LINK: chosen, **(link or {})}, (state.DATA_LINK, *names))
    st.session_state[LINKED_KEY] = chosen
