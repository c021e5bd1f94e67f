from __future__ import annotations

from typing import Any

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.evaluate_choice import evaluate
from bert4rec.ui.folded import folded
from bert4rec.ui.login import stop_strangers
from bert4rec.ui.name_room import name_room
from bert4rec.ui.presses import once
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.runs.report_button import draw_report
from bert4rec.view.markdown import escape
from bert4rec.view.run_table import RunRow, newest_judged, run_frame, table_key
from bert4rec.view.state_words import state_word
from bert4rec.view.worded import worded
from bert4rec.words import counted, duration, metric_name, metric_text

stop_strangers()

# The run whose row is marked.
CHOSEN_KEY = "home_chosen"
N_RECENT = 10
MAX_JOBS = 10
# In a narrow window the action goes below the heading instead of being cut.
HEADING_PX, ACTION_PX = 660, 260
LIVE_STATES = ("running", "paused", "queued")
STEP_ICONS = {
    "done": ":green[:material/check_circle:]",
    "ready": ":green[:material/check_circle:]",
    "running": ":blue[:material/play_circle:]",
    "to do": ":gray[:material/circle:]",
    "not yet": ":gray[:material/circle:]",
}

GOOD_FOR = """
- You want to know what is **missing in the middle** of a sequence: it looks at what came before
  *and* what comes after.
- Playlists, reading lists and courses that should be completed or judged as a whole.
- Enough histories that repeat patterns: some thousands of interactions, better many more.
"""
BAD_FOR = """
- **The next item in real time**: a model that reads from left to right is the closer fit. SASRec
  can be trained here (*Start from: SASRec* on the Train page) and compared on your data.
- **The simplest thing that works**: item-to-item neighbours or popularity take minutes to build.
- **No sequences**, only users and items: matrix factorisation or EASE.
- **Only similar items**: compare item vectors or texts directly.
"""


def draw_home() -> None:
    rows = state.run_rows()
    manifests = state.datasets()
    draw_heading(is_new=not rows)
    draw_steps(manifests, rows)
    live = [row for row in rows if row.state in LIVE_STATES]
    if live:
        draw_live(live)
    draw_recent(rows[:N_RECENT])
    draw_choice()


def draw_heading(*, is_new: bool) -> None:
    row = st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    )
    with row.container(width=HEADING_PX):
        st.title("BERT4Rec")
        st.markdown(
            "Learns from playlists, reading lists and courses, and fills in what is missing, from"
            " both sides."
        )
    with row.container(width=ACTION_PX):
        if st.button(
            "Start the demo", type="primary", icon=":material/play_arrow:", width="stretch"
        ):
            start_demo()
        st.caption(
            "Trains on a bundled, simulated sample and shows it live: about a minute."
            if is_new
            else "Trains on a bundled, simulated sample, beside what is here."
        )


def start_demo() -> None:
    try:
        with st.spinner("Preparing the sample…"):
            from bert4rec.ui.demo import start_demo as start

            workspace, service = state.workspace(), state.job_service()
            run = once("demo", lambda: start(workspace, service))
            state.choose_dataset(str(run.config()["dataset"]["folder"]))
            state.choose_run(run.id)
    except Bert4RecError as error:
        state.show_error(error)
        return
    st.switch_page("pages/train.py", query_params={"run": run.id})


def draw_steps(manifests: list[dict[str, Any]], rows: list[RunRow]) -> None:
    with st.container(key="home_steps"), st.grid(3, min_column_width=220):
        draw_data_step(manifests)
        draw_train_step(rows)
        draw_explore_step(rows)


def step_title(number_: int, title: str, word: str) -> None:
    # Without a link to it, which would be one more stop for the keyboard.
    st.markdown(f"#### {STEP_ICONS[word]} {number_}. {title} :gray-badge[{word}]", anchors=False)


def draw_data_step(manifests: list[dict[str, Any]]) -> None:
    with st.container(border=True, height="stretch"):
        step_title(1, "Data", "done" if manifests else "to do")
        if manifests:
            newest = manifests[0]
            counts = newest["counts"]
            st.markdown(
                f"{counted(len(manifests), 'dataset')}, the newest is"
                f" **{escape(newest['name'])}** with {counted(counts['n_users'], 'user')} and"
                f" {counted(counts['n_interactions'], 'interaction')}."
            )
        else:
            st.markdown("Bring a log of who used what, and when, or take a bundled sample.")
        st.space("stretch")
        st.page_link("pages/data.py", label="Go to data", icon=":material/table_view:")


def draw_train_step(rows: list[RunRow]) -> None:
    judged = newest_judged(rows)
    with st.container(border=True, height="stretch"):
        step_title(2, "Train", train_word(rows))
        if judged is not None:
            st.markdown(
                f"The newest result is {metric_name(judged.metric)} {metric_text(judged.test)} on"
                f" the test items of {escape(judged.data)}, by **{escape(judged.name)}**."
            )
        elif any(row.state in LIVE_STATES for row in rows):
            st.markdown("The first run is on its way; its test figures come at its end.")
        elif rows:
            st.markdown("A run has been started, none has finished yet.")
        else:
            st.markdown("Choose settings or a preset, start a run and watch it learn.")
        st.space("stretch")
        st.page_link("pages/train.py", label="Go to training", icon=":material/model_training:")


def train_word(rows: list[RunRow]) -> str:
    if newest_judged(rows) is not None:
        return "done"
    return "running" if any(row.state in LIVE_STATES for row in rows) else "to do"


def draw_explore_step(rows: list[RunRow]) -> None:
    is_ready = any(row.best is not None for row in rows)
    with st.container(border=True, height="stretch"):
        step_title(3, "Explore", "ready" if is_ready else "not yet")
        st.markdown(
            "Hide items and see what the model fills in; walk the map of what it learned; hold it"
            " against simpler models."
            if is_ready
            else "Once a run has passed its first validation you can look into it here."
        )
        st.space("stretch")
        with st.container(horizontal=True):
            st.page_link("pages/inspect.py", label="Inspect", icon=":material/search_insights:")
            st.page_link(
                "pages/recommend.py", label="Recommend", icon=":material/playlist_add_check:"
            )
            st.page_link("pages/embeddings.py", label="Embeddings", icon=":material/scatter_plot:")
            st.page_link("pages/evaluate.py", label="Evaluate", icon=":material/balance:")


def draw_live(live: list[RunRow]) -> None:
    st.subheader("Under way")
    shown = {row.run_id: row.state for row in live}
    is_moving = any(row.state != "paused" for row in live)

    @st.fragment(run_every="2s" if is_moving else None)
    def draw_jobs() -> None:
        rows = [row for row in state.run_rows() if row.state in LIVE_STATES]
        if {row.run_id: row.state for row in rows} != shown:
            draw_anew()
        place = {row.run_id: state.job_service().position(row.run_id) or 0 for row in rows}
        # What trains comes before what waits, in the order in which that will begin.
        rows.sort(key=lambda row: (row.state == "queued", place[row.run_id]))
        for row in rows[:MAX_JOBS]:
            draw_job(row)
        if len(rows) > MAX_JOBS:
            st.caption(f"And {len(rows) - MAX_JOBS:,} more, which the Runs page lists.")

    draw_jobs()


def draw_job(row: RunRow) -> None:
    with st.container(border=True):
        head, action = st.columns([4, 1], vertical_alignment="center")
        word = state_word(row.state)
        with head, st.container(horizontal=True, vertical_alignment="center"):
            st.badge(word.label, icon=word.icon, color=word.color)  # type: ignore[arg-type]
            st.markdown(f"**{escape(row.name)}**", width="content")
            st.caption(f"on {escape(row.data)}", width="content")
        with action:
            label = "Show" if row.state == "queued" else "Watch it live"
            if st.button(label, key=f"watch_{row.run_id}", width="stretch"):
                state.choose_run(row.run_id)
                st.switch_page("pages/train.py", query_params={"run": row.run_id})
        if row.state == "queued":
            st.caption(progress_text(row))
        else:
            st.progress(row.progress, text=progress_text(row))


def progress_text(row: RunRow) -> str:
    if row.state == "queued":
        place = state.job_service().position(row.run_id)
        return f"Number {place} in the queue" if place else "Waiting for its device"
    if not row.progress:
        return "Getting ready: the data is being split and the baselines are being judged"
    best = (
        f", best {metric_name(row.metric)} {metric_text(row.best)}" if row.best is not None else ""
    )
    epochs = f"{row.epoch:,} of at most {counted(row.n_epochs, 'epoch')} done"
    return f"{epochs}, {duration(row.trained_s)} of training{best}"


def draw_recent(rows: list[RunRow]) -> None:
    st.subheader("Recent runs")
    if not rows:
        st.caption(
            "Your runs will be listed here with state, best metric, duration and data."
            " The demo makes the first one."
        )
        return
    chosen = st.session_state.get(CHOSEN_KEY)
    room = name_room(row.name for row in rows)
    marked = draw_frame(
        worded(run_frame(rows), {"Run": room.text, "Time": duration}),
        hide_index=True,
        height=room.height(len(rows)),
        row_height=room.row,
        key=table_key("recent_runs", rows),
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        selection_default={
            "selection": {"rows": [i for i, row in enumerate(rows) if row.run_id == chosen]}
        },
        column_config={
            "Run": st.column_config.TextColumn(width=room.width),
            "Best": st.column_config.NumberColumn(
                format="%.4f", help="The best value on the validation items."
            ),
            "On test": st.column_config.NumberColumn(
                format="%.4f", help="The same metric on the test items, once the run has ended."
            ),
            "Time": st.column_config.NumberColumn(help="Time in training, once it has ended."),
            "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone="UTC"),
        },
        placeholder="–",
        alt="The newest runs with state, metric, duration and data",
    )
    # A click on a cell marks its run as well as one on the box before the row.
    clicked = [at for at, _ in marked.selection.cells] or marked.selection.rows
    selected = [rows[i] for i in clicked if i < len(rows)]
    st.session_state[CHOSEN_KEY] = selected[0].run_id if selected else None
    if not selected:
        st.caption("Click on a run to open it. Times are UTC.")
        return
    draw_open(selected[0])


def draw_open(row: RunRow) -> None:
    if row.problem is not None:
        state.show_error(row.problem)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Open **{escape(row.name)}** in", width="content")
        for label, page in (
            ("Train", "train"),
            ("Inspect", "inspect"),
            ("Recommend", "recommend"),
            ("Embeddings", "embeddings"),
        ):
            if st.button(label, key=f"open_{page}"):
                state.choose_run(row.run_id)
                st.switch_page(f"pages/{page}.py", query_params={"run": row.run_id})
        if row.test is not None and st.button("Evaluate", key="open_evaluate"):
            evaluate([row.run_id])
        run = Run(state.workspace() / "runs" / row.run_id)
        draw_report([run], has_begun=row.has_begun)


def draw_choice() -> None:
    with folded("Is BERT4Rec what you need?", key="home_choice", icon=":material/help:") as is_open:
        if is_open:
            good, bad = st.columns(2)
            good.markdown(":material/thumb_up: **Choose it when**")
            good.markdown(GOOD_FOR)
            bad.markdown(":material/alt_route: **Choose something else for**")
            bad.markdown(BAD_FOR)


draw_home()
