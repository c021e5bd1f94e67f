"""Samples to start from: those bundled, and public logs that are fetched from their owner."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bert4rec.data.public_archives import fetch_public_log, prepare_public_log
from bert4rec.data.public_logs import CITATION, PUBLIC_LOGS, PublicLog, find_public_log
from bert4rec.data.samples import SAMPLES, prepare_sample
from bert4rec.errors import Bert4RecError
from bert4rec.stages import Watch
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.long_making import made_beside
from bert4rec.ui.presses import is_making
from bert4rec.ui.redrawing import dialog
from bert4rec.view.markdown import escape
from bert4rec.words import size

# What the dialog has prepared: a dialog gives nothing back to the page that opened it.
FETCHED_KEY = "fetched_public_log"
# The public log whose dialog is open; whatever else reruns the page leaves it open.
ASKED_KEY = "asked_public_log"


def ask_sample() -> str | None:
    """Draw the samples; return the folder name of the dataset that was just prepared, if any."""
    fetched: str | None = st.session_state.pop(FETCHED_KEY, None)
    if fetched is not None:
        return fetched
    chosen = _ask_bundled()
    _ask_public()
    # Or what was chosen before a press elsewhere drew the page anew.
    chosen = chosen or next((name for name in SAMPLES if is_making(_key(name))), None)
    return None if chosen is None else _prepared(chosen)


def _key(name: str) -> str:
    return f"prepare_{name}"


def _ask_bundled() -> str | None:
    chosen = None
    st.caption("Simulated data, made for this project: every pattern in them is known.")
    with st.grid(3, min_column_width=260):
        for place, sample in enumerate(SAMPLES.values()):
            with st.container(border=True, height="stretch"):
                st.subheader(sample.title)
                st.markdown(sample.description)
                st.space("stretch")
                if st.button(
                    "Use this sample",
                    key=f"sample_{sample.name}",
                    type="primary" if place == 0 else "secondary",
                    icon=":material/download_done:",
                ):
                    chosen = sample.name
    return chosen


def _prepared(name: str) -> str | None:
    workspace = state.workspace()

    def make(watch: Watch) -> str:
        dataset = prepare_sample(name, workspace, watch=watch)
        return dataset.folder.name if dataset.folder else ""

    try:
        return made_beside(_key(name), "Preparing the sample…", make)
    except Bert4RecError as error:
        state.show_error(error)
        return None


def _ask_public() -> None:
    st.subheader("Public datasets")
    st.caption(
        "Ratings of films by real people, published by GroupLens at the University of Minnesota."
        " Nothing is fetched before you confirm it."
    )
    count = st.column_config.NumberColumn(format="localized")
    draw_frame(
        pd.DataFrame([_row(log) for log in PUBLIC_LOGS.values()]),
        hide_index=True,
        column_config={
            **dict.fromkeys(("Users", "Items", "Interactions"), count),
            "Licence": st.column_config.LinkColumn(display_text="Licence at the source"),
        },
        alt=f"{len(PUBLIC_LOGS)} public datasets with their counts, sizes and licences",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Public dataset",
            list(PUBLIC_LOGS),
            key="public_log",
            format_func=lambda name: PUBLIC_LOGS[name].title,
            width=260,
        )
        st.button(
            "Fetch and prepare", icon=":material/cloud_download:", on_click=_open, args=(name,)
        )
    if ASKED_KEY in st.session_state:
        confirm_fetch(find_public_log(st.session_state[ASKED_KEY]))


def _open(name: str) -> None:
    st.session_state[ASKED_KEY] = name


def _close() -> None:
    st.session_state.pop(ASKED_KEY, None)


def _row(log: PublicLog) -> dict[str, str | int]:
    return {
        "Title": log.title,
        "Users": log.n_users,
        "Items": log.n_items,
        "Interactions": log.n_interactions,
        "Download": "Already here"
        if log.place(state.workspace()).is_file()
        else f"about {size(log.size_bytes)}",
        "Licence": log.readme_url,
    }


@dialog(
    "Fetch from its owner?",
    icon=":material/cloud_download:",
    width="medium",
    on_dismiss=_close,
)
def confirm_fetch(log: PublicLog) -> None:
    """Say what would be fetched, from where and on which terms, and fetch it once confirmed."""
    place = log.place(state.workspace())
    is_here = place.is_file()
    if is_here:
        st.markdown(f"**{escape(log.title)}** lies here already; nothing is fetched.")
    else:
        st.markdown(
            f"**{escape(log.title)}**, about {size(log.size_bytes)}, is fetched by the machine that"
            " runs this dashboard from"
        )
        st.code(log.url, language=None, wrap_lines=True)
    st.markdown(f"Licence: {escape(log.licence)} [The whole licence]({log.readme_url})")
    st.caption(f"To cite: {escape(CITATION)}")
    st.caption(
        f"MD5: {log.md5}"
        if log.md5
        else "Its owner changes this file now and then, so its"
        " checksum is written down, not compared."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="fetch_cancel"):
            _close()
            st.rerun()
        is_confirmed = st.button(
            "Prepare it" if is_here else "Fetch it", type="primary", key="fetch_confirm"
        )
    # Or what was confirmed before the dialog was closed and opened again.
    if is_confirmed or is_making(_key(log.name)):
        _fetch(log)


def _fetch(log: PublicLog) -> None:
    bar = st.progress(0.0, text="Asking its owner…")

    def show(n_bytes: int, total: int | None) -> None:
        share = min(n_bytes / (total or log.size_bytes), 1.0)
        bar.progress(share, text=f"{size(n_bytes)} of about {size(total or log.size_bytes)}")

    workspace = state.workspace()

    def make(watch: Watch) -> str:
        dataset = prepare_public_log(log, workspace, watch=watch)
        return dataset.folder.name if dataset.folder else ""

    try:
        # By this drawing, so that closing the dialog ends it; what is here is prepared to its end.
        with st.spinner("Fetching and checking…", show_time=True):
            fetch_public_log(log, workspace, progress=show)
        bar.empty()
        folder = made_beside(_key(log.name), "Preparing it…", make)
    except Bert4RecError as error:
        bar.empty()
        state.show_error(error)
        return
    _close()
    st.session_state[FETCHED_KEY] = folder
    st.rerun()
