"""One comparison on the page: scores, differences, slices, lists, cases, files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress

import pandas as pd
import streamlit as st

from bert4rec.comparing.comparison import Comparison
from bert4rec.comparing.figures import ALL_METRICS, MAIN_METRIC
from bert4rec.comparing.slicing import BY_CATEGORY
from bert4rec.errors import Bert4RecError
from bert4rec.metrics import LEAST_USERS
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.evaluate import comparison_charts as charts
from bert4rec.ui.evaluate.case_gallery import draw_cases
from bert4rec.ui.evaluate.comparison_rows import (
    best_first,
    score_finding,
    score_rows,
    with_intervals,
)
from bert4rec.ui.evaluate.comparison_tables import (
    Chosen,
    draw_files,
    draw_lists,
    draw_sampled,
    keep_valid,
    key_of,
)
from bert4rec.ui.evaluate.kept_comparisons import dataset_of, open_kept, split_words, tables_of
from bert4rec.ui.evaluate.verdict_card import draw_verdict
from bert4rec.ui.folded import folded
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.vega_charts import draw_vega
from bert4rec.view.markdown import escape
from bert4rec.view.metric_words import metrics_help
from bert4rec.words import counted, metric_name, metric_text, sentence, signed, unique_labels, when

PART_NAMES = {"test": "Test", "unseen_users": "Users held out whole"}
# Names of the address, and of what this visitor has chosen.
LINK_NAMES = ("part", "against", "metric", "by", "sort", "one", "other")
REMAINING_COLUMNS = (
    Column(
        "p",
        "Adjusted p",
        "By flipping signs, adjusted by Holm for the number of those that are held against the"
        " reference: larger than the interval beside it, which is of one difference alone, would"
        " suggest.",
        is_number=True,
    ),
    Column(
        "Users",
        "Better / worse / same",
        "Users to whom it gives more, less, as much.",
        is_number=True,
    ),
)
# On a phone names of the slices and of whom they are of take half of the height.
FOREST_ROW_PX, SLICES_PX = 44, 420
# Holds five names; those beyond its edge are not seen.
SHOWN_PX = 800
# Of a box in which a run is chosen.
NAME_PX = 420


def draw_report(comparison: Comparison, others: Iterable[str]) -> None:
    """Draw a comparison.

    Args:
        comparison: The comparison.
        others: Ids of further comparisons, of which those on the same dataset with another split
            are shown beside it.
    """
    _draw_heading(comparison)
    draw_verdict(comparison)
    chosen = _draw_choice(comparison)
    scores, differences, slices = tables_of(comparison, chosen.part, chosen.against)
    _draw_scores(comparison, chosen, scores, differences)
    _draw_slices(comparison, chosen, scores, slices)
    order = best_first(scores, chosen.metric)
    draw_lists(comparison, chosen, order)
    _draw_gallery(comparison, chosen, scores)
    _draw_other_splits(comparison, chosen, others)
    draw_sampled(comparison, chosen, order)
    tables = {"scores": scores, "differences": differences, "slices": slices}
    draw_files(comparison, chosen, tables | {"lists": comparison.lists(chosen.part)})


def _draw_heading(comparison: Comparison) -> None:
    facts = comparison.facts
    data = facts["dataset"]
    seen = "without" if facts["removes_seen"] else "with"
    st.caption(
        escape(
            f"{data['name']}: {counted(data['n_users'], 'user')},"
            f" {counted(data['n_items'], 'item')}."
            f" {sentence(facts['asked'])} Ranked among the whole catalogue, {seen} seen items"
            f" ({facts['seen_reason']}). {when(facts['created_at'])}."
        )
    )
    for one in facts["left_out"]:
        st.caption(escape(f"Left out: {one['name']}: {sentence(one['reason'])}"))


def _draw_choice(comparison: Comparison) -> Chosen:
    parts, keys = list(comparison.parts), list(comparison.entrants)
    keep_valid("part", parts, parts[0])
    keep_valid("against", keys, comparison.reference)
    keep_valid("metric", list(ALL_METRICS), MAIN_METRIC)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Hold all against",
            keys,
            key=key_of("against"),
            format_func=lambda key: comparison.entrants[key].title,
            width=NAME_PX,
            persist_state="session",
        )
        st.selectbox(
            "By",
            ALL_METRICS,
            key=key_of("metric"),
            format_func=metric_name,
            help=metrics_help(),
            width=140,
            persist_state="session",
        )
        if len(parts) > 1:
            st.segmented_control(
                "Whom",
                parts,
                key=key_of("part"),
                format_func=lambda part: PART_NAMES[part],
                required=True,
                persist_state="session",
            )
    chosen = Chosen(*(str(st.session_state[key_of(name)]) for name in LINK_NAMES[:3]))
    part = comparison.parts[chosen.part]
    drawn = f", drawn from {part.n_all:,}" if part.n_all > len(part.rows) else ""
    st.caption(f"{counted(len(part.rows), 'test case')}{drawn}, the same for everybody.")
    return chosen


def _draw_scores(
    comparison: Comparison, chosen: Chosen, scores: pd.DataFrame, differences: pd.DataFrame
) -> None:
    rows = score_rows(scores, differences, comparison.entrants, chosen.against, chosen.metric)
    finding = score_finding(rows, chosen.metric)
    st.markdown(f"##### {escape(finding)}", anchors=False)
    draw_table(
        with_intervals(rows),
        [
            Column("Who", "Who", below="Kind"),
            Column(
                "Score",
                metric_name(chosen.metric),
                "With its 95% interval, by bootstrap.",
                words=metric_text,
                is_number=True,
                below="Interval",
            ),
            Column("Verdict", "Verdict"),
            Column(
                "Difference",
                "Difference",
                "Paired, on the same users, with its 95% interval, by bootstrap.",
                words=signed,
                is_number=True,
                below="Its interval",
            ),
            *REMAINING_COLUMNS,
        ],
        alt=finding,
    )
    if differences.empty:
        return
    chart = charts.forest_chart(differences, comparison.entrants, chosen.metric)
    told = charts.forest_finding(chart, chosen.metric, comparison.entrants[chosen.against].title)
    height = 90 + FOREST_ROW_PX * len(chart.points)
    draw_vega(chart, height=height, alt=told)
    st.caption(escape(f"{told} Lines are 95% intervals; one that crosses 0 may be chance."))


def _draw_slices(
    comparison: Comparison, chosen: Chosen, scores: pd.DataFrame, slices: pd.DataFrame
) -> None:
    if slices.empty:
        return
    kinds, entrants = list(dict.fromkeys(slices["by"])), comparison.entrants
    slices = charts.worded_slices(slices)
    keep_valid("by", kinds, kinds[0])
    st.subheader("Where they differ", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.segmented_control(
            "Slices by",
            kinds,
            key=key_of("by"),
            format_func=str.capitalize,
            required=True,
            persist_state="session",
        )
        usual = charts.shown_by_default(scores, entrants, chosen.against, chosen.metric)
        shown = st.multiselect(
            "Show",
            list(entrants),
            default=usual,
            key=f"evaluate_shown_{comparison.id}_{chosen.against}",
            format_func=lambda key: entrants[key].title,
            max_selections=charts.MAX_SHOWN,
            width=SHOWN_PX,
        )
    if not shown or not by:
        st.caption("Choose whom to show.")
        return
    models = [key for key in shown if entrants[key].kind == "run"] or shown
    rivals = [key for key in shown if key != models[0]] or models
    held = slices
    if chosen.against not in (models[0], rivals[0]):
        held = charts.worded_slices(tables_of(comparison, chosen.part, models[0])[2])
    told = charts.slice_finding(held, entrants, by, models[0], rivals[0])
    chart = charts.slice_chart(slices, entrants, by, shown)
    draw_vega(chart, height=SLICES_PX, alt=told)
    several = " A test case counts in each category of its item." if by == BY_CATEGORY else ""
    if charts.has_arrows(chart.points):
        several += (
            f" ↑ goes on beyond the scale, which is that of slices of {LEAST_USERS} test cases or"
            " more; the pointer tells how far."
        )
    st.caption(
        escape(
            f"{told} Clearly: the 95% interval of the difference is clear of 0, as that of one"
            " slice in twenty is by chance alone. In brackets the number of test cases; lines are"
            f" 95% intervals of each.{several}"
        )
    )
    with folded("As a table", key=f"evaluate_slices_{by}") as is_open:
        if is_open:
            table = charts.slice_rows(slices, entrants, by, shown)
            numbers = {
                name: st.column_config.NumberColumn(format="%.4f") for name in table.columns[2:]
            }
            draw_frame(table, hide_index=True, column_config=numbers, placeholder="–", alt=told)


def _draw_gallery(comparison: Comparison, chosen: Chosen, scores: pd.DataFrame) -> None:
    keys = list(comparison.entrants)
    if len(keys) < 2:
        return
    st.subheader("Wins and losses", anchor=False)
    dataset = dataset_of(comparison)
    if dataset is None:
        st.caption("The dataset is gone, so that histories and titles cannot be shown.")
        return
    ordered = charts.shown_by_default(scores, comparison.entrants, chosen.against, chosen.metric)
    models = [key for key in keys if comparison.entrants[key].kind == "run"]
    first = chosen.against if chosen.against in models else models[0]
    keep_valid("one", keys, first)
    rivals = [key for key in [*ordered, *keys] if key != st.session_state[key_of("one")]]
    keep_valid("other", keys, rivals[0])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, label in (("one", "Of"), ("other", "Beside")):
            st.selectbox(
                label,
                keys,
                key=key_of(name),
                format_func=lambda key: comparison.entrants[key].title,
                width=NAME_PX,
                persist_state="session",
            )
    one, other = (str(st.session_state[key_of(name)]) for name in ("one", "other"))
    draw_cases(comparison, dataset, chosen.part, one, other)


def _draw_other_splits(comparison: Comparison, chosen: Chosen, others: Iterable[str]) -> None:
    """Draw figures of other splits beside these, each of its own users; nothing is paired."""
    shown = {_split_key(comparison): comparison}
    for other_id in others:
        # A damaged one is told of where it is chosen.
        with suppress(Bert4RecError):
            other = open_kept(other_id)
            if _fingerprint(other) == _fingerprint(comparison):
                shown.setdefault(_split_key(other), other)
    judged = {one.id: one for one in shown.values() if "test" in one.parts}
    labels = unique_labels({key: _split_label(one) for key, one in judged.items()})
    tables = {labels[key]: _named_scores(one, chosen) for key, one in judged.items()}
    if len(tables) < 2:
        return
    st.subheader("Under other splits", anchor=False)
    table = pd.DataFrame(tables).sort_values(next(iter(tables)), ascending=False)
    table = table.reset_index(names="Who")
    what = f"{metric_name(chosen.metric)} under each split"
    columns = [Column(name, name, words=metric_text, is_number=True) for name in tables]
    draw_table(table, [Column("Who", "Who"), *columns], alt=what)
    st.caption(
        f"{what}. Each is of its own test cases and its own training, so no difference is taken "
        "across; models differ by run. A split by time lets nothing of the future train."
    )


def _split_key(comparison: Comparison) -> str:
    return json.dumps(comparison.facts["split"], sort_keys=True)


def _fingerprint(comparison: Comparison) -> str:
    return str(comparison.facts["dataset"]["fingerprint"])


def _split_label(comparison: Comparison) -> str:
    n_cases = len(comparison.parts["test"].rows)
    return f"{split_words(comparison.facts)}, {counted(n_cases, 'test case')}"


def _named_scores(comparison: Comparison, chosen: Chosen) -> pd.Series:
    scores, _, _ = tables_of(comparison, "test", comparison.reference)
    found = scores[scores["metric"] == chosen.metric].set_index("entrant")["value"]
    return found.rename({key: one.title for key, one in comparison.entrants.items()})
