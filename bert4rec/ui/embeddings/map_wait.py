"""A map that is being made in the background: progress, calling it off, failure."""

from __future__ import annotations

import streamlit as st

from bert4rec.maps.tasks import Task
from bert4rec.ui import state
from bert4rec.ui.redrawing import draw_anew
from bert4rec.view.markdown import escape
from bert4rec.words import percent

POLL_EVERY = "2s"


def draw_waiting(task: Task, what: str, meanwhile: str = "") -> None:
    """Draw where a map stands that is not there yet, with a button to stop it or start it again.

    Args:
        task: The map.
        what: What to call it, as the beginning of a sentence.
        meanwhile: What is shown until then, a sentence.
    """
    service = state.map_service()
    now = service.state(task)
    if now == "running":
        _draw_running(task, what, meanwhile)
        return
    if now == "cancelled":
        st.info(f"{what} was stopped. {meanwhile}", icon=":material/cancel:")
        label, icon = "Start again", ":material/play_arrow:"
    elif now == "failed":
        why = escape(service.failure(task))
        st.warning(f"{what} could not be made: {why}. {meanwhile}", icon=":material/warning:")
        label, icon = "Try again", ":material/refresh:"
    else:
        if now == "done":
            # Since it was looked for: nothing else would draw the page anew.
            draw_anew()
        return
    st.button(label, icon=icon, on_click=service.start, args=(task,))


def _draw_running(task: Task, what: str, meanwhile: str) -> None:
    """Draw how far a map is, live, with its Stop."""
    service = state.map_service()
    is_cancelled = service.progress(task).is_cancelled
    with st.container(horizontal=True, vertical_alignment="center"):
        live = st.fragment(_draw_progress, run_every=POLL_EVERY)
        live(task, what, meanwhile, is_cancelled)
        st.button(
            "Stop",
            icon=":material/stop:",
            on_click=service.cancel,
            args=(task,),
            disabled=is_cancelled,
        )


def _draw_progress(task: Task, what: str, meanwhile: str, was_cancelled: bool) -> None:
    service = state.map_service()
    progress = service.progress(task)
    # What stands outside the fragment is drawn anew when it changes.
    if service.state(task) != "running" or progress.is_cancelled != was_cancelled:
        draw_anew()
    st.progress(
        progress.share,
        f"{what}: {escape(progress.stage or 'starting')}, {percent(progress.share)}. {meanwhile}",
    )
