from __future__ import annotations

import streamlit as st

from bert4rec.comparing.comparison import Comparison, delete_comparison
from bert4rec.errors import Bert4RecError, NotFoundError
from bert4rec.ui import state
from bert4rec.ui.address import read_address
from bert4rec.ui.confirmation import draw_confirmation
from bert4rec.ui.evaluate.comparison_form import (
    draw_active,
    draw_empty,
    draw_ending,
    draw_form,
    ended_runs,
)
from bert4rec.ui.evaluate.comparison_report import LINK_NAMES, draw_report
from bert4rec.ui.evaluate.comparison_tables import key_of
from bert4rec.ui.evaluate.kept_comparisons import kept_labels, newest_of, open_kept
from bert4rec.ui.evaluate_choice import CHOICE_KEY, CHOSEN_FOR_KEY, NEW, RUNS_KEY, show
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.redrawing import dialog, fixed_place
from bert4rec.view.markdown import escape

stop_strangers()

# The address as this session left it.
LINK_KEY = "evaluate_link"
ALL_NAMES = ("comparison", *LINK_NAMES)


def page() -> None:
    st.title("Evaluate")
    st.caption(
        "Is it the right model for these data? Models and baselines on the same users, with what "
        "chance explains."
    )
    follow_link()
    with fixed_place():
        draw_active()
        done = draw_ending()
    labels = kept_labels()
    runs = ended_runs()
    if not labels and not runs:
        draw_empty()
        return
    if done in labels:
        show(done)
    shown = choose(labels)
    if shown == NEW:
        write_link({})
        if runs:
            draw_form(runs)
        else:
            draw_empty()
        return
    try:
        comparison = open_kept(shown)
        tell_other_run(comparison)
        draw_report(comparison, [other for other in labels if other != shown])
    except Bert4RecError as error:
        state.show_error(error)
        return
    link = {name: str(st.session_state.get(key_of(name), "")) for name in LINK_NAMES}
    write_link({"comparison": shown} | {name: value for name, value in link.items() if value})


def follow_link() -> None:
    """Take over what the address names, if that is new."""
    link = read_address(ALL_NAMES)
    if not link or link == st.session_state.get(LINK_KEY):
        return
    for name in LINK_NAMES:
        if name in link:
            st.session_state[key_of(name)] = link[name]
    if "comparison" in link:
        show(link["comparison"])


def write_link(link: dict[str, str]) -> None:
    st.session_state[LINK_KEY] = link
    state.name_run(link, ALL_NAMES)


def choose(labels: dict[str, str]) -> str:
    """Return the comparison to show, or NEW."""
    wanted = st.session_state.get(CHOICE_KEY)
    if wanted is not None and wanted not in (NEW, *labels):
        state.show_error(
            NotFoundError("there is no such comparison here", fix="Choose one below, or compare.")
        )
    is_of_other_run = st.session_state.get(CHOSEN_FOR_KEY) != st.session_state.get(state.RUN_KEY)
    if wanted not in (NEW, *labels) or is_of_other_run:
        choose_for_run()
    if not labels:
        return NEW
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Comparison",
            [NEW, *labels],
            key=CHOICE_KEY,
            format_func=lambda name: labels.get(name, "A new comparison"),
            persist_state="session",
            width=640,
        )
        shown = str(st.session_state[CHOICE_KEY])
        if shown != NEW:
            st.button("Compare others", icon=":material/add:", on_click=show, args=(NEW,))
            if st.button("Delete", icon=":material/delete:", key="evaluate_delete"):
                ask_delete(shown)
    return shown


def choose_for_run() -> None:
    """Choose the newest comparison that holds the run in use, else a new one with it."""
    run = state.current_run()
    found = newest_of(run.id) if run is not None else None
    if run is not None and found is None:
        st.session_state[RUNS_KEY] = [run.id]
    show(found or NEW)


def tell_other_run(comparison: Comparison) -> None:
    """Say that a comparison is not about the run in use, which the sidebar names."""
    run = state.current_run()
    if run is not None and run.id not in comparison.entrants:
        st.info(
            f"{escape(run.name)}, the run in use, is not in this comparison.",
            icon=":material/info:",
        )


@dialog("Delete this comparison?", icon=":material/delete:")
def ask_delete(comparison_id: str) -> None:
    st.markdown("Runs and dataset stay. It can be made again.")
    draw_confirmation(lambda: delete(comparison_id))


def delete(comparison_id: str) -> None:
    delete_comparison(state.workspace(), comparison_id)
    st.session_state.pop(CHOICE_KEY, None)


page()
