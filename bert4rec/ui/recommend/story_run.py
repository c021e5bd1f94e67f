"""The run whose model tells a story, and what to know of it where it is a poor one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.stories import Story
from bert4rec.ui import state
from bert4rec.view.better_runs import better_run, poor_words
from bert4rec.view.markdown import escape

LIVE_STATES = ("queued", "running", "paused")


def sample_run(sample: str) -> Run | None:
    """Return the run in use if it has a model of a sample, else the newest such, else one to come.

    The stories are about what comes after a gap, too: a model of the past alone cannot tell them.
    """
    runs = _runs_on(sample)
    with_model = [run for run in runs if run.checkpoint("best").exists()]
    chosen = st.session_state.get(state.RUN_KEY)
    in_use = [run for run in with_model if run.id == chosen]
    live = [run for run in runs if run.status().state in LIVE_STATES]
    return next(iter([*in_use, *with_model, *live]), None)


def _runs_on(sample: str) -> list[Run]:
    runs = [run for run in state.readable_runs() if run.config()["dataset"]["name"] == sample]
    runs = [run for run in runs if _is_on_simulated_data(run)]
    return [run for run in runs if run.hyperparameters().sees_future]


def _is_on_simulated_data(run: Run) -> bool:
    """Return whether a run's data are simulated, False where its dataset no longer opens."""
    try:
        return bool(run.dataset().manifest.get("simulated"))
    except Bert4RecError:
        return False


def draw_whose(story: Story, run: Run) -> None:
    """Say which model answers, and where another one would do better, with a way to it."""
    chosen = state.current_run()
    other = "" if chosen is None or chosen.id == run.id else ", not the run chosen at the left"
    st.caption(f"Dataset *{story.sample}*, a bundled sample. Model: *{escape(run.name)}*{other}.")
    alike = {one.id: one for one in _runs_on(story.sample) if _is_alike(one, run)}
    found = {key: told for key, one in alike.items() if (told := _summary(one)) is not None}
    own = _summary(run)
    key = better_run(own, found)
    better = (alike[key].name, found[key]) if key else None
    if not (said := poor_words(own, better)):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/info: {escape(said)}", width="content")
        if key:
            st.button(
                "Take the better run",
                key="story_better",
                icon=":material/upgrade:",
                on_click=state.choose_run,
                args=(key,),
            )
        elif st.button("Train longer", key="story_longer", icon=":material/more_time:"):
            state.choose_run(run.id)
            st.switch_page("pages/train.py", query_params={"run": run.id})


def _is_alike(one: Run, run: Run) -> bool:
    """Whether another run has a model of the same dataset."""
    data = [each.config()["dataset"].get("fingerprint") for each in (one, run)]
    return one.id != run.id and data[0] == data[1] and one.checkpoint("best").exists()


def _summary(run: Run) -> dict[str, Any] | None:
    try:
        return run.summary()
    except Bert4RecError:
        return None
