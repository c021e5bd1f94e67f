"""Two to five runs beside each other: what differs in settings, what they reached; no Streamlit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bert4rec.baselines.titles import NETWORK
from bert4rec.data.split_record import ask_alike
from bert4rec.hyperparameters import unused_settings
from bert4rec.metrics import told_apart
from bert4rec.runs.curves import Curves
from bert4rec.view.forms import form_fields, is_followed
from bert4rec.view.run_figures import (
    FINAL_METRICS,
    FINER,
    VERDICTS,
    narrow_words,
    with_interval,
)
from bert4rec.view.run_table import RunRow
from bert4rec.view.setting_words import NOT_USED, setting_title, value_text
from bert4rec.view.vega import Chart
from bert4rec.words import metric_name, metric_text, number, unique_labels, when

MIN_COMPARED, MAX_COMPARED = 2, 5
ABSENT = "–"


def compared_ids(text: str) -> list[str]:
    """Return the ids that an address names, each once and no more than can be compared.

    Example:
        >>> compared_ids("a,b,,a, c")
        ['a', 'b', 'c']
    """
    ids = (part.strip() for part in text.split(","))
    return list(dict.fromkeys(filter(None, ids)))[:MAX_COMPARED]


def compared_labels(rows: Iterable[RunRow]) -> dict[str, str]:
    """Return what each run is called in the comparison, by id; no two the same.

    Runs of one name begin with when they were made: a legend cuts off the end.
    """
    rows = list(rows)
    counts = Counter(row.name for row in rows)
    return unique_labels(
        {
            row.run_id: f"{when(row.created_at)} · {row.name}" if counts[row.name] > 1 else row.name
            for row in rows
        }
    )


def settings_differences(rows: Sequence[RunRow], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return the settings in which runs differ, one column a run; what is the same is left out."""
    found = []
    if len({row.fingerprint for row in rows}) > 1:
        data = {labels[row.run_id]: f"{row.data} ({row.fingerprint[:8]})" for row in rows}
        found.append({"Setting": "Data"} | data)
    for name, values in _differing(rows).items():
        texts = (
            value if value in (ABSENT, NOT_USED) else value_text(value, name) for value in values
        )
        names = (labels[row.run_id] for row in rows)
        found.append({"Setting": setting_title(name)} | dict(zip(names, texts, strict=True)))
    return pd.DataFrame(found)


def _differing(rows: Sequence[RunRow]) -> dict[str, list[Any]]:
    """Return the values of each setting in which runs differ, one a run, by its name."""
    found = {}
    for name in form_fields():
        if is_followed(name, (row.settings for row in rows)):
            continue
        # A setting that an older version did not have yet.
        values = [_used_value(name, row.settings) for row in rows]
        if any(value != values[0] for value in values):
            found[name] = values
    return found


def _used_value(name: str, settings: Mapping[str, Any]) -> Any:
    return NOT_USED if name in unused_settings(settings) else settings.get(name, ABSENT)


def final_metrics(summaries: Mapping[str, dict[str, Any] | None]) -> pd.DataFrame:
    """Return the test metrics of runs, one column a run, intervals in brackets where known.

    Args:
        summaries: The runs' summaries by label; None where a run has not ended.
    """
    rows = []
    for metric in FINAL_METRICS:
        cells = {label: _final(summary, metric) for label, summary in summaries.items()}
        rows.append({"Metric": metric_name(metric)} | cells)
    return pd.DataFrame(rows)


def comparison_table(
    rows: Sequence[RunRow], summaries: Mapping[str, dict[str, Any] | None]
) -> pd.DataFrame:
    """Return runs as a table for programs, one line a run; what is not known is empty.

    Args:
        rows: The runs.
        summaries: Their summaries by id; None where a run has not ended.

    Returns:
        Whose line it is, the best value on the validation items, each metric on the test items
        with the ends of its interval where it has one, and the settings in which runs differ, by
        their names.
    """
    settings = {
        name: [None if value in (ABSENT, NOT_USED) else value for value in values]
        for name, values in _differing(rows).items()
    }
    lines = [
        _identity(row)
        | _judged_line(row, summaries[row.run_id] or {})
        | {name: values[at] for name, values in settings.items()}
        for at, row in enumerate(rows)
    ]
    # What only some have stands where the others have it too, before the settings.
    names = list(dict.fromkeys(name for line in lines for name in line if name not in settings))
    # Not as numbers, of which a whole one would become floating beside an empty cell.
    return pd.DataFrame(lines, columns=[*names, *settings], dtype=object)


def _identity(row: RunRow) -> dict[str, Any]:
    return {
        "run": row.name,
        "run_id": row.run_id,
        "state": row.state,
        "model": row.model,
        "data": row.data,
        "data_fingerprint": row.fingerprint,
        "created_at": row.created_at,
        "n_epochs_done": row.epoch,
        "trained_s": row.trained_s,
    }


def _judged_line(row: RunRow, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a run on the validation and on the test items, by metric."""
    line: dict[str, Any] = {"best_epoch": summary.get("best_epoch")}
    if row.metric:
        line[f"valid_{row.metric}"] = row.best
    found = _test_part(summary)
    line["n_test"] = found.get("n_rows")
    for metric, value in dict(found.get("metrics", {})).items():
        line[f"test_{metric}"] = value
        if metric in found.get("intervals", {}):
            low, high = found["intervals"][metric]
            line |= {f"test_{metric}_low": low, f"test_{metric}_high": high}
    return line


def _test_part(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a summary tells of the model on the test; of one without a report, metrics."""
    try:
        found: Mapping[str, Any] = summary["report"]["test"][NETWORK]
        for low, high in found.get("intervals", {}).values():
            float(low), float(high)
        dict(found["metrics"])
    except (AttributeError, KeyError, TypeError, ValueError):
        # Damaged, or of a version that wrote no report.
        return {"metrics": summary.get("test", {})}
    return found


def narrow_intervals(summaries: Mapping[str, dict[str, Any] | None]) -> str:
    """Return whose intervals are too narrow, see `narrow_words`; nothing where none is."""
    known = {label: judged(told, "ndcg@10") for label, told in summaries.items() if told}
    return narrow_words({label: one for label, one in known.items() if one is not None})


def judged(summary: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    """Return what a summary tells of the model on the test, where that has the metric in full."""
    try:
        found: dict[str, Any] = summary["report"]["test"][NETWORK]
        value, (low, high) = found["metrics"][metric], found["intervals"][metric]
        is_known = all(map(math.isfinite, (value, low, high, found["n_rows"])))
    except (KeyError, TypeError, ValueError):
        # Damaged, or of a version that wrote no report.
        return None
    return found if is_known else None


def _final(summary: dict[str, Any] | None, metric: str) -> str:
    if summary is None:
        return ABSENT
    try:
        return with_interval(summary["report"]["test"][NETWORK], metric)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # Damaged, or of a version that wrote no report.
        return metric_text(summary.get("test", {}).get(metric))


def final_difference(rows: Sequence[RunRow], summaries: Mapping[str, dict[str, Any] | None]) -> str:
    """Return whether the best run stands clearly above the next one; nothing where none is known.

    Args:
        rows: The runs.
        summaries: Their summaries by label; None where a run has not ended.
    """
    metric = common_metric(rows)
    ended = {label: summary for label, summary in summaries.items() if summary is not None}
    found = {label: judged(summary, metric) for label, summary in ended.items()}
    known = {label: one for label, one in found.items() if one is not None}
    # One that cannot be placed may be the best of all.
    if len(known) < max(MIN_COMPARED, len(ended)):
        return ""
    if not judged_alike([row for row in rows if row.test is not None], ended):
        return "They were judged on different test items, so their figures cannot be compared."
    first, second = sorted(known, key=lambda label: known[label]["metrics"][metric], reverse=True)[
        :2
    ]
    verdict = VERDICTS[told_apart(known[first], known[second], metric)]
    return f"By {metric_name(metric)}, {first} is {verdict} {second}. {FINER}"


def judged_alike(rows: Iterable[RunRow], summaries: Mapping[str, Mapping[str, Any] | None]) -> bool:
    """Whether runs are judged on the same items of the same data, as far as is known.

    Args:
        rows: The runs.
        summaries: Their summaries; None where a run has not ended.
    """
    is_one_data = len({row.fingerprint for row in rows}) <= 1
    return is_one_data and ask_alike(told for told in summaries.values() if told is not None)


def common_metric(rows: Sequence[RunRow]) -> str:
    """Return the metric to compare by: the one that chose the best epochs, if it is one."""
    chosen = {row.metric for row in rows}
    return chosen.pop() if len(chosen) == 1 else "ndcg@10"


def comparison_finding(curves: Mapping[str, Curves], metric: str, *, are_alike: bool = True) -> str:
    """Return which run is ahead on validation, in one sentence.

    Each by its best value of this metric: another one may have chosen the epoch that it uses. None
    is ahead where they are not judged on the same items.
    """
    lines = {label: found.scores(metric).points() for label, found in curves.items()}
    best = {
        label: max(line, key=lambda point: point.value) for label, line in lines.items() if line
    }
    if not best:
        return "None of them has been validated yet."
    ranked = sorted(best.items(), key=lambda found: found[1].value, reverse=True)
    told = ranked if are_alike else best.items()
    texts = (f"{label} ({metric_text(at.value)}, epoch {at.epoch})" for label, at in told)
    if are_alike or len(best) == 1:
        return f"Best {metric_name(metric)}: {', '.join(texts)}."
    return (
        f"Best {metric_name(metric)} of each: {', '.join(texts)}. They were judged on different"
        " validation items, so their figures cannot be compared."
    )


def curve_table(chart: Chart) -> pd.DataFrame:
    """Return the lines of runs in one chart as a table by epoch, the newest first.

    Of what lies within an epoch the last is told.
    """
    points = chart.points.assign(Epoch=np.ceil(chart.points["epoch"]).astype(int))
    lines = points.pivot_table(
        index="Epoch", columns="series", values="value", aggfunc="last", sort=False
    )
    # The epochs stay the index: a run may be called like any column.
    return lines.sort_index(ascending=False).rename_axis(columns=None)


def loss_comparison(curves: Mapping[str, Curves]) -> str:
    """Return the last training loss of each run, for lines that are its average."""
    last = {label: found.train[-1]["loss"] for label, found in curves.items() if found.train}
    if not last:
        return "None of them has trained a step yet."
    parts = ", ".join(f"{label} ({number(value, 3)})" for label, value in last.items())
    return f"Last training loss as measured: {parts}. The lines and their table are smoothed."
