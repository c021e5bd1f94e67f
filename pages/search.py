from __future__ import annotations

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import NotFoundError
from bert4rec.files import MAX_SAFE_NAME, free_safe_name, safe_name
from bert4rec.search.plan import SearchPlan
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.ui.search import search_form
from bert4rec.ui.search.search_actions import (
    LINK,
    LINKED_KEY,
    NAME_KEY,
    NEW,
    PROBLEM_KEY,
    VIEW_KEY,
    as_shown,
    asked_name,
    show_new,
    show_study,
    start,
)
from bert4rec.ui.search.search_address import SEARCH_FORM, leave_form
from bert4rec.ui.search.search_draft import domain_words
from bert4rec.ui.search.search_files import draw_files
from bert4rec.ui.search.search_view import draw_study
from bert4rec.ui.search.search_windows import windows_alike, windows_apart
from bert4rec.ui.settings.dataset_choice import draw_dataset_choice, draw_no_dataset
from bert4rec.ui.settings.estimate_panel import draw_estimate, search_words
from bert4rec.ui.settings.setting_fields import draw_refusal
from bert4rec.ui.study_list import ReadStudy, studies_frame
from bert4rec.view.worded import worded
from bert4rec.words import counted, duration

stop_strangers()

LINK_PROBLEM_KEY = "search_link_problem"
ROW_PX, MAX_TABLE_PX = 35, 320
COLUMNS = {
    "State": st.column_config.TextColumn(width=110),
    "Best": st.column_config.NumberColumn(format="%.4f"),
    "Time": st.column_config.NumberColumn(help="Time in trials."),
    "Changed": st.column_config.DatetimeColumn(
        format="D MMM YYYY, HH:mm", timezone="UTC", help="UTC."
    ),
}


def choose_view(studies: dict[str, ReadStudy]) -> str:
    """Return the search to show, or NEW; one that the address names comes first."""
    linked = str(st.query_params.get(LINK, ""))
    if linked and linked != st.session_state.get(LINKED_KEY):
        if linked in studies:
            show_study(linked)
        else:
            st.query_params.pop(LINK)
            state.show_error(
                NotFoundError("the address names no search that is here", fix="Choose one below.")
            )
    if VIEW_KEY not in st.session_state:
        active = next((name for name, read in studies.items() if read.is_active), NEW)
        st.session_state[VIEW_KEY] = active
    if st.session_state[VIEW_KEY] not in (NEW, *studies):
        show_new()
    shown = str(st.session_state[VIEW_KEY])
    if shown != NEW:
        # A page of the menu starts with a bare address.
        show_study(shown)
    return shown


def take_view() -> None:
    view = str(st.session_state[VIEW_KEY])
    if view == NEW:
        show_new()
    else:
        show_study(view)


def draw_choice(studies: dict[str, ReadStudy], shown: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Show",
            [NEW, *studies],
            format_func=lambda name: "A new search" if name == NEW else name,
            key=VIEW_KEY,
            on_change=take_view,
            persist_state="session",
            width=420,
        )
        if shown != NEW:
            st.button("New search", icon=":material/add:", on_click=show_new)


def draw_new_search(taken: set[str]) -> None:
    dataset = state.shown_dataset()
    if dataset is None:
        draw_no_dataset(
            "Here you will see which settings are best for your data, and which of them matter."
        )
        return
    form, summary = st.columns([5, 3], gap="large")
    with form:
        name = draw_name(dataset, taken)
        plan, problems = search_form.draw_plan()
    with summary, st.container(border=True, key="search_summary"):
        draw_dataset_choice(dataset, "search_dataset")
        draw_start(dataset, plan, problems, name, taken)
    draw_files(dataset, plan, name)
    SEARCH_FORM.write()


def draw_name(dataset: SequenceDataset, taken: set[str]) -> str:
    st.text_input(
        "Name of the search",
        key=NAME_KEY,
        placeholder=free_safe_name(f"{dataset.name} search", taken, fallback="search"),
        max_chars=MAX_SAFE_NAME,
        persist_state="session",
        help="Letters, digits, - and _; other signs become -. Its file is studies/NAME.db.",
    )
    return asked_name(dataset, taken)


def draw_start(
    dataset: SequenceDataset,
    plan: SearchPlan | None,
    problems: list[str],
    name: str,
    taken: set[str],
) -> None:
    there = safe_name(name, fallback="search")
    if there in taken:
        problems = [*problems, f"there is a search {there} already; choose another name"]
    if plan is None or problems:
        draw_refusal("Start the search", problems)
        return
    draw_summary(dataset, plan)
    cost = st.container()
    # By a callback, which hears the press also when another view takes the place of this one.
    st.button(
        "Start the search",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=start,
    )
    if state.job_service().active() or state.search_service().active():
        st.caption("The device is in use. Trials and runs take turns; a run that waits goes first.")
    else:
        st.caption("A run that is started meanwhile trains before the next trial.")
    st.markdown("**The first trial, unless it is pruned**")
    estimate = draw_estimate(dataset, plan.base)
    if estimate is not None:
        cost.caption(search_words(estimate.total_s, plan))


def draw_summary(dataset: SequenceDataset, plan: SearchPlan) -> None:
    minutes = plan.budget.minutes
    limit = f", at most {duration(60 * minutes)}" if minutes is not None else ""
    st.caption(
        f"{counted(plan.n_trials, 'trial')}{limit}, up to "
        f"{counted(plan.base.n_epochs, 'epoch')} each; {counted(len(plan.space), 'setting')} "
        + ("varies." if len(plan.space) == 1 else "vary.")
    )
    if plan.n_trials < plan.budget.n_trials:
        st.caption("Not more: then every point of what varies has been tried.")
    if plan.first_point() is None:
        st.caption("The first trial is drawn like the others: what it would have lies outside.")
    longest = int(dataset.lengths.max(initial=0))
    if alike := windows_alike(plan.space, longest):
        st.caption(alike)
        windows = windows_apart(plan.space["max_seq_length"], longest)
        words = f"{windows:,} alone" if isinstance(windows, int) else domain_words(windows)
        st.button(
            f"Use {words}",
            icon=":material/check:",
            type="tertiary",
            key="search_mend_windows",
            on_click=search_form.take_windows,
            args=(windows,),
        )


def draw_list(studies: dict[str, ReadStudy]) -> None:
    with folded(
        f"All searches · {len(studies):,}", key="search_all", icon=":material/list:"
    ) as is_open:
        if is_open:
            draw_frame(
                worded(studies_frame(studies.values(), state.workspace()), {"Time": duration}),
                hide_index=True,
                height=min(MAX_TABLE_PX, ROW_PX * (len(studies) + 1) + 2),
                column_config=COLUMNS,
                placeholder="–",
                alt=f"{counted(len(studies), 'search', 'searches')} with state and best score",
            )


st.title("Search")
st.caption("Tunes the settings: many are tried one after the other, each judged by validation.")
show_refusal(PROBLEM_KEY)
carry_out(LINK_PROBLEM_KEY, SEARCH_FORM.follow)
show_refusal(LINK_PROBLEM_KEY)
found = {read.name: as_shown(read) for read in state.study_list().all()}
view = choose_view(found)
if found:
    draw_choice(found, view)
if view == NEW:
    draw_new_search(set(found))
else:
    leave_form()
    draw_study(found[view])
if found:
    draw_list(found)
