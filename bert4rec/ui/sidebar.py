"""The sidebar: the dataset and the run in use, and whether a run is going."""

from __future__ import annotations

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui import state
from bert4rec.ui.kept_focus import keep_focus
from bert4rec.ui.login import draw_leaving
from bert4rec.ui.theme_watch import watch_theme
from bert4rec.ui.way_back import keep_way_back
from bert4rec.view.markdown import escape
from bert4rec.view.state_words import state_word
from bert4rec.words import counted

# Not all pages watch the run that goes on.
LOOK_EVERY_S = 5.0


def draw_sidebar() -> None:
    """Draw the dataset and the run that the pages speak of, and what watches over every page."""
    with st.sidebar:
        for draw in (_draw_dataset, _draw_run):
            with st.container(gap="xsmall"):
                try:
                    draw()
                except Bert4RecError as error:
                    state.show_error(error)
        draw_leaving()
        watch_theme()
        keep_focus()
        keep_way_back()


def _draw_dataset() -> None:
    st.caption("Dataset")
    manifest = state.current_manifest()
    if manifest is None:
        st.markdown("None yet")
        st.page_link("pages/data.py", label="Bring data", icon=":material/upload:")
        return
    counts = manifest["counts"]
    st.markdown(f"**{escape(manifest['name'])}**")
    st.caption(f"{counted(counts['n_users'], 'user')}, {counted(counts['n_items'], 'item')}")


def _draw_run() -> None:
    st.caption("Run")
    run = state.current_run()
    if run is None:
        st.markdown("None yet")
        return
    is_active = run.status().state in ACTIVE_STATES
    st.markdown(f"**{escape(run.name)}**")
    st.fragment(_draw_state, run_every=LOOK_EVERY_S if is_active else None)(run)
    data, manifest = run.config()["dataset"], state.current_manifest()
    if manifest is not None and data.get("fingerprint") != manifest["fingerprint"]:
        st.caption(f"Its dataset: {escape(run.data_name)}")


def _draw_state(run: Run) -> None:
    try:
        word = state_word(state.shown_state(run, run.status()))
    except Bert4RecError:
        # Around a fragment nobody catches; the page as a whole goes on without the run.
        return
    st.badge(word.label, icon=word.icon, color=word.color)  # type: ignore[arg-type]
