"""Two to five runs beside each other on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.ui import cache, state
from bert4rec.ui.csv_button import draw_csv
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.evaluate_choice import evaluate, strangers
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import draw_table
from bert4rec.ui.run_deletion import ask_delete
from bert4rec.ui.runs.prediction_comparison import by_run, draw_predictions
from bert4rec.ui.runs.report_button import draw_report
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.ui.widths import MIN_CHART_PX
from bert4rec.view import curve_charts, run_comparison
from bert4rec.view.markdown import escape
from bert4rec.view.run_table import RunRow
from bert4rec.view.vega import Chart
from bert4rec.words import counted, metric_name

CHART_PX = 300
TABLE_PX = 260


def draw_comparison(rows: list[RunRow]) -> None:
    """Draw runs beside each other; those that cannot be read are named and left out."""
    draw_marked(rows)
    whole = [row for row in rows if row.problem is None]
    if len(whole) < len(rows):
        n_left_out = len(rows) - len(whole)
        st.caption(f"{counted(n_left_out, 'run')} that cannot be read left out.")
    if not run_comparison.MIN_COMPARED <= len(whole) <= run_comparison.MAX_COMPARED:
        st.caption("Mark two to five runs that can be read to compare them.")
        return
    if len({row.fingerprint for row in whole}) > 1:
        st.warning(
            "They were trained on different data, so their figures cannot be compared directly.",
            icon=":material/warning:",
        )
    labels = run_comparison.compared_labels(whole)
    _draw_part(lambda: _draw_settings(whole, labels))
    _draw_part(lambda: _draw_curves(whole, labels))
    _draw_part(lambda: _draw_figures(whole, labels))
    if len({row.fingerprint for row in whole}) == 1:
        draw_predictions({labels[row.run_id]: _run(row) for row in whole})


def draw_marked(rows: list[RunRow]) -> None:
    """Draw how many runs are marked, and what can be done with all of them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{counted(len(rows), 'run')} marked", anchor=False, width="content")
        whole = [row for row in rows if row.problem is None]
        if run_comparison.MIN_COMPARED <= len(whole) <= run_comparison.MAX_COMPARED:
            _draw_evaluate(whole)
            has_begun = all(row.has_begun for row in whole)
            draw_report([_run(row) for row in whole], has_begun=has_begun)
        if st.button("Delete these", icon=":material/delete:"):
            ask_delete([_run(row) for row in rows])


def _draw_evaluate(rows: list[RunRow]) -> None:
    is_judged = all(row.test is not None for row in rows)
    first, *others = (_run(row) for row in rows)
    unlike = dict.fromkeys(strangers(first, others).values())
    if st.button(
        "Evaluate these",
        icon=":material/balance:",
        disabled=not is_judged or bool(unlike),
        help="On the same users, beside baselines, with what chance explains."
        + ("" if is_judged else " One of them has not ended yet.")
        + "".join(f" Beside the first one, some are {reason}." for reason in unlike),
    ):
        evaluate([row.run_id for row in rows])


def _run(row: RunRow) -> Run:
    return Run(state.workspace() / "runs" / row.run_id)


def _draw_part(draw: Callable[[], None]) -> None:
    """Draw a part of the comparison; a run that went meanwhile leaves the other parts alone."""
    try:
        draw()
    except Bert4RecError as error:
        state.show_error(error)


def _draw_settings(rows: list[RunRow], labels: dict[str, str]) -> None:
    table = run_comparison.settings_differences(rows, labels)
    if table.empty:
        st.markdown("**Settings** · none differs")
        return
    what = f"{counted(len(table), 'differs', 'differ')}; what is not named is the same"
    st.markdown(f"**Settings** · {what}")
    draw_table(table, by_run(table), alt=f"Settings of the runs: {what}")


def _draw_curves(rows: list[RunRow], labels: dict[str, str]) -> None:
    metric = run_comparison.common_metric(rows)
    curves = {labels[row.run_id]: cache.curves(row.run_id) for row in rows}
    are_alike = run_comparison.judged_alike(rows, _summaries(rows))
    charts = {
        "metric": (
            f"{metric_name(metric)} on the validation items",
            curve_charts.metric_overlay(curves, metric),
            run_comparison.comparison_finding(curves, metric, are_alike=are_alike),
        ),
        "loss": (
            "Training loss",
            curve_charts.loss_overlay(curves),
            run_comparison.loss_comparison(curves),
        ),
    }
    cards = st.grid(2, min_column_width=MIN_CHART_PX)
    for name, (title, chart, finding) in charts.items():
        with cards.container(border=True, height="stretch"):
            st.markdown(f"**{escape(title)}**")
            if not chart.points.empty:
                draw_vega(chart, height=CHART_PX, alt=finding)
            st.caption(escape(finding))
            if not chart.points.empty:
                _draw_table(name, chart, finding)


def _draw_table(name: str, chart: Chart, finding: str) -> None:
    """Offer the figures of a chart; they are made only while they are shown."""
    with folded("As a table", key=f"compared_{name}") as is_open:
        if is_open:
            table = run_comparison.curve_table(chart)
            figures = {str(label): st.column_config.NumberColumn(format="%.4f") for label in table}
            draw_frame(table, height=TABLE_PX, column_config=figures, placeholder="–", alt=finding)


def _summaries(rows: list[RunRow]) -> dict[str, dict[str, Any] | None]:
    # What an earlier part of a run came to is not the result of one that goes on.
    return {row.run_id: None if row.test is None else _run(row).summary() for row in rows}


def _draw_figures(rows: list[RunRow], labels: dict[str, str]) -> None:
    """Draw what the runs came to, and offer that and what differs in settings as a file."""
    summaries = _summaries(rows)
    _draw_metrics(rows, {labels[run_id]: found for run_id, found in summaries.items()})
    draw_csv(
        "Comparison",
        "runs-comparison",
        lambda: run_comparison.comparison_table(rows, summaries),
        about="A line for each run: its id, all metrics with the ends of their intervals, and the"
        " settings that differ, by their names.",
    )


def _draw_metrics(rows: list[RunRow], summaries: dict[str, dict[str, Any] | None]) -> None:
    if not any(summaries.values()):
        st.caption("None of them has been judged on the test items yet.")
        return
    st.markdown("**On the test items** · in brackets the 95% interval")
    if finding := run_comparison.final_difference(rows, summaries):
        st.caption(escape(finding))
    table = run_comparison.final_metrics(summaries)
    draw_table(table, by_run(table), alt="The test metrics of each run with their intervals")
    if said := run_comparison.narrow_intervals(summaries):
        st.caption(escape(said))
