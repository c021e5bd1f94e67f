from __future__ import annotations

import streamlit as st

from bert4rec.data.collection import MAX_NAME, damaged_datasets
from bert4rec.errors import Bert4RecError
from bert4rec.ui import state
from bert4rec.ui.address import IMPORT_NAMES, read_address
from bert4rec.ui.data.dataset_view import draw_dataset
from bert4rec.ui.data.import_address import (
    NAME,
    begin_import,
    follow_import,
    hold,
    told,
    write_import,
)
from bert4rec.ui.data.log_choice import (
    SERVER,
    UPLOAD,
    LogChoice,
    ask_server_file,
    ask_upload,
    follow_log,
    log_link,
)
from bert4rec.ui.data.log_form import ask_form_and_roles
from bert4rec.ui.data.page_top import begin_at_top, draw_top
from bert4rec.ui.data.prepare_form import ask_settings, draw_costs
from bert4rec.ui.data.preparing import AskedDataset, draw_failed, prepare_asked
from bert4rec.ui.data.sample_choice import ask_sample
from bert4rec.ui.data_link import name_data
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.view.markdown import escape

stop_strangers()

LOOK, ADD = "Look at a dataset", "Add a dataset"
VIEW_KEY = "data_view"
# The view to go to on the next run: a widget's value cannot be changed once it is drawn.
NEXT_VIEW_KEY = "next_data_view"
SAMPLE = "Sample"
WAY_KEY = "data_way"
FOLLOWED_KEY, LINK_PROBLEM_KEY = "data_link_followed", "data_link_problem"


def draw_data() -> None:
    st.title("Data")
    st.caption("A log of who used what, and when, becomes sequences that a model can learn from.")
    draw_top()
    draw_failed()
    there = state.datasets()
    for error in damaged_datasets(state.workspace()):
        state.show_error(error)
    if NEXT_VIEW_KEY in st.session_state:
        st.session_state[VIEW_KEY] = st.session_state.pop(NEXT_VIEW_KEY)
    if FOLLOWED_KEY not in st.session_state:
        st.session_state[FOLLOWED_KEY] = True
        follow_address()
    show_refusal(LINK_PROBLEM_KEY)
    view: str | None = ADD
    if there:
        st.session_state.setdefault(VIEW_KEY, LOOK)
        view = st.segmented_control(
            "View",
            [LOOK, ADD],
            key=VIEW_KEY,
            required=True,
            label_visibility="collapsed",
            persist_state="session",
        )
    if view == ADD:
        draw_add(is_first=not there)
    else:
        draw_dataset(there)
        name_data(names=IMPORT_NAMES)


def follow_address() -> None:
    """Go on with a log that is not prepared yet, where the address names one."""
    if not read_address(IMPORT_NAMES):
        return
    st.session_state[VIEW_KEY] = ADD
    st.session_state[WAY_KEY] = SERVER if "file" in read_address(IMPORT_NAMES) else UPLOAD
    carry_out(LINK_PROBLEM_KEY, follow_log)
    carry_out(LINK_PROBLEM_KEY, follow_import)


def draw_add(*, is_first: bool) -> None:
    if is_first:
        st.markdown(
            "Nothing is here yet. Once a log is prepared you will see its users, items, history"
            " lengths and popularity here, and what was left out and why."
        )
    st.session_state.setdefault(WAY_KEY, SAMPLE if is_first else UPLOAD)
    way = str(
        st.segmented_control(
            "Where is the log?",
            [UPLOAD, SAMPLE, SERVER],
            required=True,
            key=WAY_KEY,
            persist_state="session",
        )
    )
    if way == SAMPLE:
        folder_name = ask_sample()
        if folder_name is not None:
            show_prepared(folder_name)
        return
    draw_log(way)
    write_import(log_link(way))


def draw_log(way: str) -> None:
    with st.container(border=True):
        st.subheader("1. Choose the log")
        try:
            choice = ask_upload() if way == UPLOAD else ask_server_file()
        except Bert4RecError as error:
            state.show_error(error)
            return
    begin_import(choice.path if choice else None)
    if choice is not None:
        draw_import(choice, is_upload=way == UPLOAD)


def draw_import(choice: LogChoice, *, is_upload: bool) -> None:
    with st.container(border=True):
        st.subheader("2. Say what the columns hold")
        try:
            form, roles, items = ask_form_and_roles(choice)
        except Bert4RecError as error:
            state.show_error(error)
            return
    if roles is None:
        return
    with st.container(border=True):
        st.subheader("3. Choose what to leave out")
        try:
            settings = ask_settings(choice, form, roles)
        except Bert4RecError as error:
            state.show_error(error)
            return
        draw_costs(choice, form, roles, settings)
        usual = choice.name[:MAX_NAME]
        name = st.text_input(
            "Name of the dataset",
            value=told(NAME, usual),
            max_chars=MAX_NAME,
            key=f"name|{choice.path}",
            persist_state="session",
        )
        hold(NAME, name, usual)
        is_pressed = st.button("Prepare dataset", type="primary", icon=":material/check:")
        if is_pressed:
            # The form stays in view once the first dataset of all is there.
            st.session_state.setdefault(VIEW_KEY, ADD)
        asked = AskedDataset(choice, form, roles, items, name.strip(), settings)
        try:
            folder_name = prepare_asked(asked, is_pressed=is_pressed, is_upload=is_upload)
        except Bert4RecError as error:
            draw_failed()
            state.show_error(error)
            return
    if folder_name is not None:
        show_prepared(folder_name)


def show_prepared(folder_name: str) -> None:
    state.choose_dataset(folder_name)
    st.session_state[NEXT_VIEW_KEY] = LOOK
    begin_at_top()
    manifest = state.current_manifest() or {}
    st.toast(f"{escape(manifest.get('name', 'The dataset'))} is ready", icon=":material/check:")
    draw_anew()


draw_data()
