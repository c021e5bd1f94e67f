from __future__ import annotations

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.names import free_name
from bert4rec.policy import Policy, PolicyKind
from bert4rec.runs.label import MAX_NAME
from bert4rec.ui import state
from bert4rec.ui.address import FORM_NAMES
from bert4rec.ui.folded import folded
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.refusals import carry_out, keep_refusal, show_refusal
from bert4rec.ui.run_choice import run_labels
from bert4rec.ui.run_deletion import draw_undo
from bert4rec.ui.settings import policy_form, settings_form
from bert4rec.ui.settings.dataset_choice import draw_dataset_choice, draw_no_dataset
from bert4rec.ui.settings.estimate_panel import draw_estimate, draw_first_batch
from bert4rec.ui.settings.setting_fields import draw_refusal
from bert4rec.ui.train.live_run import draw_run
from bert4rec.ui.train.queue_list import draw_queue
from bert4rec.ui.train.run_address import RUN_FORM
from bert4rec.ui.train.run_controls import PROBLEM_KEY, start_run
from bert4rec.ui.train.train_view import (
    FOLLOWED_KEY,
    NAME_KEY,
    NEW,
    VIEW_KEY,
    show_new,
    take_view,
)
from bert4rec.view import forms
from bert4rec.view.run_as_code import train_command, train_snippet

stop_strangers()

N_OFFERED_RUNS = 30
LINK_PROBLEM_KEY = "train_link_problem"
MIN_NAMING_PX = 180


def choose_view(run_ids: list[str]) -> str:
    """Return the run to show, or `new`; a run chosen on another page or by a link comes first."""
    if VIEW_KEY not in st.session_state and not st.session_state.get(state.RUN_KEY):
        for active in state.job_service().active()[:1]:
            state.choose_run(active)
    chosen = st.session_state.get(state.RUN_KEY)
    # The form's own address names no run: one that is named there was gone back to.
    is_back = st.session_state.get(VIEW_KEY) == NEW and st.query_params.get("run") == chosen
    if chosen and (is_back or chosen != st.session_state.get(FOLLOWED_KEY)):
        st.session_state[FOLLOWED_KEY] = st.session_state[VIEW_KEY] = chosen
    if st.session_state.setdefault(VIEW_KEY, NEW) not in (NEW, *run_ids):
        show_new()
    return str(st.session_state[VIEW_KEY])


def forget_run() -> None:
    """Leave a run that is being deleted."""
    st.session_state.pop(state.RUN_KEY, None)
    st.session_state.pop(VIEW_KEY, None)
    st.query_params.pop("run", None)


def draw_choice(labels: dict[str, str], view: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Show",
            [NEW, *labels],
            format_func=lambda choice: labels.get(choice, "A new run"),
            key=VIEW_KEY,
            on_change=take_view,
            persist_state="session",
            width=420,
        )
        if view != NEW:
            st.button("New run", icon=":material/add:", on_click=show_new)


def draw_new_run() -> None:
    dataset = state.shown_dataset()
    if dataset is None:
        draw_no_dataset(
            "Here a model is trained: settings, an estimate of its cost, and then its curves."
        )
        return
    form, summary = st.columns([5, 3], gap="large")
    with form:
        kind, name = draw_naming(dataset)
        settings, problems = settings_form.draw_settings(dataset)
    with summary, st.container(border=True, key="train_summary"):
        draw_dataset_choice(dataset, "train_dataset")
        if settings is None:
            draw_refusal("Start training", problems)
        else:
            draw_start(dataset, settings)
    draw_details(dataset, settings, kind, name)


def draw_naming(dataset: SequenceDataset) -> tuple[PolicyKind, str]:
    cells = st.grid(2, min_column_width=MIN_NAMING_PX)
    with cells.container():
        name = st.text_input(
            "Name of the run",
            key=NAME_KEY,
            placeholder=default_name(dataset.name),
            max_chars=MAX_NAME,
            persist_state="session",
        )
    with cells.container():
        kind = settings_form.draw_purpose()
    return kind, (name or "").strip() or default_name(dataset.name)


def default_name(dataset: str) -> str:
    """Return a name after data and settings that no run has yet."""
    return free_name(settings_form.run_name(dataset), [row.name for row in state.run_rows()])


def draw_start(dataset: SequenceDataset, settings: Hyperparameters) -> None:
    draw_estimate(dataset, settings)
    # By a callback, which hears the press also when another view takes the place of this one.
    st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=start,
    )
    show_refusal(PROBLEM_KEY)
    if state.job_service().active():
        st.caption("Another run is training; this one will wait in the queue.")
    elif state.search_service().active():
        st.caption("A search is under way; this run will start after its present trial.")


def start() -> None:
    """Start what the form holds at the moment of the press."""
    settings, _ = forms.check_draft(settings_form.draft())
    if settings is None:
        return
    policy = Policy(settings_form.chosen_kind(), settings)
    try:
        dataset = state.pressed_dataset()
        name = str(st.session_state.get(NAME_KEY) or "").strip() or default_name(dataset.name)
        start_run(dataset, policy, name, state.choose_run)
    except Bert4RecError as error:
        keep_refusal(PROBLEM_KEY, error)
    else:
        # Two runs of one name are hard to tell apart.
        st.session_state[NAME_KEY] = ""


def draw_details(
    dataset: SequenceDataset, settings: Hyperparameters | None, kind: PolicyKind, name: str
) -> None:
    with folded(
        "The first batch as the model sees it",
        key="train_first_batch",
        icon=":material/visibility:",
    ) as is_open:
        if is_open and settings is None:
            st.caption("It is drawn once the settings are right.")
        elif is_open and settings is not None:
            draw_first_batch(dataset, settings)
    with folded(
        "Policy YAML, command and Python", key="train_files", icon=":material/code:"
    ) as is_open:
        if not is_open:
            return
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**From a policy to the form**")
            policy_form.draw_policy_in()
        if settings is not None:
            with right:
                draw_copies(dataset, Policy(kind, settings), name)


def draw_copies(dataset: SequenceDataset, policy: Policy, name: str) -> None:
    """Show the form as what does the same elsewhere."""
    folder = dataset.folder or state.workspace() / "datasets" / dataset.name
    as_policy, as_command, as_python = st.tabs(["Policy YAML", "Command", "Python"])
    with as_policy:
        policy_form.draw_policy_out(policy, f"{dataset.name}.yaml")
    draft, workspace = settings_form.draft(), state.workspace()
    with as_command:
        command = train_command(
            draft, dataset=folder.name, workspace=workspace, name=name, kind=policy.kind
        )
        st.code(command, language="shell", wrap_lines=True)
    with as_python:
        snippet = train_snippet(
            draft, dataset=folder, workspace=workspace, name=name, kind=policy.kind
        )
        st.code(snippet, language="python", wrap_lines=True)


st.title("Train")
carry_out(LINK_PROBLEM_KEY, RUN_FORM.follow)
show_refusal(LINK_PROBLEM_KEY)
draw_undo()
runs = {run.id: run for run in state.readable_runs()[:N_OFFERED_RUNS]}
followed = state.current_run()
if followed is not None:
    runs.setdefault(followed.id, followed)
shown = choose_view(list(runs))
if runs:
    draw_choice(run_labels(runs), shown)
draw_queue()
if shown == NEW:
    draw_new_run()
    RUN_FORM.write()
else:
    state.name_run(names=(state.DATA_LINK, *FORM_NAMES))
    draw_run(runs[shown], forget_run)
