"""What can be done with a search: started, stopped, gone on with, deleted, and its finds used."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import NotFoundError, RunError
from bert4rec.files import free_safe_name
from bert4rec.own_presets import free_preset_name, save_preset
from bert4rec.policy import Policy
from bert4rec.runs.status import Status
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.studies import (
    create_study,
    delete_study,
    find_study,
    list_studies,
    run_of_trial,
)
from bert4rec.search.study import Study
from bert4rec.search.trials import Trial
from bert4rec.ui import state
from bert4rec.ui.confirmation import draw_confirmation
from bert4rec.ui.presses import forget_press, once
from bert4rec.ui.redrawing import dialog
from bert4rec.ui.refusals import carry_out
from bert4rec.ui.search import search_form
from bert4rec.ui.search.search_draft import check_plan, draft_of
from bert4rec.ui.search.trial_table import settings_words, trial_name
from bert4rec.ui.study_list import ReadStudy
from bert4rec.ui.train.run_controls import fill_new_run
from bert4rec.view.markdown import escape
from bert4rec.words import counted, metric_name, number

PROBLEM_KEY = "search_problem"
# What the page shows: a search, or the form of a new one.
VIEW_KEY, NEW = "search_view", "/new"
LINK, LINKED_KEY = "study", "search_linked"
NAME_KEY = "search_name"


def as_shown(read: ReadStudy) -> ReadStudy:
    """Return a study with a search that has yet to say that it began taken as under way."""
    is_here = read.name in state.search_service().active()
    if not is_here or read.is_active or read.problem is not None:
        return read
    return replace(read, status=Status("running"))


def show_study(name: str) -> None:
    """Show a search from now on, also after a refresh."""
    st.session_state[VIEW_KEY] = st.session_state[LINKED_KEY] = st.query_params[LINK] = name


def show_new() -> None:
    """Show the form of a new search."""
    st.session_state[VIEW_KEY] = NEW
    st.session_state.pop(LINKED_KEY, None)
    st.query_params.pop(LINK, None)
    forget_press("search")


def asked_name(dataset: SequenceDataset, taken: Collection[str]) -> str:
    """Return the name that a new search was given, else one after its data."""
    typed = str(st.session_state.get(NAME_KEY) or "").strip()
    return typed or free_safe_name(f"{dataset.name} search", taken, fallback="search")


def start() -> None:
    """Search for what the form holds at the moment of the press; a refusal is shown on the page."""
    carry_out(PROBLEM_KEY, _start)


def _start() -> None:
    # Torch comes with it, which a page that only shows a search does not need.
    from bert4rec.device import choose_for

    plan, _ = check_plan(search_form.draft())
    if plan is None:
        # The form, which is drawn anew, says what is wrong.
        return
    dataset = state.pressed_dataset()
    choose_for(plan.base)
    service, workspace = state.search_service(), state.workspace()
    asked = asked_name(dataset, [path.stem for path in list_studies(workspace)])

    def make() -> str:
        study = create_study(workspace, dataset, plan, name=asked)
        study.close()
        service.start(study.name)
        return study.name

    name = once("search", make)
    st.session_state.pop(NAME_KEY, None)
    show_study(name)


def draw_controls(read: ReadStudy) -> None:
    """Draw the buttons that the state of a search allows."""
    service = state.search_service()
    is_ours = read.name in service.active()
    if read.is_active and not is_ours:
        st.caption("Another process searches, which alone can stop it; here it can be watched.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if is_ours:
            st.button(
                "Stop",
                icon=":material/stop:",
                key=f"search_stop_{read.name}",
                on_click=carry_out,
                args=(PROBLEM_KEY, service.stop, read.name),
                disabled=service.is_stopping(read.name),
                help="The trial under way is put back and tried again when the search goes on.",
            )
        elif read.problem is None and not read.is_active and not read.is_exhausted:
            _draw_go_on(read)
        if read.plan is not None:
            st.button(
                "New search like this",
                icon=":material/content_copy:",
                on_click=_copy,
                args=(read.plan, str(read.dataset.get("folder", ""))),
                help="Fills the form of a new search with this one.",
            )
        if not read.is_active and st.button("Delete", icon=":material/delete:"):
            confirm_delete(read)


def _draw_go_on(read: ReadStudy) -> None:
    if read.plan is None:
        return
    key, budget = f"search_more_{read.name}", read.plan.budget
    is_done = read.status.state == "finished"
    first = read.n_counted + 10 if is_done else budget.n_trials
    st.number_input(
        "Trials in all",
        min_value=max(1, read.n_counted),
        value=max(first, budget.n_trials),
        step=5,
        key=key,
        width=150,
        help="A larger number goes on where the search ended.",
    )
    if budget.minutes is not None:
        minutes = budget.minutes * (2 if is_done else 1)
        st.number_input(
            "Minutes in all",
            min_value=min(0.1, minutes),
            value=minutes,
            key=f"{key}_minutes",
            format="%.6g",
            width=150,
        )
    st.button(
        "Go on",
        icon=":material/play_arrow:",
        type="primary" if read.status.state == "interrupted" else "secondary",
        key=f"search_go_on_{read.name}",
        on_click=carry_out,
        args=(PROBLEM_KEY, _go_on, read, key),
    )


def _go_on(read: ReadStudy, key: str) -> None:
    plan = read.plan
    if plan is None:
        return
    minutes = st.session_state.get(f"{key}_minutes", plan.budget.minutes)
    _search_on(read, plan, Budget(int(st.session_state.get(key) or plan.budget.n_trials), minutes))


def draw_search_on(read: ReadStudy, n_more: int) -> None:
    """Offer to go on with some more trials; nothing where it is under way or cannot go on.

    Args:
        read: The search.
        n_more: How many trials.
    """
    plan = read.plan
    if plan is None or read.is_active or read.is_exhausted:
        return
    minutes = plan.budget.minutes and 2 * plan.budget.minutes
    budget = Budget(read.n_counted + n_more, minutes)
    st.button(
        f"Go on with {counted(n_more, 'more trial')}",
        icon=":material/play_arrow:",
        key=f"search_on_{read.name}",
        on_click=carry_out,
        args=(PROBLEM_KEY, _search_on, read, plan, budget),
    )


def _search_on(read: ReadStudy, plan: SearchPlan, budget: Budget) -> None:
    checked_plan(replace(plan, budget=budget))
    service = state.search_service()

    def go_on() -> None:
        study = _found(read.name)
        if budget != plan.budget:
            study.widen(budget)
        study.close()
        service.start(read.name)

    once(f"search_on_{read.name}", go_on)


def _found(name: str) -> Study:
    study = find_study(state.workspace(), name)
    if study is None:
        raise NotFoundError(f"there is no study {name!r} any more")
    return study


def _copy(plan: SearchPlan, dataset_folder: str) -> None:
    search_form.fill(draft_of(plan))
    state.choose_dataset(dataset_folder)
    show_new()


@dialog("Delete this search?", icon=":material/delete:")
def confirm_delete(read: ReadStudy) -> None:
    """Ask before a study is deleted."""
    st.markdown(
        f"**{escape(read.name)}** is deleted with all its trials. Runs that were trained from it "
        "stay. This cannot be undone."
    )
    draw_confirmation(lambda: _delete(read.name))


def _delete(name: str) -> None:
    delete_study(state.workspace(), name)
    show_new()


def draw_finds(read: ReadStudy) -> None:
    """Offer to train the best trial, or another one, or to fill the form of a run with it."""
    best = read.best
    if best is None or read.plan is None:
        return
    metric = metric_name(read.plan.metric)
    ended = [t for t in read.trials if t.state in ("finished", "pruned") and t.values]
    ranked = sorted(ended, key=lambda t: (t.state != "finished", -(t.score or 0), t.number))
    by_number = {trial.number: trial for trial in ranked}
    key, picked_key = f"search_trial_{read.name}", f"search_picked_{read.name}"
    # Until somebody picks another one it is the best, also when a better one comes.
    picked = st.session_state.get(picked_key)
    st.session_state[key] = picked if picked in by_number else best.number
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Trial",
            list(by_number),
            format_func=lambda number: _label(by_number[number], best, metric),
            key=key,
            on_change=lambda: st.session_state.update({picked_key: st.session_state[key]}),
            width=360,
        )
        chosen = by_number[st.session_state[key]]
        # The box may have been turned since it was drawn.
        _draw_uses(read, lambda: by_number[st.session_state[key]], chosen.number == best.number)
    st.caption(escape(settings_words(chosen.values)))
    # A callback cannot leave the page.
    if st.session_state.pop("search_leave", False):
        st.switch_page("pages/train.py")


def _draw_uses(read: ReadStudy, chosen: Callable[[], Trial], is_best: bool) -> None:
    """Draw the buttons for what a trial can be used for.

    Args:
        read: The search.
        chosen: Returns the trial when one of them is pressed.
        is_best: Whether it is the best one.
    """

    def act(use: Callable[[ReadStudy, Trial], None]) -> None:
        carry_out(PROBLEM_KEY, use, read, chosen())

    st.button(
        "Train the best" if is_best else "Train this one",
        icon=":material/model_training:",
        type="secondary" if read.status.state == "interrupted" else "primary",
        key=f"search_train_{read.name}",
        on_click=act,
        args=(_train,),
        help="Makes it an ordinary run, with checkpoints and the test items. With the same "
        "seed it comes to the score of the search.",
    )
    st.button(
        "Use these settings",
        icon=":material/tune:",
        key=f"search_use_{read.name}",
        on_click=act,
        args=(_use,),
        help="Fills the form of the Train page, to look at or to change before the start.",
    )
    st.button(
        "Keep as preset",
        icon=":material/bookmark_add:",
        key=f"search_keep_{read.name}",
        on_click=act,
        args=(_keep,),
        help="The Train page then offers these settings among your presets.",
    )


def _label(trial: Trial, best: Trial, metric: str) -> str:
    what = "the best" if trial.number == best.number else trial.state
    return f"{trial_name(trial)} · {metric} {number(trial.score, 4)} · {what}"


def _train(read: ReadStudy, trial: Trial) -> None:
    study = _found(read.name)
    try:
        device = study.plan().base.device
        service = state.job_service()
        run = once(
            f"trial_{read.name}_{trial.number}",
            lambda: service.make_and_submit(device, lambda: run_of_trial(study, trial)),
        )
    finally:
        study.close()
    state.choose_run(run.id)
    st.session_state["search_leave"] = True


def _use(read: ReadStudy, trial: Trial) -> None:
    source = f"{trial_name(trial).lower()} of the search {read.name}"
    fill_new_run(_policy(read, trial), read.name, str(read.dataset.get("folder", "")), source)
    st.session_state["search_leave"] = True


def _keep(read: ReadStudy, trial: Trial) -> None:
    workspace, policy = state.workspace(), _policy(read, trial)

    def keep() -> str:
        name = free_preset_name(workspace, f"{read.name}-trial-{trial.number + 1}")
        return save_preset(workspace, name, policy).stem

    name = once(f"preset_{read.name}_{trial.number}", keep)
    st.toast(f"Kept as {name}, among your presets on Train", icon=":material/bookmark_added:")


def _policy(read: ReadStudy, trial: Trial) -> Policy:
    if read.plan is None:
        raise RunError("the study has no plan")
    return Policy(settings=read.plan.settings(trial.values))
