"""One run as it goes: state, progress, curves, and what came out of it in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from bert4rec.baselines.titles import NETWORK, TITLES
from bert4rec.data.split_record import asked_words, few_words
from bert4rec.errors import Bert4RecError
from bert4rec.hyperparameters import model_name
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES, Status
from bert4rec.ui import cache, state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.redrawing import draw_anew
from bert4rec.ui.settings.policy_form import draw_policy_out
from bert4rec.ui.settings.settings_form import KIND_WORDS
from bert4rec.ui.train.live_curves import draw_curves, draw_log
from bert4rec.ui.train.pace import STILL, Pace, note_watcher, pace_of
from bert4rec.ui.train.run_controls import draw_controls
from bert4rec.ui.train.run_ending import draw_ending
from bert4rec.ui.train.train_longer import parent_words
from bert4rec.ui.train.watched_prediction import draw_watched
from bert4rec.ui.widths import MIN_METRIC_PX
from bert4rec.view import curve_charts
from bert4rec.view.curve_findings import speed
from bert4rec.view.markdown import escape
from bert4rec.view.metric_words import metrics_help
from bert4rec.view.run_figures import (
    final_finding,
    final_table,
    judged_so_far,
    memory_bytes,
    narrow_words,
    origins_table,
    progress_of,
    queue_text,
    seen_words,
)
from bert4rec.view.state_words import state_word
from bert4rec.words import counted, duration, metric_name, metric_text, number, size, when
from bert4rec.workshop import VALIDATION

# Six beside each other, also in a narrow window.
MIN_FIGURE_PX = 128


@dataclass
class Drawn:
    """What a page has drawn of a run; shared by its figures and its curves.

    Args:
        shown: The state as a visitor is told it.
        state: The state in the run's folder.
        is_stopping: Whether it was asked to end and has not yet.
        pace: How often it looks at the run.
        best: The best validation that its curves show. They are drawn less often than the figures,
            which tell no other, so that a page does not contradict itself.
    """

    shown: str
    state: str
    is_stopping: bool
    pace: Pace
    best: dict[str, Any] | None


def _seen(run: Run, status: Status) -> tuple[str, str, bool]:
    """Return what the buttons of a run depend on, as `Drawn` holds it."""
    return state.shown_state(run, status), status.state, state.job_service().is_stopping(run.id)


def draw_run(run: Run, after_delete: Callable[[], None]) -> None:
    """Draw a run with its own settings, live while it is active."""
    status = run.status()
    seen = _seen(run, status)
    now = seen[0]
    _draw_heading(run, status, now)
    draw_controls(run, status, after_delete)
    if now not in ACTIVE_STATES:
        _draw_results(run, status)
    curves = cache.curves(run.id)
    pace = pace_of(curves, note_watcher()) if now in ACTIVE_STATES else STILL
    drawn = Drawn(*seen, pace, curve_charts.best_row(curves))
    st.fragment(_draw_figures, run_every=pace.figures)(run, drawn)
    st.fragment(_draw_curves, run_every=pace.curves)(run, drawn)
    draw_watched(run, is_active=now in ACTIVE_STATES)
    _draw_settings(run)


def _draw_heading(run: Run, status: Status, now: str) -> None:
    config, parent = run.config(), parent_words(run)
    model, kind = model_name(config["effective_settings"]), KIND_WORDS[config["policy"]][0].lower()
    word = state_word(now)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(run.name), anchor=False, width="content")
        st.badge(word.label, icon=word.icon, color=word.color)  # type: ignore[arg-type]
    st.caption(
        f"{model} · {escape(config['dataset']['name'])} · {kind} · "
        f"created {when(config['created_at'])}" + (f" · {escape(parent)}" if parent else "")
    )
    draw_ending(run, status, now)


def _draw_figures(run: Run, drawn: Drawn) -> None:
    try:
        status = run.status() if run.folder.is_dir() else None
    except Bert4RecError:
        # Around a fragment nobody catches; the page as a whole goes on without the run.
        status = None
    # What stands outside the fragment, buttons and sidebar, is drawn anew when the state changes.
    if status is None:
        draw_anew()
        return
    if _seen(run, status) != (drawn.shown, drawn.state, drawn.is_stopping):
        draw_anew()
    if drawn.shown == "queued":
        st.info(queue_text(state.job_service().position(run.id)), icon=":material/schedule:")
        return
    if drawn.shown in ACTIVE_STATES:
        curves = cache.curves(run.id)
        if pace_of(curves, note_watcher()) != drawn.pace:
            draw_anew()
        draw_progress(run, status, curves, drawn.shown)
        _draw_live_figures(curves, drawn.best, run.hyperparameters().valid_metric)


def _draw_curves(run: Run, drawn: Drawn) -> None:
    # A run that is gone is said by the page as a whole, which the figures have drawn anew.
    if drawn.shown == "queued" or not run.folder.is_dir():
        return
    metric, is_live = run.hyperparameters().valid_metric, drawn.shown in ACTIVE_STATES
    curves = cache.curves(run.id)
    drawn.best = curve_charts.best_row(curves)
    draw_curves(run, curves, metric, is_live=is_live)
    draw_log(run)


def draw_progress(run: Run, status: Status, curves: Curves, now: str) -> None:
    """Draw how far an active run has come, and what it does where no epoch says so."""
    progress = progress_of(status, curves)
    line, model = curves.judging, run.hyperparameters().model_name
    far = judged_so_far(line, model)
    judged = f"the {'best' if curves.bests else 'last'} weights are being judged on the test items"
    judged += far
    if state.job_service().is_stopping(run.id):
        text = f"Stopping: {judged}"
    elif not curves.train:
        text = f"Preparing: the data is being split and the baselines are being judged{far}"
    elif line is not None and line["part"] == VALIDATION:
        text = f"{progress.text}, validating{far}"
    elif progress.n_steps and progress.step >= progress.n_steps:
        text = f"All epochs are done; {judged}"
    elif now != "running":
        text = f"{progress.text}, paused"
    else:
        text = progress.text_with_rest
    st.progress(progress.share, text=text)


def _draw_live_figures(curves: Curves, best: dict[str, Any] | None, metric: str) -> None:
    value = best["metrics"][metric] if best else None
    ratio = _over_popularity(value, curves, metric)
    last = curves.train[-1] if curves.train else {}
    held = memory_bytes(curves)
    rate, norm = last.get("learning_rate"), last.get("grad_norm")
    figures = {
        "Training loss": number(last.get("loss"), 3),
        "Gradient norm": "–" if norm is None else f"{norm:.3g}",
        "Learning rate": "–" if rate is None else f"{rate:.2g}",
        "Sequences/s": number(speed(curves)),
        "Memory": size(held) if held else "–",
    }
    with st.grid(6, min_column_width=MIN_FIGURE_PX):
        st.metric(
            f"Best {metric_name(metric)}",
            metric_text(value),
            delta=None if ratio is None else f"{ratio:.2g}× popularity",
            delta_arrow="off",
            delta_color="normal" if ratio is None or ratio >= 1 else "inverse",
            height="stretch",
            border=True,
            help=metrics_help(),
        )
        for label, text in figures.items():
            st.metric(label, text, border=True, height="stretch")


def _over_popularity(value: float | None, curves: Curves, metric: str) -> float | None:
    """Return how many times popularity's score the best validation is."""
    popular = curves.baselines.get("popularity", {}).get(metric)
    return value / popular if value is not None and popular else None


def _draw_results(run: Run, status: Status) -> None:
    summary = run.summary()
    if summary is None:
        return
    metrics = summary.get("test", {})
    with st.grid(4, min_column_width=MIN_METRIC_PX):
        for metric in ("ndcg@10", "hr@10"):
            value = metric_text(metrics.get(metric))
            title = f"{metric_name(metric)} on test"
            st.metric(title, value, border=True, help=metrics_help())
        st.metric("Best epoch", _best_epoch(summary, status), border=True)
        # As the lists of runs tell it, which read no summary.
        st.metric("Training time", duration(status.trained_s), border=True)
    if few_words(summary.get("split")):
        st.warning(escape(few_words(summary["split"])), icon=":material/warning:")
    # There are summaries of a version that wrote none.
    if "report" in summary:
        _draw_report(run, summary)


def _best_epoch(summary: dict[str, Any], status: Status) -> str:
    n_done = summary["n_epochs_done"]
    if not n_done:
        return "none was whole"
    # Without a validation a summary names the last epoch, of which nothing says that it is best.
    best = "none" if status.best_score is None else number(summary["best_epoch"])
    return f"{best} of {number(n_done)}"


def _draw_report(run: Run, summary: dict[str, Any]) -> None:
    report = summary["report"]["test"]
    st.markdown(f"**{escape(final_finding(report))}**")
    _draw_final(run, report, "Test metrics")
    st.caption(
        f"{_held_out(report)}: {escape(asked_words(summary.get('split')))}, ranked among the "
        f"whole catalogue{escape(seen_words(summary))}; in brackets the 95% interval. "
        f"{number(summary['n_parameters'])} parameters, trained at "
        f"{number(summary['sequences_per_second'])} sequences per second."
    )
    if unseen := summary["report"].get("unseen_users"):
        st.markdown("**Users of whom nothing was trained on**")
        _draw_final(run, unseen, "Metrics on users of whom nothing was trained on")
        st.caption(f"{_held_out(unseen)}, ranked alike: how it does for users who are new to it.")


def _draw_final(run: Run, report: dict[str, Any], alt: str) -> None:
    """Draw what the model and the baselines reached on one part of the split."""
    model = run.hyperparameters().model_name
    table = final_table(report, model)
    first, *scorers = [Column(str(name), str(name)) for name in table.columns]
    columns = [first._replace(about=metrics_help().replace("**", "")), *scorers]
    draw_table(table, columns, alt=f"{alt} of {model} and the baselines")
    names = {NETWORK: model} | TITLES
    if said := narrow_words({names.get(key, key): told for key, told in report.items()}):
        st.caption(escape(said))


def _held_out(report: dict[str, Any]) -> str:
    return counted(report[NETWORK]["n_rows"], "held-out item")


def _draw_settings(run: Run) -> None:
    with folded(
        "Settings of this run", key=f"settings_{run.id}", icon=":material/tune:"
    ) as is_open:
        if is_open:
            st.caption("Frozen when it started; the form for new runs does not change them.")
            left, right = st.columns(2)
            with left:
                draw_frame(origins_table(run.hyperparameters()), hide_index=True)
            with right:
                draw_policy_out(run.policy(), f"{run.id}.yaml")
