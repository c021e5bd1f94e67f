"""The dataset that a form is about, chosen among those of the workspace; what stands for none."""

from __future__ import annotations

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.ui import state
from bert4rec.view.markdown import escape
from bert4rec.words import counted, unique_labels


def draw_dataset_choice(dataset: SequenceDataset, key: str) -> None:
    """Show the dataset in use, and let another one be chosen where there are several.

    Args:
        dataset: The one in use.
        key: Key of the box; every page has its own.
    """
    labels = unique_labels({str(found["folder"]): str(found["name"]) for found in state.datasets()})
    here = dataset.folder.name if dataset.folder else ""
    if len(labels) > 1:
        st.session_state[key] = here
        st.selectbox(
            "Dataset",
            list(labels),
            format_func=lambda folder: labels.get(folder, folder),
            key=key,
            on_change=lambda: state.choose_dataset(st.session_state[key]),
        )
    else:
        st.markdown(f"**{escape(dataset.name)}**")
    st.caption(
        f"{counted(dataset.n_users, 'user')}, {counted(dataset.n_items, 'item')}, "
        f"{counted(dataset.n_interactions, 'interaction')}"
    )


def draw_no_dataset(about: str) -> None:
    """Say what a page is for that has no dataset yet, and offer the way to one."""
    st.markdown(about)
    st.markdown("It needs a dataset first.")
    if st.button("Bring data", icon=":material/upload:", type="primary"):
        st.switch_page("pages/data.py")
