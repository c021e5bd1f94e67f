"""Which settings of a search matter: scores against each of them, and their importance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import Choices
from bert4rec.search.trials import Trial, best_trial
from bert4rec.ui.search.search_charts import (
    MAX_POINTS,
    POINT,
    SERIES,
    color,
    names_in,
    shape,
    tooltip,
    y_axis,
)
from bert4rec.ui.search.trial_table import rounded, settings_words
from bert4rec.view.forms import form_fields
from bert4rec.view.setting_words import value_text
from bert4rec.view.vega import AXIS, PADDING_PX, Chart
from bert4rec.words import percent

# More of them on a small chart cannot be read.
MAX_TICKS = 7


def slice_charts(
    trials: Sequence[Trial], plan: SearchPlan, names: Sequence[str]
) -> dict[str, Chart]:
    """Return for each of the named settings, which vary, the scores against its values."""
    shown = [
        trial
        for trial in trials
        if trial.state in ("finished", "pruned") and trial.score is not None
    ][-MAX_POINTS:]
    return {name: _slice(shown, name, plan) for name in names}


def _slice(trials: Sequence[Trial], name: str, plan: SearchPlan) -> Chart:
    domain = plan.space[name]
    is_list = isinstance(domain, Choices)
    rows = [
        (
            value_text(trial.values.get(name), name) if is_list else trial.values.get(name),
            trial.score,
            SERIES[trial.state],
            trial.number + 1,
            settings_words(trial.values),
        )
        for trial in trials
        if name in trial.values
    ]
    points = pd.DataFrame(rows, columns=["x", "value", "series", "trial", "settings"])
    x: dict[str, Any] = {"field": "x", "title": form_fields()[name].title}
    if isinstance(domain, Choices):
        order = [value_text(value, name) for value in domain.values]
        x |= {"type": "ordinal", "sort": order, "axis": AXIS | {"labelAngle": 0}}
        x["scale"] = {"domain": order}
    else:
        kind = "log" if domain.is_log else "linear"
        x |= {"type": "quantitative", "axis": AXIS | {"tickCount": 4, "grid": False}}
        x["scale"] = {"type": kind, "nice": False, "padding": 10}
        x["scale"] |= {} if domain.is_log else {"zero": False}
        x["axis"] |= {"tickMinStep": 1} if domain.is_whole else {}
        tried = [float(trial.values[name]) for trial in trials if name in trial.values]
        if domain.is_log and tried:
            ticks = log_ticks(tried)
            x["scale"] |= {"domain": [ticks[0], ticks[-1]]}
            x["axis"] |= {"values": ticks, "format": "~g"}
    names = names_in(points)
    spec = {
        "padding": dict(PADDING_PX),
        "mark": dict(POINT),
        "encoding": {
            "x": x,
            "y": y_axis(plan.metric),
            "color": color(names),
            "shape": shape(names),
            "tooltip": tooltip(plan.metric),
        },
    }
    return Chart(points, spec)


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return the ticks 1, 2 and 5 of each power of ten around some values, tens alone if many.

    Example:
        >>> log_ticks([0.00107, 0.003]), log_ticks([1e-5, 0.1])
        ([0.001, 0.002, 0.005], [1e-05, 0.0001, 0.001, 0.01, 0.1])
    """
    powers = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    all_ = [float(f"{head}e{power}") for power in powers for head in (1, 2, 5)]
    first = max(at for at, tick in enumerate(all_) if tick <= min(values))
    last = min(at for at, tick in enumerate(all_) if tick >= max(values))
    few = all_[first : last + 1]
    if len(few) <= MAX_TICKS:
        return few if len(few) > 1 else all_[first : last + 2]
    return [float(f"1e{power}") for power in powers]


def slice_finding(trials: Sequence[Trial], name: str) -> str:
    """Return at which value of a setting the best trials are, in one sentence."""
    best = best_trial(list(trials))
    title = form_fields()[name].title
    if best is None:
        return f"{title}: no trial has finished yet."
    return f"{title}: the best trial has {value_text(rounded(best.values.get(name)), name)}."


def importance_chart(shares: Mapping[str, float]) -> Chart:
    """Draw the share of the scores' variance that each setting explains, as bars."""
    rows = [
        (f"{form_fields()[name].title}, {percent(share)}", share) for name, share in shares.items()
    ]
    points = pd.DataFrame(rows, columns=["setting", "share"])
    y = {"field": "setting", "type": "nominal", "sort": None, "title": None}
    x = {"field": "share", "type": "quantitative", "title": "Share of the differences in score"}
    spec = {
        "padding": dict(PADDING_PX),
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "y": y | {"axis": AXIS | {"labelLimit": 200}},
            "x": x | {"axis": AXIS | {"format": "%", "tickCount": 5}},
        },
    }
    return Chart(points, spec)


def importance_table(shares: Mapping[str, float]) -> pd.DataFrame:
    """Return what importance is drawn from, as a table."""
    rows = [(form_fields()[name].title, percent(share)) for name, share in shares.items()]
    return pd.DataFrame(rows, columns=["Setting", "Share of the differences in score"])


def importance_finding(shares: Mapping[str, float]) -> str:
    """Return which settings matter most, in one sentence."""
    if not any(shares.values()):
        return "The scores do not differ, so no setting can be told to matter."
    first, *others = [
        f"{form_fields()[name].title.lower()} ({percent(share)})" for name, share in shares.items()
    ]
    return f"{first[0].upper()}{first[1:]} matters most" + (
        f", then {others[0]}." if others else "."
    )
