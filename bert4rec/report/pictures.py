"""The curves, histograms and maps of a report, drawn from runs and their data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bert4rec.data.profile import few_points
from bert4rec.report.charts import (
    Chart,
    Curve,
    Key,
    histogram,
    line_chart,
    share_curve,
)
from bert4rec.report.collect import DataGroup
from bert4rec.report.facts import RunFacts
from bert4rec.report.findings import (
    length_finding,
    map_finding,
    popularity_finding,
    rule_name,
)
from bert4rec.report.item_map import N_NAMED, ItemGroup, ItemMap
from bert4rec.report.point_map import PointGroup, point_map
from bert4rec.report.sections import RULE_KEYS
from bert4rec.report.text import clean
from bert4rec.runs.curves import Curves
from bert4rec.view.curve_charts import OVERLAY_SMOOTHING, best_row, guessing_loss
from bert4rec.view.curve_findings import loss_finding, metric_finding
from bert4rec.view.group_colours import shape_at
from bert4rec.view.run_comparison import comparison_finding, loss_comparison
from bert4rec.words import metric_name

# Points of a curve: more than a chart of this width can show.
MAX_POINTS = 240
POPULAR_SHARE = 0.2


def training_charts(runs: Sequence[RunFacts], keys: Sequence[Key]) -> list[Chart]:
    """Draw validation and loss of runs over the epochs; what was not measured is left out.

    Args:
        runs: The runs.
        keys: One a run.
    """
    charts = (_valid_chart(runs, keys), _loss_chart(runs, keys))
    return [chart for chart in charts if chart is not None]


def _valid_chart(runs: Sequence[RunFacts], keys: Sequence[Key]) -> Chart | None:
    metrics = {str(one.config["effective_settings"].get("valid_metric")) for one in runs}
    metric = metrics.pop() if len(metrics) == 1 else "ndcg@10"
    curves = []
    for one, key in zip(runs, keys, strict=True):
        best = best_row(one.curves)
        marked = [(best["epoch"], best["metrics"][metric])] if best else []
        places = [(p.epoch, p.value) for p in one.curves.scores(metric).points(MAX_POINTS)]
        curves += [Curve(key, places, marked)] if places else []
    if not curves:
        return None
    ends = [x for curve in curves for x, _ in curve.points]
    curves += _levels(runs, metric, 0.0, max(ends))
    if len(runs) == 1:
        finding = metric_finding(runs[0].curves, metric)
    else:
        finding = comparison_finding(_by_name(runs, keys), metric)
    return line_chart(
        f"{metric_name(metric)} on the validation items",
        curves,
        f"{finding} The ring marks the epoch that is used.",
        titles=("Epoch", metric_name(metric)),
        from_zero=True,
    )


def _by_name(runs: Sequence[RunFacts], keys: Sequence[Key]) -> dict[str, Curves]:
    return {key.name: one.curves for one, key in zip(runs, keys, strict=True)}


def _levels(runs: Sequence[RunFacts], metric: str, low: float, high: float) -> list[Curve]:
    """Return the simple rules as level lines, where all runs agree on them."""
    curves = []
    for name, (colour, dash) in RULE_KEYS.items():
        values = {one.curves.baselines.get(name, {}).get(metric) for one in runs}
        value = values.pop() if len(values) == 1 else None
        if value is not None:
            key = Key(rule_name(name), colour, dash)
            curves.append(Curve(key, [(low, value), (high, value)]))
    return curves


def _loss_chart(runs: Sequence[RunFacts], keys: Sequence[Key]) -> Chart | None:
    curves = []
    for one, key in zip(runs, keys, strict=True):
        average = one.curves.line("loss").smoothed(OVERLAY_SMOOTHING, MAX_POINTS)
        places = [(point.epoch, point.value) for point in average]
        curves += [Curve(key, places)] if places else []
    if not curves:
        return None
    guess = guessing_loss(runs[0].curves) if len(runs) == 1 else None
    if guess is not None:
        high = max(x for x, _ in curves[0].points)
        curves.append(Curve(Key("Guessing", "rule1", "dotted"), [(0, guess), (high, guess)]))
    if len(runs) == 1:
        finding = f"{loss_finding(runs[0].curves)} Lower is better; the line is smoothed."
    else:
        finding = (
            f"{loss_comparison(_by_name(runs, keys))} Different kinds of loss cannot be compared."
        )
    return line_chart("Training loss", curves, finding, titles=("Epoch", "Loss"))


def data_charts(group: DataGroup) -> list[Chart]:
    """Draw lengths of histories and popularity of items."""
    found = group.profile
    if found is None:
        return []
    is_log = found.ratio_histogram is not None
    edges, counts = found.ratio_histogram or found.length_histogram
    items, held = found.popularity_curve
    share_held = float(np.interp(POPULAR_SHARE, items, held))
    rows = few_points(len(items), MAX_POINTS)
    points = [(100 * float(items[row]), 100 * float(held[row])) for row in rows]
    return [
        histogram(
            "How long histories are",
            # An edge belongs to the bin above it: a bin of one length stands over that length.
            (edges - 0.5).tolist(),
            counts.tolist(),
            length_finding(group),
            titles=("Items in a history" + (", logarithmic" if is_log else ""), "People"),
            is_log=is_log,
        ),
        share_curve(
            "How popular items are",
            points,
            (100 * POPULAR_SHARE, 100 * share_held),
            popularity_finding(share_held),
            titles=("Share of the items, most popular first", "Share of all choices"),
        ),
    ]


def map_chart(title: str, found: ItemMap, titles: Sequence[str], counts: np.ndarray) -> Chart:
    """Draw a map of items.

    Args:
        title: Of the chart.
        found: The map.
        titles: Of items 1..N.
        counts: How often each occurs, (N,).
    """
    groups = []
    for group in found.groups:
        idx = found.item_idx[group.rows]
        known = np.argsort(-counts[idx - 1], kind="stable")[: N_NAMED if group.name else 0]
        groups.append(
            PointGroup(
                _group_key(group),
                found.points[group.rows],
                [clean(titles[at - 1]) for at in idx],
                [(int(row), clean(titles[idx[row] - 1], 24)) for row in known],
            )
        )
    # The grey ones first, so that they hide no other.
    groups.sort(key=lambda group: group.key.colour != "others")
    chart = point_map(title, groups, map_finding(found))
    keys = sorted(chart.keys, key=lambda key: key.colour == "others")
    return Chart(chart.title, chart.drawing, chart.finding, tuple(keys))


def _group_key(group: ItemGroup) -> Key:
    if not group.name:
        return Key("Others", "others", "dot")
    dash = "diamond" if shape_at(group.place) == "diamond" else "dot"
    return Key(clean(group.name, 40), f"group{group.place}", dash)
