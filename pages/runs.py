from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from bert4rec.errors import NotFoundError
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.name_room import data_room, name_room
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.refusals import keep_refusal, show_refusal
from bert4rec.ui.run_deletion import draw_undo
from bert4rec.ui.run_list import (
    ListedRun,
    RunFilter,
    data_labels,
    list_frame,
    shared_words,
    tags_px,
)
from bert4rec.ui.runs import run_actions, settings_chart
from bert4rec.ui.runs.comparison_view import draw_comparison
from bert4rec.ui.runs.run_details import draw_details
from bert4rec.ui.runs.run_import import draw_import
from bert4rec.ui.theme_watch import theme_type
from bert4rec.ui.train.pace import LOOK_EVERY_S
from bert4rec.view.markdown import escape
from bert4rec.view.run_comparison import MAX_COMPARED, compared_ids
from bert4rec.view.run_table import table_key
from bert4rec.view.state_words import state_word
from bert4rec.view.worded import worded
from bert4rec.words import METRIC_DIGITS, counted, duration, size

stop_strangers()

TEXT_KEY, STATES_KEY, DATA_KEY, TAGS_KEY = "runs_text", "runs_states", "runs_data", "runs_tags"
CHOSEN_KEY = "runs_chosen"
# The marked runs that the address named when this session last looked at it.
LINK, LINKED_KEY = "compare", "runs_linked"
MIN_FILTER_PX = 140
# Together, with the narrowest columns of names, data and tags, as wide as the page in a window of
# 1440 pixels, but for metric and seed, which stand in columns only where runs differ in them, as
# the model does.
COLUMNS = {
    "State": st.column_config.TextColumn(width=97),
    "Model": st.column_config.TextColumn(width=74),
    "Metric": st.column_config.TextColumn(width=78, help="What chose the best epoch."),
    "Best": st.column_config.NumberColumn(
        format="%.4f", width=64, help="The best value on the validation items."
    ),
    "On test": st.column_config.NumberColumn(
        format="%.4f", width=64, help="The same metric on the test items, once the run has ended."
    ),
    "Time": st.column_config.NumberColumn(width=76, help="Time in training."),
    "Epochs": st.column_config.TextColumn(width=74, alignment="right"),
    "Created": st.column_config.DatetimeColumn(
        format="D MMM YYYY, HH:mm", timezone="UTC", width=128, help="UTC."
    ),
    "Seed": st.column_config.NumberColumn(format="%d", width=48),
    "On disk": st.column_config.NumberColumn(width=72),
}


def draw_empty() -> None:
    st.markdown(
        "Every run of this workspace will be listed here, from the browser and from the command"
        " line: what it reached, on which data, with which settings, and how two of them differ."
    )
    if st.button("Start a first run", icon=":material/model_training:", type="primary"):
        st.switch_page("pages/train.py")


def choose(label: str, key: str, options: list[str], words: dict[str, str] | None = None) -> None:
    # What was chosen may be gone since: a run that ended, a dataset that was deleted.
    kept = [value for value in st.session_state.get(key, []) if value in options]
    st.session_state[key] = kept
    st.multiselect(
        label,
        options,
        key=key,
        format_func=lambda value: (words or {}).get(value, value),
        placeholder="All",
        persist_state="session",
    )


def ask_filter(runs: list[ListedRun]) -> RunFilter:
    rows = [listed.row for listed in runs]
    with st.grid(4, min_column_width=MIN_FILTER_PX):
        st.text_input(
            "Search",
            key=TEXT_KEY,
            placeholder="Name, note or tag",
            icon=":material/search:",
            persist_state="session",
        )
        states = list(dict.fromkeys(row.state for row in rows))
        choose("State", STATES_KEY, states, {name: state_word(name).label for name in states})
        data = data_labels(rows)
        choose("Data", DATA_KEY, list(data), data)
        choose("Tags", TAGS_KEY, known_tags(runs))
    return RunFilter(
        text=str(st.session_state.get(TEXT_KEY) or ""),
        states=tuple(st.session_state[STATES_KEY]),
        data=tuple(st.session_state[DATA_KEY]),
        tags=tuple(st.session_state[TAGS_KEY]),
    )


def known_tags(runs: list[ListedRun]) -> list[str]:
    return sorted({tag for listed in runs for tag in listed.row.tags}, key=str.casefold)


def columns_of(runs: list[ListedRun], name_px: int, data_px: int) -> dict[str, Any]:
    """Return the columns; curves of one metric on the same data are drawn on one scale."""
    judged = [listed.row for listed in runs if listed.scores]
    is_one = len({(row.metric, row.fingerprint) for row in judged}) == 1
    top = max((score for listed in runs for score in listed.scores), default=None)
    curve = st.column_config.LineChartColumn(
        width=78,
        y_min=0,
        y_max=top if is_one else None,
        help="That metric over the epochs, from the second validation on.",
    )
    tags = st.column_config.ListColumn(width=tags_px(runs))
    name = st.column_config.TextColumn(
        width=name_px, help="Mark a row, or click twice on a name that is cut, to read it whole."
    )
    data = st.column_config.TextColumn(width=data_px)
    return COLUMNS | {"Run": name, "Data": data, "Validation": curve, "Tags": tags}


def hidden_marks(runs: list[ListedRun], shown: list[ListedRun]) -> list[str]:
    """Return the ids of the marked runs that the filter hides."""
    hidden = {listed.row.run_id for listed in runs} - {listed.row.run_id for listed in shown}
    return [run_id for run_id in st.session_state.get(CHOSEN_KEY, []) if run_id in hidden]


def draw_table(runs: list[ListedRun], hidden: list[str]) -> list[ListedRun]:
    """Draw the list and return the runs that are marked in it; hidden ones stay marked."""
    ids = [listed.row.run_id for listed in runs]
    table, told_above = list_frame(runs), shared_words(runs)
    chosen = st.session_state.get(CHOSEN_KEY, [])
    room = name_room(listed.row.name for listed in runs)
    data = data_room((listed.row.data for listed in runs), room.row)
    names: dict[str, Callable[[Any], str]] = {"Run": room.text, "Data": data.text}
    marked = draw_frame(
        worded(table, names | {"Time": duration, "On disk": size}),
        hide_index=True,
        height=room.height(len(runs)),
        row_height=room.row,
        key=table_key("runs_table", (listed.row for listed in runs)),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(i) for i in chosen if i in ids]}},
        column_config=columns_of(runs, room.width, data.width),
        column_order=[name for name in table.columns if name not in told_above],
        placeholder="–",
        alt=f"{counted(len(runs), 'run')} with state, metric, duration, data, seed and tags",
    )
    found = [runs[i] for i in marked.selection.rows if i < len(runs)]
    st.session_state[CHOSEN_KEY] = [*(listed.row.run_id for listed in found), *hidden]
    return found


def follow_marked(runs: list[ListedRun]) -> None:
    """Mark the runs that the address names, the first time that it names them."""
    linked = str(st.query_params.get(LINK, ""))
    if not linked or linked == st.session_state.get(LINKED_KEY):
        return
    there = {listed.row.run_id for listed in runs}
    named = compared_ids(linked)
    st.session_state[CHOSEN_KEY] = [run_id for run_id in named if run_id in there]
    st.session_state[LINKED_KEY] = linked
    gone = [run_id for run_id in named if run_id not in there]
    if gone:
        what = counted(len(gone), "run that is not here", "runs that are not here")
        error = f"the address names {what}: {', '.join(gone)}"
        fix = "Restore or bring in what is missing, below."
        keep_refusal(run_actions.PROBLEM_KEY, NotFoundError(error, fix=fix))


def link_marked(chosen: list[ListedRun]) -> None:
    """Name the marked runs in the address, which then shows them elsewhere too."""
    if 1 <= len(chosen) <= MAX_COMPARED:
        link = ",".join(listed.row.run_id for listed in chosen)
        st.session_state[LINKED_KEY] = st.query_params[LINK] = link
    else:
        st.query_params.pop(LINK, None)


def draw_chosen(chosen: list[ListedRun], runs: list[ListedRun]) -> None:
    if not chosen:
        st.caption("Mark a row to see its settings and what can be done; two to five to compare.")
    elif len(chosen) == 1:
        draw_details(chosen[0], known_tags(runs))
    else:
        draw_comparison([listed.row for listed in chosen])


def draw_settings(runs: list[ListedRun]) -> None:
    """Offer to draw the runs of the list at once, where there are enough of one dataset."""
    rows = settings_chart.comparable_rows(listed.row for listed in runs)
    if len(rows) < settings_chart.MIN_RUNS or not settings_chart.varied_settings(rows):
        return
    with folded(
        "Settings against results, for the ended runs of the list",
        key="runs_settings",
        icon=":material/stacked_line_chart:",
    ) as is_open:
        if not is_open:
            return
        if len({row.fingerprint for row in rows}) > 1:
            st.caption("Results on different data cannot be compared. Choose one under Data above.")
            return
        if told := settings_chart.left_out_words([listed.row for listed in runs]):
            st.caption(told)
        finding = settings_chart.settings_finding(rows)
        st.caption(f"{escape(finding)} Drag along an axis to keep only the lines through it.")
        st.plotly_chart(
            settings_chart.settings_figure(rows, theme_type()),
            alt=finding,
            config={"displayModeBar": False},
            key="runs_axes",
        )
        draw_frame(
            settings_chart.results_table(rows).style.format(precision=METRIC_DIGITS),
            hide_index=True,
            column_config={
                title: st.column_config.TextColumn(alignment="right")
                for title in settings_chart.titles_of_numbers(rows)
            },
            alt=finding,
        )


def watch(runs: list[ListedRun]) -> None:
    """Draw the page anew when an active run has come further."""
    shown = progress(runs)
    if not shown:
        return

    @st.fragment(run_every=LOOK_EVERY_S)
    def look() -> None:
        if progress(state.listed_runs()) != shown:
            draw_anew()

    look()


def progress(runs: list[ListedRun]) -> list[tuple[str, str, int]]:
    rows = (listed.row for listed in runs)
    return [(row.run_id, row.state, row.epoch) for row in rows if row.state in ACTIVE_STATES]


def draw_runs() -> None:
    runs = state.listed_runs()
    follow_marked(runs)
    show_refusal(run_actions.PROBLEM_KEY)
    draw_undo()
    if not runs:
        draw_empty()
    else:
        wanted = ask_filter(runs)
        shown = [listed for listed in runs if wanted.takes(listed.row)]
        hidden = hidden_marks(runs, shown)
        n_bytes = size(sum(listed.n_bytes for listed in shown))
        about = [n_bytes + " on disk", *filter(None, shared_words(shown).values())]
        about += [f"{len(hidden):,} marked, but hidden by the filter"] if hidden else []
        st.caption(f"{len(shown):,} of {counted(len(runs), 'run')}, {', '.join(about)}")
        if shown:
            chosen = draw_table(shown, hidden)
            link_marked(chosen)
            draw_chosen(chosen, runs)
            draw_settings(shown)
        else:
            st.markdown("No run is like that. Take a filter away to see more.")
    draw_import(st.container())
    run_actions.draw_trash(st.container())
    watch(runs)


st.title("Runs")
draw_runs()
