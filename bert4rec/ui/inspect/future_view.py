"""Does the future matter here? The answer, its figures and its groups on the page."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from bert4rec.files import safe_name
from bert4rec.held_out.future_report import (
    BY_PLACE,
    BY_POPULARITY,
    ContextFigures,
    FutureReport,
    Gain,
)
from bert4rec.held_out.future_words import finding, group_words, limits, long_past_places
from bert4rec.plain_text import shortened
from bert4rec.ui.csv_button import draw_csv
from bert4rec.ui.reading_table import Column, count_column, draw_table
from bert4rec.ui.sequences.prediction_cards import BITS_HELP, CONTEXT_WORDS
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.inspect_charts import GAIN_TITLE, contexts_chart, gains_chart
from bert4rec.view.markdown import escape
from bert4rec.words import caption_of, counted, number

LONGEST_LABEL = 60
GAIN, LONG_GAIN = "Gain over the past", "Gain over a longer past"
METRICS = {"ndcg": "NDCG@10", "hr": "HR@10", "bits": "Bits"}
OWN_PROBABILITIES = "Told by the network's own probabilities, without a temperature."


def draw_report(report: FutureReport) -> None:
    """Draw what past, future and both find of hidden items, with intervals and groups."""
    st.markdown(f"**{escape(finding(report))}**")
    chart, figures = st.columns([2, 3], vertical_alignment="center")
    with chart:
        _draw_contexts(report)
    with figures:
        _draw_figures(report)
    _draw_groups(report)
    for text in limits(report):
        st.caption(escape(text))
    draw_csv(
        "Figures",
        f"future-{safe_name(report.dataset)}",
        lambda: plain_table(report),
        about="Each figure above with the ends of its interval, of all groups.",
    )


def figure_table(report: FutureReport) -> pd.DataFrame:
    """Return one row for each context and difference: its means with their intervals, in words."""
    rows = _figure_rows(report)
    return pd.DataFrame(
        {
            "what": [_with_places(report, name, one) for name, one in rows.items()],
            "ndcg": [one.ndcg.told() for one in rows.values()],
            "hr": [one.hr.told() for one in rows.values()],
            "bits": [one.bits.told(2) for one in rows.values()],
        }
    )


def _with_places(report: FutureReport, what: str, one: ContextFigures | Gain) -> str:
    """Return what a row is of, and of how many places where it is not of all."""
    some = long_past_places(report, one) if isinstance(one, Gain) else ""
    return f"{what}, {some}" if some else what


def plain_table(report: FutureReport) -> pd.DataFrame:
    """Return all figures on the page as plain numbers, one row each, for other tools.

    Returns:
        `by` and `group` of which places it is, both empty for all; `places`; `what`, a context or a
        difference; `metric`; `mean`, and the ends of its interval as `low` and `high`, empty for a
        context of a group, which has none.
    """
    found: list[dict[str, Any]] = []
    for what, one in _figure_rows(report).items():
        n = one.n_places if isinstance(one, Gain) else report.n_places
        all_places = {"by": "", "group": "", "places": n, "what": what}
        found += [
            all_places | {"metric": METRICS[name]} | asdict(getattr(one, name)) for name in METRICS
        ]
    for part in report.slices:
        some = {"by": part.by, "group": part.group, "places": part.n_places}
        some["metric"] = METRICS["ndcg"]
        found += [
            some | {"what": CONTEXT_WORDS[name], "mean": mean} for name, mean in part.ndcg.items()
        ]
        found.append(some | {"what": GAIN} | asdict(part.gain))
    columns = ["by", "group", "places", "what", "metric", "mean", "low", "high"]
    return pd.DataFrame(found, columns=columns)


def _figure_rows(report: FutureReport) -> dict[str, ContextFigures | Gain]:
    rows: dict[str, ContextFigures | Gain] = {
        CONTEXT_WORDS[name]: one for name, one in report.contexts.items()
    }
    rows[GAIN] = report.gain
    if report.over_long_past is not None:
        rows[LONG_GAIN] = report.over_long_past
    return rows


def _draw_contexts(report: FutureReport) -> None:
    table = pd.DataFrame(
        {
            "context": [CONTEXT_WORDS[name] for name in report.contexts],
            "ndcg": [one.ndcg.mean for one in report.contexts.values()],
            "low": [one.ndcg.low for one in report.contexts.values()],
            "high": [one.ndcg.high for one in report.contexts.values()],
        }
    )
    chart = contexts_chart(table)
    draw_vega(chart, alt=finding(report))


def _draw_figures(report: FutureReport) -> None:
    about = {"bits": f"{BITS_HELP} {OWN_PROBABILITIES}"}
    draw_table(
        figure_table(report),
        [
            Column("what", "Mean and 95% interval"),
            *(Column(name, title, about.get(name, "")) for name, title in METRICS.items()),
        ],
        alt="Metrics of the hidden items by context",
    )
    gain = report.gain
    st.caption(
        f"Of {counted(report.n_places, 'hidden item')} both sides rank {number(gain.n_better)} "
        f"better than the past alone, {number(gain.n_worse)} worse and {number(gain.n_equal)} the "
        "same."
    )


def _draw_groups(report: FutureReport) -> None:
    kinds = list(dict.fromkeys(one.by for one in report.slices))
    if not kinds:
        return
    chosen = st.segmented_control(
        "What the future adds, by",
        kinds,
        default=kinds[0],
        required=True,
        format_func=lambda kind: escape(shortened(caption_of(kind), LONGEST_LABEL)),
        key="inspect_future_by",
    )
    table = group_table(report, chosen if chosen in kinds else kinds[0])
    chart, figures = st.columns([2, 3], vertical_alignment="center")
    with chart:
        _draw_gains(table)
    with figures:
        contexts = [
            Column(name, CONTEXT_WORDS[name], words=partial(number, digits=3), is_number=True)
            for name in report.contexts
        ]
        draw_table(
            table,
            [
                Column("group", "Group"),
                count_column("places", "Places"),
                Column("added", "Added", f"{GAIN_TITLE}; 95% interval"),
                *contexts,
            ],
            alt="NDCG@10 of the hidden items by group and context, and what the future adds",
        )
    if chosen not in (BY_PLACE, BY_POPULARITY):
        st.caption("A hidden item counts in one group alone, its first where it has several.")


def group_table(report: FutureReport, by: str) -> pd.DataFrame:
    """Return one row for each group of a kind: places, NDCG@10 by context, gain with interval.

    The gain is there in words as well, `added`.
    """
    return pd.DataFrame(
        [
            {"group": shortened(group_words(by, one.group), LONGEST_LABEL), "places": one.n_places}
            | one.ndcg
            | {"added": one.gain.told()}
            | {"gain": one.gain.mean, "low": one.gain.low, "high": one.gain.high}
            for one in report.slices
            if one.by == by
        ]
    )


def _draw_gains(table: pd.DataFrame) -> None:
    chart = gains_chart(table)
    best = table.nlargest(1, "gain").iloc[0]
    most = f"most, {best['gain']:+.3f}, for {best['group']}"
    draw_vega(chart, alt=f"{GAIN_TITLE}, by group: {most}")
