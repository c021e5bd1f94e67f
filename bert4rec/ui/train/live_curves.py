"""The curves of one run on the page, while it goes and after it has ended, and its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.theme_watch import theme_type
from bert4rec.ui.train.small_curves import small_cards, small_curves
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.ui.widths import MIN_CHART_PX
from bert4rec.view import curve_charts, curve_findings
from bert4rec.view.curve_layers import ZOOM
from bert4rec.view.markdown import escape
from bert4rec.view.vega import Chart
from bert4rec.words import metric_name

CHART_PX = 300
METRIC_KEY = "curve_metric"
SMOOTHING_KEY = "curve_smoothing"
LOG_SCALE_KEY = "curve_log_scale"
FIRST_SMOOTHING = 0.6
RAW_NOTE = "The faint line is the loss as it was measured."
N_LOG_LINES = 30
LOG_PX = 260


def _why_no_curves(run: Run, *, is_live: bool) -> str:
    if is_live:
        return "The curves begin with the first training steps."
    status = run.status()
    if status.epoch:
        name = run.journal.path.name
        return f"There are no curves: its journal, {escape(name)}, is missing or cannot be read."
    first = "the figures of its first training steps" if status.step else "its first training step"
    return f"It ended before {first}, so there are no curves."


def draw_curves(run: Run, curves: Curves, metric: str, *, is_live: bool) -> None:
    """Draw what a run's journal tells; where it stands on the page it may be in a fragment."""
    if not curves.train and not curves.valid:
        st.caption(_why_no_curves(run, is_live=is_live))
        return
    settings = run.hyperparameters()
    metric, smoothing, is_log = _ask_look(curve_charts.told_metrics(curves, metric))
    cards = st.grid(2, min_column_width=MIN_CHART_PX)
    with cards.container(border=True, height="stretch"):
        _draw_chart(
            curve_charts.metric_chart(curves, metric, settings.model_name),
            f"{metric_name(metric)} on the validation items",
            *curve_findings.metric_words(curves, metric, settings, is_live=is_live),
            key=f"curve_metric_{run.id}",
            is_live=is_live,
        )
        _draw_table(run, "metric", curves, curve_findings.valid_table, "%.4f")
    with cards.container(border=True, height="stretch"):
        _draw_chart(
            curve_charts.loss_chart(curves, smoothing, is_log=is_log),
            "Training loss",
            curve_findings.loss_finding(curves),
            RAW_NOTE if smoothing and curves.line("loss").has_several else "",
            key=f"curve_loss_{run.id}",
            is_live=is_live,
        )
        _draw_table(run, "loss", curves, curve_findings.train_table)
    _draw_small(curves, smoothing, None if is_live else run.summary())
    _draw_table(run, "small", curves, curve_findings.small_table, "%.5g")


def _ask_look(metrics: list[str]) -> tuple[str, float, bool]:
    """Ask how the curves are to be drawn; the answer holds for every run of the session."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        metric = _ask_metric(metrics)
        st.session_state.setdefault(SMOOTHING_KEY, FIRST_SMOOTHING)
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            step=0.01,
            key=SMOOTHING_KEY,
            persist_state="session",
            width=180,
            help="Weight of what came before in the average of loss, gradient norm and speed; "
            "at 0 they are drawn as they were measured.",
        )
        is_log = st.toggle(
            "Log scale",
            key=LOG_SCALE_KEY,
            persist_state="session",
            help="Draws the training loss so that equal ratios are equally high.",
        )
        st.caption(
            "Drag a large chart to move it, Ctrl and the wheel zoom, a double click shows all.",
            width="content",
        )
    return metric, float(smoothing), bool(is_log)


def _ask_metric(metrics: list[str]) -> str:
    """Ask for one of the metrics of the validations; a run's own stands until one is chosen."""
    own = metrics[0]
    key = f"{METRIC_KEY}_{own}"
    if st.session_state.get(key) not in metrics:
        st.session_state[key] = own
    chosen = st.selectbox(
        "Metric",
        metrics,
        key=key,
        persist_state="session",
        format_func=metric_name,
        width=150,
        help="Which curve of the validations is drawn; the best epoch is told by "
        f"{metric_name(own)}, whichever it is.",
    )
    return str(chosen)


def _draw_chart(
    chart: Chart,
    title: str,
    finding: str,
    note: str,
    *,
    key: str,
    is_live: bool,
) -> None:
    st.markdown(f"**{escape(title)}**")
    # A text that changes each second would build the chart anew.
    alt = f"{title}, live; the finding stands below" if is_live else finding
    if not chart.points.empty:
        # Streamlit takes back a zoom that it was not asked to tell of whenever points come in.
        draw_vega(
            chart,
            height=CHART_PX,
            alt=alt,
            key=key,
            on_select="rerun",
            selection_mode=[ZOOM],
        )
    # In one piece: a browser takes as long for each piece as for all of its words.
    st.caption("\n\n".join(escape(words) for words in (finding, note) if words))


def _draw_small(curves: Curves, smoothing: float, summary: dict[str, Any] | None) -> None:
    drawings = small_curves(curves, smoothing, is_dark=theme_type() == "dark")
    # One figure, also where the results above tell it.
    whole = (summary or {}).get("sequences_per_second")
    findings = {name: curve_findings.small_finding(curves, name, whole) for name in drawings}
    st.html(small_cards(drawings, findings))


def _draw_table(
    run: Run,
    name: str,
    curves: Curves,
    table_of: Callable[[Curves], pd.DataFrame],
    number_format: str | None = None,
) -> None:
    """Offer a curve's figures; they are made only while they are shown."""
    with folded("As a table", key=f"table_{name}_{run.id}") as is_open:
        if is_open:
            table = table_of(curves)
            figures = {
                str(column): st.column_config.NumberColumn(format=number_format)
                for column in table.select_dtypes("float")
            }
            draw_frame(table, hide_index=True, height=260, column_config=figures)


def draw_log(run: Run) -> None:
    """Offer the newest lines of the run's log; they are read only while they are shown."""
    with folded("Log", key=f"log_{run.id}", icon=":material/terminal:") as is_open:
        if not is_open:
            return
        lines = run.log_tail(N_LOG_LINES)
        if not lines:
            st.caption("It holds nothing yet.")
            return
        # As code, in which no sign means anything.
        st.code("\n".join(lines[::-1]), language=None, wrap_lines=True, height=LOG_PX)
        st.caption(f"Newest first; the whole log is {escape(run.folder / 'log.txt')}.")
