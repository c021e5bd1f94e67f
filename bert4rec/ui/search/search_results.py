"""What a search has found out about its settings: importance, slices, parallel axes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.search.figures import MIN_FOR_IMPORTANCE, importance, n_finished
from bert4rec.search.plan import SearchPlan
from bert4rec.search.study import Study
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.runs.settings_chart import axes_figure
from bert4rec.ui.search import importance_charts
from bert4rec.ui.search.search_actions import draw_search_on
from bert4rec.ui.study_list import ReadStudy
from bert4rec.ui.theme_watch import theme_type
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.markdown import escape
from bert4rec.words import counted, metric_name

MIN_FINISHED = 2
# With importance and the curves of the trials that makes seven charts, as many as one takes in.
N_SLICES = 4
# So that four stand in one row on a screen 1440 pixels wide.
MIN_SLICE_PX = 230
SLICE_PX = 200
BAR_PX, BARS_PX = 34, 70


def draw_results(read: ReadStudy) -> None:
    """Draw which settings matter, once there is something to compare."""
    if read.plan is None or n_finished(read.trials) < MIN_FINISHED:
        return
    st.subheader("Which settings matter", anchor=False)
    shares = _draw_importance(read)
    others = [name for name in read.plan.space if name not in shares]
    _draw_slices(read, read.plan, [*shares, *others])
    _draw_axes(read, read.plan)


def _draw_importance(read: ReadStudy) -> dict[str, float]:
    """Draw how much each setting matters; return it, the largest first, where it can be told."""
    n = n_finished(read.trials)
    if n < MIN_FOR_IMPORTANCE:
        n_more = MIN_FOR_IMPORTANCE - n
        needed = f", so {counted(n_more, 'more is', 'more are')} needed"
        st.caption(
            f"How much each setting matters is told from {MIN_FOR_IMPORTANCE} finished trials on; "
            f"there are {n:,}{'' if read.is_exhausted else needed}. Pruned ones do not count, as "
            "they were not trained to the end."
        )
        draw_search_on(read, n_more)
        return {}
    try:
        workspace = str(state.workspace())
        shares = _importance(workspace, read.figures_key, state.study_list().study(read.name))
    except Bert4RecError as error:
        state.show_error(error)
        return {}
    finding = importance_charts.importance_finding(shares)
    chart = importance_charts.importance_chart(shares)
    with st.container(border=True):
        st.markdown("**Importance**")
        if any(shares.values()):
            height = BARS_PX + BAR_PX * len(shares)
            draw_vega(chart, height=height, alt=finding)
        st.caption(
            f"{escape(finding)} Functional ANOVA over {counted(n, 'finished trial')}: what share "
            "of the differences in score each setting explains by itself within what was tried. "
            "A few trials tell little, and pruned ones are left out."
        )
        with folded("As a table", key="search_importance_table") as is_open:
            if is_open:
                table = importance_charts.importance_table(shares)
                draw_frame(table, hide_index=True, alt=finding)
    return shares


@st.cache_data(max_entries=32, show_spinner="Weighing the settings…")
def _importance(workspace: str, key: tuple[str, str, int], _study: Study) -> dict[str, float]:
    del workspace, key
    return importance(_study)


def _draw_slices(read: ReadStudy, plan: SearchPlan, names: Sequence[str]) -> None:
    """Draw the score against each setting; all but the first ones only when they are asked for."""
    with st.container(border=True):
        st.markdown("**Score against each setting**")
        _draw_scores(read, plan, names[:N_SLICES])
        pruned = " A pruned one (▼) stands at the best score it had when it was ended."
        has_pruned = any(trial.state == "pruned" for trial in read.trials)
        st.caption(f"Each point is a trial.{pruned if has_pruned else ''}")
        if len(names) > N_SLICES:
            with folded("Against the other settings", key="search_slices") as is_open:
                if is_open:
                    _draw_scores(read, plan, names[N_SLICES:])


def _draw_scores(read: ReadStudy, plan: SearchPlan, names: Sequence[str]) -> None:
    cells = st.grid("auto", min_column_width=MIN_SLICE_PX)
    for name, chart in importance_charts.slice_charts(read.trials, plan, names).items():
        if chart.points.empty:
            continue
        finding = importance_charts.slice_finding(read.trials, name)
        with cells.container():
            draw_vega(chart, height=SLICE_PX, alt=finding)


def _draw_axes(read: ReadStudy, plan: SearchPlan) -> None:
    with folded(
        "Parallel coordinates", key="search_axes", icon=":material/stacked_line_chart:"
    ) as is_open:
        if is_open:
            _draw_lines(read, plan)


def _draw_lines(read: ReadStudy, plan: SearchPlan) -> None:
    shown = [t for t in read.trials if t.state == "finished" and t.score is not None]
    title = f"Best {metric_name(plan.metric)}"
    best = read.best
    said = "" if best is None else f"The best is trial {best.number + 1:,}."
    st.caption(
        f"{counted(len(shown), 'finished trial')} as lines, the better ones standing "
        f"out. {said} Drag along an axis to keep only the lines through it."
    )
    st.plotly_chart(
        axes_figure(
            list(plan.space),
            [trial.values for trial in shown],
            [float(trial.score or 0) for trial in shown],
            title,
            theme_type(),
        ),
        alt=f"Settings of {counted(len(shown), 'finished trial')} against {title}. {said}",
        config={"displayModeBar": False},
        key="search_axes_figure",
    )
