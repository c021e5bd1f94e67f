"""A new comparison: which runs, which baselines; started and watched on the page."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bert4rec.background.comparisons import Progress
from bert4rec.baselines.catalogue import BASELINES, packages_lacking
from bert4rec.comparing.categories import category_choices
from bert4rec.comparing.plan import ENDED_STATES, plan_comparison
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.errors import Bert4RecError, NotFoundError
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui import cache, state
from bert4rec.ui.evaluate_choice import RUNS_KEY, strangers
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.run_choice import draw_left_out, first_choice, run_labels
from bert4rec.view.markdown import escape
from bert4rec.words import caption_of, counted, sentence, unique_labels

BASELINES_KEY = "evaluate_baselines"
SAMPLED_KEY, PROBLEM_KEY = "evaluate_sampled", "evaluate_problem"
CATEGORY_KEY = "evaluate_category"
# The comparison that this visitor started last.
STARTED_KEY = "evaluate_started"
REFRESH_S = 1.0


def ended_runs() -> dict[str, Run]:
    """Return the runs that can be compared, newest first, by id."""
    return {
        run.id: run
        for run in state.readable_runs()
        if run.checkpoint("best").exists() and run.status().state in ENDED_STATES
    }


def draw_empty() -> None:
    """Say what will be here, and offer the way to it."""
    st.markdown(
        "Here a trained model is held against popularity, neighbours, factors and more on the same "
        "users: by how much it is better, where, and whether chance explains it."
    )
    current = state.current_run()
    if current is not None and current.status().state in ACTIVE_STATES:
        st.markdown(f"It needs a finished run: {escape(current.name)} can be compared at its end.")
        label = "Look at the training"
    else:
        st.markdown("It needs a finished run first.")
        label = "Train a model"
    if st.button(label, type="primary", icon=":material/model_training:"):
        st.switch_page("pages/train.py")


def draw_form(runs: dict[str, Run]) -> None:
    """Draw the choice of runs and baselines with the button that starts."""
    _tell_left_out(runs)
    _set_defaults(runs)
    lacking = [name for name, one in BASELINES.items() if one.lacks()]
    with st.container(border=True):
        chosen, unlike = _choose_runs(runs)
        named = st.pills(
            "Baselines",
            [name for name in BASELINES if name not in lacking],
            selection_mode="multi",
            key=BASELINES_KEY,
            format_func=lambda name: BASELINES[name].title,
            on_change=_forget_problem,
            persist_state="session",
        )
        if lacking:
            titles = ", ".join(BASELINES[name].title for name in lacking)
            said = packages_lacking(BASELINES[name].package for name in lacking)
            st.caption(f"Not to be had here: {titles}. {escape(sentence(said))}")
        lost = _lost_data(runs[chosen[0]]) if chosen else None
        if chosen and lost is None:
            _draw_category(runs[chosen[0]])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Compare",
                type="primary",
                icon=":material/balance:",
                disabled=not chosen or bool(unlike) or lost is not None,
                on_click=_start,
            )
            st.toggle(
                "Among 100 sampled items as well",
                key=SAMPLED_KEY,
                help="Only for comparison with the table of the first BERT4Rec paper: figures "
                "among sampled items can order models otherwise than the whole catalogue does.",
                persist_state="session",
            )
        _draw_problems(unlike, chosen, named, lost)
    with folded(
        "What the baselines are", key="evaluate_catalogue", icon=":material/help:"
    ) as is_open:
        if is_open:
            table = _catalogue_table()
            draw_table(
                table,
                [Column(title, title) for title in map(str, table)],
                alt="The baselines with source and parameters",
            )


def _tell_left_out(runs: dict[str, Run]) -> None:
    """Say why the run in use, which the sidebar names, is none of those to compare."""
    current = state.current_run()
    if current is None or current.id in runs:
        return
    is_active = current.status().state in ACTIVE_STATES
    why = "once it has ended" if is_active else "only once it has been trained to an end"
    st.caption(f"Run {escape(current.name)}, which is in use, can be compared {why}.")


def _choose_runs(runs: dict[str, Run]) -> tuple[list[str], list[str]]:
    """Draw the choice of runs: with the first one, only those that can be compared with it.

    Returns:
        The chosen ones, and why some of them, as another page asked for them, cannot be compared.
    """
    labels = {
        run_id: f"{label} · {runs[run_id].data_name}" for run_id, label in run_labels(runs).items()
    }
    wanted = st.session_state[RUNS_KEY]
    left_out = strangers(runs[wanted[0]], runs.values()) if wanted else {}
    offered = [run_id for run_id in runs if run_id not in left_out or run_id in wanted]
    chosen = st.multiselect(
        "Runs",
        offered,
        key=RUNS_KEY,
        format_func=lambda run_id: labels.get(run_id, run_id),
        placeholder="Choose finished runs of one dataset and one split",
        on_change=_forget_problem,
        persist_state="session",
    )
    if wanted:
        missing = (reason for run_id, reason in left_out.items() if run_id not in offered)
        draw_left_out(runs[wanted[0]], missing)
    return chosen, list(dict.fromkeys(left_out[one] for one in chosen if one in left_out))


def _set_defaults(runs: dict[str, Run]) -> None:
    wanted = st.session_state.get(RUNS_KEY)
    there = [run_id for run_id in wanted or [] if run_id in runs]
    # Nothing is chosen on the way from runs of one dataset to those of another.
    if not there and wanted != []:
        there = [first_choice(runs)]
    st.session_state[RUNS_KEY] = there
    if BASELINES_KEY not in st.session_state:
        n_items = state.current_manifest() or {"counts": {"n_items": 0}}
        size = int(n_items["counts"]["n_items"])
        fits = [name for name, one in BASELINES.items() if not one.obstacle(size)]
        st.session_state[BASELINES_KEY] = fits
    named = st.session_state[BASELINES_KEY]
    st.session_state[BASELINES_KEY] = [name for name in named if not BASELINES[name].lacks()]


def _draw_category(run: Run) -> None:
    """Draw the choice of what tells categories, where the item table leaves one."""
    columns = _category_choices(run)
    if len(columns) < 2:
        return
    if st.session_state.get(CATEGORY_KEY) not in columns:
        st.session_state[CATEGORY_KEY] = columns[0]
    captions = unique_labels({column: caption_of(column) for column in columns})
    st.selectbox(
        "Categories by",
        columns,
        key=CATEGORY_KEY,
        format_func=lambda column: captions.get(column, column),
        help="The column of the item table by which slices are made, and the variety of lists "
        "is measured.",
        on_change=_forget_problem,
        width=260,
        persist_state="session",
    )


def _category_choices(run: Run) -> list[str]:
    told = run.config()["dataset"]
    try:
        dataset = cache.open_dataset(str(told.get("folder", "")), str(told["fingerprint"]))
    except Bert4RecError:
        # That it is gone is said by the form.
        return []
    return _kept_choices(dataset.fingerprint, dataset.vocabulary)


@st.cache_data(max_entries=8, show_spinner=False)
def _kept_choices(fingerprint: str, _vocabulary: Vocabulary) -> list[str]:
    del fingerprint
    return category_choices(_vocabulary)


def _chosen_category(run: Run) -> str | None:
    """Return the column that was chosen, None for the one that is taken anyway."""
    columns, chosen = _category_choices(run), st.session_state.get(CATEGORY_KEY)
    return chosen if chosen in columns[1:] else None


def _lost_data(run: Run) -> Bert4RecError | None:
    """Return that the dataset of a run is gone, None where it is there."""
    told = run.config()["dataset"]
    if any(found["fingerprint"] == told["fingerprint"] for found in state.datasets()):
        return None
    return NotFoundError(
        f"the dataset {told['name']!r} of {run.name!r} is no longer there",
        fix="Prepare it from the same log in the same way, or choose runs of other data.",
    )


def _draw_problems(
    unlike: list[str], chosen: list[str], named: list[str], lost: Bert4RecError | None
) -> None:
    if problem := lost or st.session_state.get(PROBLEM_KEY):
        state.show_error(problem)
    elif unlike:
        st.warning(
            f"These runs cannot be compared: some are {', some '.join(unlike)}. Keep those that go "
            "with the first one.",
            icon=":material/warning:",
        )
    elif chosen:
        n = len(chosen) + len(named)
        st.caption(
            f"{counted(n, 'model')} on the same users. Baselines are fitted on what the runs "
            "were trained on, in the background; the page can be left meanwhile."
        )


def _forget_problem() -> None:
    st.session_state.pop(PROBLEM_KEY, None)


def _start() -> None:
    _forget_problem()
    runs = ended_runs()
    chosen = [runs[run_id] for run_id in st.session_state[RUNS_KEY] if run_id in runs]
    try:
        plan = plan_comparison(
            chosen,
            list(st.session_state[BASELINES_KEY]),
            with_sampled=bool(st.session_state[SAMPLED_KEY]),
            category=_chosen_category(chosen[0]) if chosen else None,
        )
        st.session_state[STARTED_KEY] = state.comparison_service().start(plan)
    except Bert4RecError as error:
        st.session_state[PROBLEM_KEY] = error


def _catalogue_table() -> pd.DataFrame:
    return pd.DataFrame(
        [(one.title, one.about, one.source, one.parameters) for one in BASELINES.values()],
        columns=["Baseline", "What it goes by", "Source", "Fitted with"],
    )


def draw_active() -> None:
    """Draw the comparisons that wait or are under way, live, each with its Stop."""
    service = state.comparison_service()
    active = service.active()
    for found in active:
        st.button(
            f"Stop comparing {escape(found.title)}",
            key=f"evaluate_stop_{found.comparison_id}",
            icon=":material/stop_circle:",
            disabled=found.is_stopping,
            on_click=service.stop,
            args=(found.comparison_id,),
        )
    if active:
        live = st.fragment(_draw_live, run_every=REFRESH_S)
        live([(found.comparison_id, found.is_stopping) for found in active])


def _draw_live(drawn: list[tuple[str, bool]]) -> None:
    active = state.comparison_service().active()
    # What stands outside the fragment is drawn anew when it changes.
    if [(found.comparison_id, found.is_stopping) for found in active] != drawn:
        draw_anew()
    for found in active:
        st.progress(found.share, text=_progress_words(found, is_alone=len(active) == 1))


def _progress_words(found: Progress, *, is_alone: bool) -> str:
    if found.is_stopping:
        return "Stopping…"
    if found.state == "waiting":
        return f"{escape(found.title)} waits for the comparison before it"
    return escape(f"{found.doing}…" if is_alone else f"{found.title}: {found.doing}…")


def _dismiss() -> None:
    st.session_state.pop(STARTED_KEY, None)


def draw_ending() -> str | None:
    """Say how the comparison ended that this visitor started last.

    Returns:
        Its id where it has been done since it was looked at, else None.
    """
    started = st.session_state.get(STARTED_KEY)
    if started is None:
        return None
    found = state.comparison_service().progress(started)
    if found is not None and found.is_active:
        return None
    if found is not None and found.state == "failed" and found.problem is not None:
        state.show_error(found.problem)
        st.button("Dismiss", icon=":material/close:", on_click=_dismiss)
        return None
    del st.session_state[STARTED_KEY]
    if found is not None and found.state == "stopped":
        st.info(
            "The comparison was stopped; nothing of it was kept.", icon=":material/stop_circle:"
        )
        return None
    return str(started)
