"""One search as it goes: state, progress, its trials and their curves."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from bert4rec.data.collection import name_now
from bert4rec.search.figures import Saving, saving
from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import Choices, Domain
from bert4rec.search.trials import COUNTED_STATES, Trial, n_wanted
from bert4rec.ui import state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.name_room import cell_beginning
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.search import search_charts
from bert4rec.ui.search.search_actions import as_shown, draw_controls, draw_finds
from bert4rec.ui.search.search_draft import plan_words
from bert4rec.ui.search.search_files import draw_plan_out
from bert4rec.ui.search.search_results import draw_results
from bert4rec.ui.search.trial_table import WHY, settings_words, trial_name, trials_table
from bert4rec.ui.study_list import ReadStudy
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.ui.widths import MIN_CHART_PX, MIN_METRIC_PX
from bert4rec.view.forms import form_fields
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import titled
from bert4rec.view.state_words import state_word
from bert4rec.view.vega import Chart
from bert4rec.view.worded import worded
from bert4rec.words import counted, duration, metric_name, number, percent, sentence

# A trial is a matter of minutes, and whoever looks takes time from it.
REFRESH_S = 3.0
CHART_PX = 300
TABLE_PX = 320
WHY_PX = 190


@dataclass(frozen=True)
class Drawn:
    """What the page outside of the live part shows of a search; a change draws it anew."""

    state: str
    n_counted: int
    is_stopping: bool
    is_readable: bool


def _drawn(read: ReadStudy) -> Drawn:
    is_stopping = state.search_service().is_stopping(read.name)
    return Drawn(read.status.state, read.n_counted, is_stopping, read.problem is None)


def draw_study(read: ReadStudy) -> None:
    """Draw a search, live while somebody works on it."""
    _draw_heading(read)
    draw_controls(read)
    if read.plan is None:
        return
    draw_finds(read)
    live = st.fragment(_draw_live, run_every=REFRESH_S if read.is_active else None)
    live(read.name, _drawn(read))
    draw_results(read)
    _draw_plan(read.name, read.plan)


def _draw_heading(read: ReadStudy) -> None:
    word = state_word(read.status.state if read.problem is None else "unreadable")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(read.name), anchor=False, width="content")
        st.badge(word.label, icon=word.icon, color=word.color)  # type: ignore[arg-type]
    if read.plan is not None:
        data = escape(name_now(state.workspace(), read.dataset))
        st.caption(f"{data} · {metric_name(read.plan.metric)} on the validation items")
    if read.problem is not None:
        state.show_error(read.problem)
        return
    problem = state.search_service().problem(read.name)
    reason, fix = (escape(sentence(titled(t))) for t in (read.status.message, read.status.fix))
    if read.status.state == "interrupted":
        st.warning(
            f"**{reason}**\n\nGo on: nothing is lost but what the "
            "trial under way had done; it is tried again.",
            icon=word.icon,
        )
    elif problem is not None and not read.is_active:
        state.show_error(problem)
    elif read.status.state == "failed":
        st.error(f"**{reason}**" + (f"\n\nWhat to do: {fix}" if fix else ""), icon=word.icon)
    elif not read.is_active and any(trial.state == "waiting" for trial in read.trials):
        st.caption("*Go on* tries what the trial under way had tried again, as a new trial.")


def _draw_live(name: str, drawn: Drawn) -> None:
    found = state.study_list().one(name)
    read = None if found is None else as_shown(found)
    # What stands outside the fragment, buttons and results, is drawn anew when it changes.
    if read is None or read.plan is None:
        draw_anew()
        return
    if _drawn(read) != drawn:
        draw_anew()
    _draw_progress(read, read.plan, drawn)
    _draw_figures(read, read.plan, saving(read.trials))
    _draw_charts(read, read.plan.metric)
    with folded("All trials", key="search_trials_table", expanded=True) as is_open:
        if is_open:
            _draw_table(read, read.plan)


def _draw_progress(read: ReadStudy, plan: SearchPlan, drawn: Drawn) -> None:
    found, budget, spent_s = saving(read.trials), plan.budget, _spent_s(read)
    n = n_wanted(read.trials, plan)
    share = found.n_ended / n
    text = f"{found.n_ended:,} of {counted(n, 'trial')}"
    n_failed = sum(trial.state == "failed" for trial in read.trials)
    text += f", {n_failed:,} failed" if n_failed else ""
    if budget.minutes is not None:
        share = max(share, spent_s / (60 * budget.minutes))
        text += f", {duration(spent_s)} of {duration(60 * budget.minutes)}"
    if read.is_active and found.n_ended:
        text += f", about {duration(_left_s(found, plan, n))} left"
    st.progress(min(1.0, share), text=text)
    if drawn.is_stopping:
        st.info("Stopping: the trial under way is being put back.", icon=":material/stop_circle:")
    elif read.status.state == "queued":
        st.info(
            "Waiting for the device, which another run or search has; the next trial begins by "
            "itself after it.",
            icon=":material/schedule:",
        )
    if read.is_exhausted:
        st.caption("Every point of what it searches has been tried, so it cannot go on.")
    for trial in read.trials:
        if trial.state == "running":
            st.caption(_under_way(trial, plan))


def _spent_s(read: ReadStudy) -> float:
    """Return what counts for the budget: ended trials and those under way."""
    counted_states = (*COUNTED_STATES, "running")
    return sum(trial.seconds for trial in read.trials if trial.state in counted_states)


def _left_s(found: Saving, plan: SearchPlan, n: int) -> float:
    """Return how long the rest of `n` trials takes at the pace so far."""
    left = (n - found.n_ended) * found.spent_s / found.n_ended
    if plan.budget.minutes is not None:
        left = min(left, 60 * plan.budget.minutes - found.spent_s)
    return max(0.0, left)


def _under_way(trial: Trial, plan: SearchPlan) -> str:
    at = [f"epoch {trial.epoch:,} of {plan.base.n_epochs:,} judged"] if trial.epoch else []
    if trial.judged is not None:
        n_done, n_rows = trial.judged
        at += [f"validating ({n_done:,} of {n_rows:,} held-out items)"]
    score = "" if trial.score is None else f", best {number(trial.score, 4)}"
    values = escape(settings_words(trial.values))
    return f"{trial_name(trial)} under way, {', '.join(at) or 'training'}{score}: {values}"


def _draw_figures(read: ReadStudy, plan: SearchPlan, found: Saving) -> None:
    best = read.best
    with st.grid(4, min_column_width=MIN_METRIC_PX):
        st.metric(
            f"Best {metric_name(plan.metric)}",
            number(best.score if best else None, 4),
            border=True,
            height="stretch",
        )
        st.metric(
            "Pruned",
            percent(found.share) if found.n_ended else "–",
            help="Share of the trials that were ended early because they fell behind.",
            border=True,
            height="stretch",
        )
        st.metric(
            "Time saved",
            duration(found.saved_s) if found.n_pruned else "–",
            help="An estimate: what pruned trials would still have taken, at their own pace, for "
            "as many epochs as finished ones do.",
            border=True,
            height="stretch",
        )
        st.metric(
            "Time in trials",
            duration(_spent_s(read)) if read.n_counted or read.is_active else "–",
            border=True,
            height="stretch",
        )


def _draw_charts(read: ReadStudy, metric: str) -> None:
    if not search_charts.drawn_curves(read.trials):
        st.caption("The curves begin with the first validation of the first trial.")
        return
    cards = st.grid(2, min_column_width=MIN_CHART_PX)
    with cards.container(border=True, height="stretch"):
        draw_chart(
            search_charts.best_chart(read.trials, metric),
            f"{metric_name(metric)} of each trial, and the best so far",
            search_charts.best_finding(read.trials, metric),
            is_live=read.is_active,
        )
    with cards.container(border=True, height="stretch"):
        draw_chart(
            search_charts.curves_chart(read.trials, metric),
            "Validations of each trial",
            search_charts.curves_finding(read.trials),
            is_live=read.is_active,
        )


def draw_chart(chart: Chart, title: str, finding: str, *, is_live: bool) -> None:
    """Draw a chart with its title above and its finding below."""
    st.markdown(f"**{escape(title)}**")
    # A text that changes each second would build the chart anew.
    alt = f"{title}, live; the finding stands below" if is_live else finding
    if not chart.points.empty:
        draw_vega(chart, height=CHART_PX, alt=alt)
    st.caption(escape(finding))


def _draw_table(read: ReadStudy, plan: SearchPlan) -> None:
    if not read.trials:
        st.caption("No trial has begun yet.")
        return
    counts = {name: sum(t.state == name for t in read.trials) for name in COUNTED_STATES}
    said = ", ".join(f"{n:,} {name}" for name, n in counts.items() if n) or "none ended"
    pruned = ": finished trials by their score, then those that were pruned"
    st.caption(f"The best first{pruned if counts.get('pruned') else ''}.")
    titles = [form_fields()[name].title for name, one in plan.space.items() if _is_number(one)]
    table = trials_table(read.trials, list(plan.space), plan.metric)
    draw_frame(
        worded(table, {WHY: cell_beginning(WHY_PX)}) if WHY in table else table,
        hide_index=True,
        height=min(TABLE_PX, 35 * (len(read.trials) + 1) + 2),
        placeholder="",
        column_config={
            "Trial": st.column_config.NumberColumn(width=46),
            "State": st.column_config.TextColumn(width=95),
            metric_name(plan.metric): st.column_config.NumberColumn(format="%.4f", width=76),
            "Epoch": st.column_config.NumberColumn(
                format="%d", width=54, help="The last epoch that was judged."
            ),
            "Seconds": st.column_config.NumberColumn(format="%.0f", width=68),
            WHY: st.column_config.TextColumn(width=WHY_PX),
        }
        | {title: st.column_config.NumberColumn(format="%.3g") for title in titles},
        alt=f"{counted(len(read.trials), 'trial')}: {said}",
    )


def _is_number(domain: Domain) -> bool:
    values = domain.values if isinstance(domain, Choices) else (domain.low,)
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _draw_plan(name: str, plan: SearchPlan) -> None:
    with folded("What it searches", key="search_plan", icon=":material/tune:") as is_open:
        if is_open:
            left, right = st.columns(2, gap="large")
            with left:
                st.markdown(
                    "\n".join(f"- {title}: {escape(words)}" for title, words in plan_words(plan))
                )
            with right:
                draw_plan_out(plan, f"{name}.yaml")
