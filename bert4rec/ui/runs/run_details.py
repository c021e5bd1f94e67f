"""One run of the list in detail: key figures, settings, note, tags and what can be done with it."""

from __future__ import annotations

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.run_deletion import draw_delete
from bert4rec.ui.run_list import ListedRun
from bert4rec.ui.runs.run_actions import draw_actions
from bert4rec.ui.train.run_ending import draw_ending
from bert4rec.ui.train.train_longer import parent_words
from bert4rec.ui.widths import MIN_METRIC_PX
from bert4rec.view.markdown import escape
from bert4rec.view.metric_words import metrics_help
from bert4rec.view.run_figures import settings_table
from bert4rec.view.state_words import state_word
from bert4rec.words import counted, duration, metric_name, metric_text, sentence, size, when


def draw_details(listed: ListedRun, known_tags: list[str]) -> None:
    """Draw one run.

    Args:
        listed: The run.
        known_tags: Tags of all runs, to choose from.
    """
    row = listed.row
    run = Run(state.workspace() / "runs" / row.run_id)
    _draw_heading(listed)
    if row.problem is not None:
        state.show_error(row.problem)
        draw_delete(run, row.state)
        return
    try:
        _draw_parent(run)
        draw_ending(run, run.status(), row.state)
        draw_actions(run, row.state, listed.n_bytes, known_tags)
        _draw_figures(listed)
        _draw_settings(run)
    except Bert4RecError as error:
        # It went or was damaged since the list was read.
        state.show_error(error)


def _draw_heading(listed: ListedRun) -> None:
    row, word = listed.row, state_word(listed.row.state)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(row.name), anchor=False, width="content")
        st.badge(word.label, icon=word.icon, color=word.color)  # type: ignore[arg-type]
        for tag in row.tags:
            st.badge(escape(tag), icon=":material/label:", color="gray")
    if row.problem is None:
        st.caption(
            f"{row.model} · {escape(row.data)} · created {when(row.created_at)}"
            f" · {escape(row.run_id)}"
        )
    if row.note:
        st.markdown(f":material/sticky_note_2: {escape(row.note)}")


def _draw_parent(run: Run) -> None:
    """Name the run from whose end this one went on, if any."""
    text = parent_words(run)
    if text:
        st.caption(f":material/fork_right: {escape(sentence(text))}")


def _draw_figures(listed: ListedRun) -> None:
    row = listed.row
    name = metric_name(row.metric)
    figures = (
        (f"{name} on test", metric_text(row.test), metrics_help()),
        (f"Best {name}", metric_text(row.best), "On the validation items."),
        ("Training time", duration(row.trained_s), None),
        ("Epochs", f"{row.epoch:,} of {row.n_epochs:,}", None),
        ("On disk", size(listed.n_bytes), None),
    )
    with st.grid(len(figures), min_column_width=MIN_METRIC_PX):
        for label, text, about in figures:
            st.metric(label, text, help=about, border=True, height="stretch")


def _draw_settings(run: Run) -> None:
    table = settings_table(run.hyperparameters())
    n_other = int(table["Differs"].sum())
    what = f"{counted(n_other, 'setting differs', 'settings differ')} from the defaults"
    st.markdown(f"**Settings** · {what}, shown first")
    draw_frame(
        table,
        hide_index=True,
        height=min(420, 40 + 36 * max(n_other, 4)),
        column_order=["Setting", "Value", "Default"],
        alt=f"The settings of the run beside their defaults; {what}",
    )
