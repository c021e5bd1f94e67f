"""The choice of a model to look at, and what a page says while there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import streamlit as st

from bert4rec.hyperparameters import USUAL_MODEL, Hyperparameters, model_name
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui import state
from bert4rec.view.markdown import escape
from bert4rec.words import counted, numbered_labels, when


def offer_models() -> dict[str, Run]:
    """Return the runs that have a model, newest first.

    Where there is none the page is told what to do first, and where the current run has none, that
    another one is shown: draw it where a sentence has a line of its own.
    """
    runs = {run.id: run for run in state.readable_runs() if run.checkpoint("best").exists()}
    current = state.current_run()
    if not runs:
        _draw_empty(current)
    elif current is not None and current.id not in runs:
        yet = " yet" if _may_get_a_model(current) else ""
        shown = runs[first_choice(runs)]
        st.caption(
            f"Run {escape(current.name)} has no model{yet}; {escape(shown.name)} is shown instead."
        )
    return runs


def choose_model(runs: Mapping[str, Run], key: str, *, width: int = 420) -> Run:
    """Let a visitor choose among the runs that have a model; the current one comes first.

    Args:
        runs: What `offer_models` returned, not empty.
        key: Key of the box; every page has its own.
        width: Of the box, in pixels.
    """
    current = state.current_run()
    wanted = first_choice(runs)
    if current is not None and current.id == wanted:
        state.choose_run(current.id)
    if len(runs) == 1:
        return runs[wanted]
    labels = run_labels(runs)
    st.session_state[key] = wanted
    st.selectbox(
        "Model",
        list(runs),
        key=key,
        format_func=lambda run_id: labels.get(run_id, run_id),
        on_change=lambda: state.choose_run(st.session_state[key]),
        width=width,
    )
    return runs[wanted]


def first_choice(runs: Mapping[str, Run]) -> str:
    """Return which of some runs to show: the one in use, else the newest on its data, else any.

    Args:
        runs: By id, newest first, not empty.
    """
    current = state.current_run()
    if current is None:
        return next(iter(runs))
    if current.id in runs:
        return current.id
    # The sidebar goes on to name the data of the run in use.
    alike = (run_id for run_id in others_on_the_same_data(current) if run_id in runs)
    return next(alike, next(iter(runs)))


def _may_get_a_model(run: Run) -> bool:
    """Whether a run without a model goes on by itself, or can be taken up where it was cut off."""
    return run.status().state in (*ACTIVE_STATES, "interrupted")


def run_labels(runs: Mapping[str, Run]) -> dict[str, str]:
    """Return a label for each run of a box, no two the same.

    It is the run's name with its model, unless that is the usual one; runs of one name are told
    apart by when they were made, and where that is not enough by a number.
    """
    # Without its state: a label that changes would be a new choice to the box.
    names = {id_: f"{run.name}{_other_model(run)}" for id_, run in runs.items()}
    counts = Counter(names.values())
    for id_, name in names.items():
        if counts[name] > 1:
            names[id_] = f"{name} · {when(str(runs[id_].config().get('created_at', '')))}"
    return numbered_labels(names)


def others_on_the_same_data(run: Run, data: Collection[str] = ()) -> dict[str, Run]:
    """Return the other runs that have a model and were trained on the same data, newest first.

    Args:
        run: The run.
        data: Fingerprints of datasets that are as good as the run's own.
    """
    same = {*data, run.config()["dataset"].get("fingerprint")}
    return {
        other.id: other
        for other in state.readable_runs()
        if other.id != run.id
        and other.checkpoint("best").exists()
        and other.config()["dataset"].get("fingerprint") in same
    }


def choose_beside(run: Run, others: Mapping[str, Run], key: str) -> Run:
    """Let a visitor choose one of some runs to stand beside another one.

    Args:
        run: What it stands beside.
        others: By id, not empty; the first is the choice where there is none yet.
        key: Key of the box; every page has its own.
    """
    labels = run_labels({run.id: run, **others})
    chosen = st.selectbox(
        "Beside",
        list(others),
        key=key,
        format_func=lambda run_id: labels.get(run_id, run_id),
        width=420,
        persist_state="session",
    )
    return others.get(chosen) or next(iter(others.values()))


def draw_left_out(run: Run, reasons: Iterable[str]) -> None:
    """Say how many runs are not offered beside one, by the reason; nothing where there is none."""
    counts = sorted(Counter(reasons).items())
    if counts:
        told = ", ".join(f"{counted(n, 'run')} {reason}" for reason, n in counts)
        st.caption(f"Not offered beside {escape(run.name)}: {told}.")


def _other_model(run: Run) -> str:
    """Return the name of a run's model where it is not the usual one."""
    name = model_name(run.config().get("effective_settings", {}))
    return "" if name == USUAL_MODEL else f" · {name}"


def draw_sight(settings: Hyperparameters) -> None:
    """Say what a model does not see, on a page that asks for items between others."""
    if settings.sees_future:
        return
    st.info(
        f"{settings.model_name} sees only the past: what comes after a place changes nothing.",
        icon=":material/arrow_back:",
    )


def _draw_empty(current: Run | None) -> None:
    st.markdown("Here you will see what a model has learned.")
    if current is None:
        st.markdown("It needs a trained model first.")
        label = "Train a model"
    elif _may_get_a_model(current):
        st.markdown(
            f"It needs a trained model: that of {escape(current.name)} is saved after the first "
            "validation."
        )
        label = "Look at the training"
    else:
        st.markdown(f"It needs a trained model: {escape(current.name)} ended without one.")
        label = "See how it ended"
    if st.button(label, type="primary", icon=":material/model_training:"):
        st.switch_page("pages/train.py")
