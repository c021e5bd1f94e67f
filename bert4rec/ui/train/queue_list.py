"""What waits for a device: shown in its order, moved, and taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.ui import state
from bert4rec.ui.redrawing import draw_anew, fixed_place
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.view.markdown import escape
from bert4rec.view.state_words import state_word
from bert4rec.words import device_word

if TYPE_CHECKING:
    from bert4rec.jobs import JobService, Place
    from bert4rec.runs.folder import Run

LOOK_EVERY_S = 5.0
# A longer queue is scrolled.
N_SHOWN, LONG_PX = 6, 400
# What every row begins with, so that the names stand below each other.
BADGE_PX = 140
PROBLEM_KEY = "queue_problem"
Drawn = tuple[tuple[str, str, int, str], ...]


def draw_queue() -> None:
    """Draw the runs of this dashboard that run and wait, as long as any waits."""
    places = state.job_service().queue()
    show_refusal(PROBLEM_KEY)
    with fixed_place():
        if any(place.position for place in places):
            is_long = len(places) > N_SHOWN
            with st.container(border=True, height=LONG_PX if is_long else "content"):
                _draw_places(places)
        if places:
            # The buttons stand outside: a fragment that is drawn anew may swallow a press.
            st.fragment(_look, run_every=LOOK_EVERY_S)(_drawn(places))


def _drawn(places: list[Place]) -> Drawn:
    return tuple((place.run.id, place.device, place.position, _state(place)) for place in places)


def _state(place: Place) -> str:
    if place.position:
        return "queued"
    return "paused" if state.job_service().is_paused(place.run.id) else "running"


def _look(drawn: Drawn) -> None:
    """Have the page drawn anew once the queue is another one."""
    if _drawn(state.job_service().queue()) != drawn:
        draw_anew()


def _draw_places(places: list[Place]) -> None:
    states = Counter(map(_state, places))
    words = {"running": "training", "paused": "paused", "queued": "waiting"}
    counts = ", ".join(f"{states[each]:,} {word}" for each, word in words.items() if states[each])
    st.markdown(f"**Queue**: {counts}; each device trains one at a time")
    for place in places:
        with st.container(horizontal=True, vertical_alignment="center"):
            _draw_place(place)


def _draw_place(place: Place) -> None:
    run, n = place.run, place.position
    word = state_word(_state(place))
    label = f"{f'Number {n:,}' if n else word.label} on {device_word(place.device)}"
    with st.container(width=BADGE_PX):
        st.badge(label, icon=word.icon, color=word.color)  # type: ignore[arg-type]
    is_shown = run.id == st.session_state.get(state.RUN_KEY)
    name, data = _names(run)
    st.markdown(f"**{name}** · {data}" if is_shown else f"{name} · {data}", width="stretch")
    with st.container(horizontal=True, width="content"):
        if n:
            _button(run.id, "first", "To the front", "vertical_align_top", _move(1), is_off=n == 1)
            _button(run.id, "up", "Up", "arrow_upward", _move(n - 1), is_off=n == 1)
            _button(run.id, "out", "Take out", "playlist_remove", _take_out)
        key = f"queue_show_{run.id}"
        if st.button("Show", icon=":material/visibility:", key=key, disabled=is_shown):
            state.choose_run(run.id)
            st.rerun()


def _names(run: Run) -> tuple[str, str]:
    """Return what a run and its data are called; one that is gone or damaged hides no other."""
    try:
        return escape(run.name), escape(run.data_name)
    except Bert4RecError:
        return escape(run.id), "its folder cannot be read"


def _take_out(service: JobService, run_id: str) -> None:
    service.take_out(run_id)


def _move(position: int) -> Callable[[JobService, str], None]:
    return lambda service, run_id: service.move(run_id, position)


def _button(
    run_id: str,
    name: str,
    label: str,
    icon: str,
    act: Callable[[JobService, str], None],
    *,
    is_off: bool = False,
) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"queue_{name}_{run_id}",
        on_click=_act,
        args=(act, run_id),
        disabled=is_off,
    )


def _act(act: Callable[[JobService, str], None], run_id: str) -> None:
    # It is refused where the run has begun since it was drawn.
    carry_out(PROBLEM_KEY, act, state.job_service(), run_id)
