"""The parts of a report as charts and rows, ready to be put into its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup

from bert4rec.baselines.titles import NETWORK
from bert4rec.held_out.future_report import FutureReport
from bert4rec.report.charts import (
    Interval,
    Key,
    axis_marks,
    interval_marks,
)
from bert4rec.report.collect import DataGroup
from bert4rec.report.facts import Judged, RunFacts
from bert4rec.report.findings import rule_name, share
from bert4rec.report.text import clean
from bert4rec.view.metric_words import METRIC_WORDS
from bert4rec.words import POPULARITY_WORDS, counted, metric_name, metric_text, ranged

TABLE_METRICS = ("hr@1", "hr@5", "hr@10", "hr@20", "ndcg@10", "mrr@10")
RULE_KEYS = {"transitions": ("rule0", "dashed"), "popularity": ("rule1", "dotted")}
CONTEXT_KEYS = {
    "past": Key("The past alone", "rule0", "dashed"),
    "future": Key("The future alone", "rule1", "dotted"),
    "both": Key("Both sides", "run0"),
}


class Row(NamedTuple):
    """A line of a chart whose texts stand beside it.

    Args:
        label: What it is about.
        text: Its figures.
        marks: The drawing.
        key: Whose line it is; None where it holds several marks.
    """

    label: str
    text: str
    marks: Markup
    key: Key | None = None


@dataclass(frozen=True)
class RowChart:
    """Lines over one axis from zero.

    Args:
        title: Above it.
        words: What is drawn, in plain words.
        rows: The lines.
        axis: Places, in per cent, and texts of its ticks.
        keys: Its legend; empty where each row says what it is.
    """

    title: str
    words: str
    rows: tuple[Row, ...]
    axis: Sequence[tuple[float, str]]
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Scored:
    """A scorer of the result charts: a run or a simple rule."""

    key: Key
    judged: Judged


def run_key(runs: Sequence[RunFacts], one: RunFacts) -> Key:
    """Return the key of a run: its colour is its place in the report."""
    return Key(clean(one.label, 40), f"run{runs.index(one)}")


def scored(
    group: DataGroup,
    runs: Sequence[RunFacts],
    part: Callable[[RunFacts], Mapping[str, Judged]],
) -> list[Scored]:
    """Return the runs of a group that were judged on a part, and each simple rule once.

    A rule that reached different figures in different runs, as where they hold out other items, is
    there for each of them.
    """
    judged = [(one, part(one)) for one in group.runs if NETWORK in part(one)]
    found = [Scored(run_key(runs, one), told[NETWORK]) for one, told in judged]
    known = [*RULE_KEYS, *(name for _, told in judged for name in told if name != NETWORK)]
    names = [name for name in dict.fromkeys(known) if any(name in told for _, told in judged)]
    for name in names:
        colour, dash = RULE_KEYS.get(name, ("rule2", "dotted"))
        versions: list[tuple[RunFacts, Judged]] = []
        for one, told in judged:
            theirs = told.get(name)
            if theirs and all(theirs.metrics != other.metrics for _, other in versions):
                versions.append((one, theirs))
        for one, theirs in versions:
            of_run = f" ({clean(one.label, 24)})" if len(versions) > 1 else ""
            found.append(Scored(Key(rule_name(name) + of_run, colour, dash), theirs))
    return found


def metric_charts(found: Sequence[Scored]) -> Iterator[RowChart]:
    """Draw the main metrics with their intervals, one chart each."""
    for metric, (name, words) in METRIC_WORDS.items():
        told = [one for one in found if metric in one.judged.metrics]
        if not told:
            continue
        intervals = [_interval(one, metric) for one in told]
        highest = _highest(intervals)
        rows = [
            Row(one.key.name, _interval_text(one), interval_marks([one], highest), one.key)
            for one in intervals
        ]
        yield RowChart(f"{name} ({metric_name(metric)})", words, tuple(rows), axis_marks(highest))


def _interval(one: Scored, metric: str) -> Interval:
    low, high = one.judged.intervals.get(metric, (None, None))
    return Interval(one.key, one.judged.metrics[metric], low, high)


def _interval_text(one: Interval) -> str:
    if one.low is None or one.high is None:
        return metric_text(one.value)
    return ranged(one.value, one.low, one.high)


def _highest(intervals: Sequence[Interval]) -> float:
    ends = [max(one.value, one.high or 0.0) for one in intervals]
    return max(max(ends, default=0.0) * 1.05, 1e-6)


def slice_charts(found: Sequence[Scored]) -> Iterator[RowChart]:
    """Draw the hit rate by slices of the test items, one chart for each way to slice."""
    told = [(one, part) for one in found for part in one.judged.slices]
    for by in dict.fromkeys(str(part["by"]) for _, part in told):
        inside = [(one, part) for one, part in told if part["by"] == by]
        highest = max(max(float(part["hr@10"]) for _, part in inside) * 1.05, 1e-6)
        rows = []
        for label in dict.fromkeys(str(part["slice"]) for _, part in inside):
            parts = [(one, part) for one, part in inside if part["slice"] == label]
            # What is drawn last lies on top: the runs.
            marks = [Interval(one.key, float(part["hr@10"])) for one, part in reversed(parts)]
            n_rows = int(parts[0][1]["n_rows"])
            text = counted(n_rows, "test item")
            shown = POPULARITY_WORDS.get(label, label)
            rows.append(Row(shown, text, interval_marks(marks, highest)))
        yield RowChart(
            f"By {by}",
            "Hit rate among ten, for parts of the test items. Small parts vary by chance.",
            tuple(rows),
            axis_marks(highest),
            tuple(one.key for one in found if any(one is other for other, _ in inside)),
        )


def metric_table(found: Sequence[Scored]) -> list[tuple[str, list[str]]]:
    """Return the metrics of each scorer as text, in the order of `TABLE_METRICS`."""
    return [
        (one.key.name, [metric_text(one.judged.metrics.get(name)) for name in TABLE_METRICS])
        for one in found
    ]


def list_rows(found: Sequence[Scored]) -> list[tuple[str, str, str, str]]:
    """Return what the lists of each scorer are like: reach, rarity, share of popular items."""
    rows = []
    for one in found:
        lists = one.judged.lists
        if {"coverage@10", "novelty@10", "popular_share@10"} <= lists.keys():
            rarity = f"1 in {2 ** min(lists['novelty@10'], 50.0):,.0f}"
            reach, popular = share(lists["coverage@10"]), share(lists["popular_share@10"])
            rows.append((one.key.name, reach, rarity, popular))
    return rows


def context_chart(found: FutureReport) -> RowChart:
    """Draw what past, future and both give for a hidden item."""
    told = {name: figures.ndcg for name, figures in found.contexts.items()}
    intervals = [
        Interval(CONTEXT_KEYS[name], ndcg.mean, ndcg.low, ndcg.high) for name, ndcg in told.items()
    ]
    highest = _highest(intervals)
    rows = [
        Row(one.key.name, _interval_text(one), interval_marks([one], highest), one.key)
        for one in intervals
    ]
    name = METRIC_WORDS["ndcg@10"][0]
    words = f"{name} of the hidden item, by what the model was shown."
    return RowChart("What each side gives", words, tuple(rows), axis_marks(highest))


def titles_of(group: DataGroup) -> Mapping[int, str]:
    """Return the titles of items by index, fit to be shown."""
    gallery, vocabulary = group.gallery, group.dataset.vocabulary if group.dataset else None
    if gallery is None or vocabulary is None:
        return {}
    examples = [*gallery.nexts, *gallery.middles]
    shown = {item for one in examples for item in (*one.before, one.true_idx, *one.after)}
    shown |= {e.item_idx for one in examples for guess in one.guesses for e in guess.entries}
    return {item: clean(vocabulary.title(item)) for item in shown}
