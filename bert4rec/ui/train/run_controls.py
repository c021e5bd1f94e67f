"""Pause, resume, stop, discard, delete: the buttons of a run, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, RunError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import create_run, free_run_name
from bert4rec.runs.resumption import check_resumable
from bert4rec.runs.status import ACTIVE_STATES, RESUMABLE_STATES, Status
from bert4rec.ui import cache, state
from bert4rec.ui.confirmation import draw_confirmation
from bert4rec.ui.evaluate_choice import evaluate
from bert4rec.ui.presses import once
from bert4rec.ui.redrawing import dialog
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.ui.run_deletion import draw_delete, move_to_trash
from bert4rec.ui.settings.settings_form import fill_from_policy
from bert4rec.ui.train.train_longer import draw_train_longer
from bert4rec.ui.train.train_view import NAME_KEY, START, show_new
from bert4rec.view.forms import form_fields
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import value_text
from bert4rec.words import sentence

PROBLEM_KEY = "train_problem"
# Ends that smaller batches may avert, and one that a smaller learning rate may.
WANT_OF_MEMORY = ("DeviceMemoryError", "ProcessKilled")
LOST_NUMBERS = "NonFiniteLossError"


def start_run(
    dataset: SequenceDataset, policy: Policy, name: str | None, after: Callable[[str], None]
) -> None:
    """Make a run of a dataset and queue it; `after` gets its id.

    Raises:
        Bert4RecError: it cannot be made or queued; nothing is left behind.
    """
    service, workspace = state.job_service(), state.workspace()
    run = once(
        START,
        lambda: service.make_and_submit(
            policy.settings.device,
            lambda: create_run(workspace, dataset, policy, name=name or None),
        ),
    )
    after(run.id)


def clone_to_form(run: Run) -> None:
    """Fill the form of a new run with the settings, purpose, data and name of another.

    Raises:
        FormatError: the run's configuration is damaged.
        SettingsError: it holds settings that this version does not know.
    """
    folder = str(run.config()["dataset"].get("folder", ""))
    name = free_run_name(state.workspace(), run.name)
    fill_new_run(run.policy(), name, folder, f"the run {run.name}")


def fill_new_run(policy: Policy, name: str, dataset_folder: str, source: str) -> None:
    """Fill the form of a new run and choose its dataset, if that is still there.

    Args:
        policy: Its settings and purpose.
        name: Its name.
        dataset_folder: Its data.
        source: Where all that came from, in words.
    """
    fill_from_policy(policy, source)
    st.session_state[NAME_KEY] = name
    show_new()
    state.choose_dataset(dataset_folder)


def draw_controls(run: Run, status: Status, after_delete: Callable[[], None]) -> None:
    """Draw the buttons that the run's state allows."""
    show_refusal(PROBLEM_KEY)
    now = state.shown_state(run, status)
    is_ours = state.job_service().position(run.id) is not None
    if now in ACTIVE_STATES and not is_ours:
        does = "waits" if now == "queued" else "runs"
        st.caption(f"It {does} in another process, which alone can steer it; here it is watched.")
        return
    with st.container(horizontal=True):
        if now in ("running", "paused"):
            _draw_running(run, now)
        elif now == "queued":
            _button("Take out of the queue", "take_out", "playlist_remove", run)
        elif now in RESUMABLE_STATES:
            _draw_ended(run, status)
        else:
            draw_onward(run)
        draw_train_longer(run, now)
        if now not in ACTIVE_STATES:
            draw_delete(run, now, after_delete)
        elif st.button("Discard", icon=":material/delete_forever:", key=f"discard_{run.id}"):
            confirm_discard(run, after_delete)


def _draw_running(run: Run, now: str) -> None:
    stopping = state.job_service().is_stopping(run.id)
    if now == "paused":
        _button("Resume", "resume", "play_arrow", run, disabled=stopping)
    else:
        _button("Pause", "pause", "pause", run, disabled=stopping)
    _button("Stop and keep best", "stop", "stop", run, disabled=stopping)


def _draw_ended(run: Run, status: Status) -> None:
    if run.summary() is not None:
        draw_onward(run)
    if milder := _milder(run, status.error):
        fields = form_fields()
        told = [f"{fields[name].title.lower()} {value_text(milder[name], name)}" for name in milder]
        st.button(
            f"Again with {' and '.join(told)}",
            icon=":material/replay:",
            type="primary",
            on_click=carry_out,
            args=(PROBLEM_KEY, _start_again, run, milder),
        )
    label, obstacle = resume_offer(run)
    _button(
        label,
        "submit",
        "play_arrow",
        run,
        disabled=bool(obstacle),
        is_primary=status.state == "interrupted",
        why_not=obstacle,
    )


def resume_offer(run: Run) -> tuple[str, str]:
    """Return what to press so that a run that ended too soon goes on, and why it cannot, if so."""
    try:
        check_resumable(run)
    except RunError as error:
        return "Resume", f"{escape(sentence(error.message))} {escape(error.fix or '')}"
    return "Resume" if run.checkpoint("last").exists() else "Start again", ""


def draw_onward(run: Run) -> None:
    """Draw the ways to what can be done with a trained model."""
    for label, icon, page in (
        ("Inspect its predictions", "search_insights", "pages/inspect.py"),
        ("Recommend with it", "playlist_add_check", "pages/recommend.py"),
        ("See its embeddings", "scatter_plot", "pages/embeddings.py"),
    ):
        is_first = page == "pages/inspect.py"
        if st.button(label, icon=f":material/{icon}:", type="primary" if is_first else "secondary"):
            state.choose_run(run.id)
            st.switch_page(page)
    if st.button("Evaluate it", icon=":material/balance:"):
        evaluate([run.id])


def _button(
    label: str,
    action: str,
    icon: str,
    run: Run,
    *,
    disabled: bool = False,
    is_primary: bool = False,
    why_not: str = "",
) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"{action}_{run.id}",
        on_click=carry_out,
        args=(PROBLEM_KEY, _ACTIONS[action], run),
        disabled=disabled,
        help=why_not or None,
        type="primary" if is_primary else "secondary",
    )


def _milder(run: Run, error: str) -> dict[str, Any]:
    """Return the settings with which a run that failed so may come through, if there are such."""
    settings = run.hyperparameters()
    if error in WANT_OF_MEMORY:
        return _smaller_batches(run, settings)
    if error == LOST_NUMBERS:
        return {"learning_rate": min(settings.learning_rate / 10, Hyperparameters().learning_rate)}
    return {}


def _smaller_batches(run: Run, settings: Hyperparameters) -> dict[str, int]:
    from bert4rec.run_memory import smaller_batches

    told = run.config()["dataset"]
    try:
        dataset = cache.open_dataset(str(told.get("folder", "")), str(told["fingerprint"]))
        return smaller_batches(dataset, settings)
    except Bert4RecError:
        # Without its dataset or its device nothing can be estimated; what is missing is told to
        # whoever presses.
        half = settings.batch_size // 2
        return {"batch_size": half} if half else {}


def _start_again(run: Run, changes: dict[str, Any]) -> None:
    settings = run.hyperparameters().model_copy(update=changes)
    policy = Policy(run.policy().kind, settings)
    name = free_run_name(state.workspace(), run.name)
    service, workspace = state.job_service(), state.workspace()
    again = once(
        f"again_{run.id}",
        lambda: service.make_and_submit(
            settings.device, lambda: create_run(workspace, run.dataset(), policy, name=name)
        ),
    )
    state.choose_run(again.id)


def resume_run(run: Run) -> None:
    """Queue a run that can be resumed; nothing is done where it waits or runs here already.

    So it is at the second press of two, however late it is heard of, and in another window.

    Raises:
        Bert4RecError: it cannot go on.
    """
    service = state.job_service()
    is_under_way = service.position(run.id) is not None and run.status().state in ACTIVE_STATES
    if not is_under_way:
        service.submit(run)


_ACTIONS: dict[str, Callable[[Run], None]] = {
    "pause": lambda run: state.job_service().pause(run.id),
    "resume": lambda run: state.job_service().resume(run.id),
    "stop": lambda run: state.job_service().stop(run.id),
    "take_out": lambda run: state.job_service().take_out(run.id),
    "submit": resume_run,
}


@dialog("Discard this run?", icon=":material/delete_forever:")
def confirm_discard(run: Run, after_delete: Callable[[], None]) -> None:
    """Ask before an active run is ended and all its files are deleted."""
    st.markdown(
        f"**{escape(run.name)}** is ended and deleted with its curves, checkpoints and figures. "
        "This cannot be undone. To keep what it has learned, stop it instead."
    )
    draw_confirmation(
        lambda: _discard(run, after_delete), label="Discard", icon=":material/delete_forever:"
    )


def _discard(run: Run, after_delete: Callable[[], None]) -> None:
    service = state.job_service()
    if service.position(run.id) is not None:
        service.discard(run.id)
        state.forget_run(run.id)
    else:
        # It ended since the question was asked, and is what a person may want after all.
        move_to_trash(run)
    after_delete()
