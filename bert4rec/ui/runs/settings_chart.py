"""Many runs at once: their settings against what they reached, as parallel axes; no Streamlit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.view.forms import form_fields, is_followed
from bert4rec.view.run_table import RunRow
from bert4rec.view.setting_words import value_text
from bert4rec.words import METRIC_DIGITS, counted, metric_name, metric_text, number

MIN_RUNS = 4
MAX_AXES = 7
# On the axis of scores.
N_TICKS = 5
# A number that spans more than this is drawn on a logarithmic axis.
LOG_SPAN = 30.0
# Labels that are nearer than this share of an axis would cover each other.
TICK_SHARE = 0.06
HEIGHT = 360
# Cividis without the end that the background would swallow; the best run stands out on both.
# Lines are a hair wide, so no colour is paler than three to one.
SCALES = {"light": ["#9A8B45", "#707173", "#00224E"], "dark": ["#7A8196", "#A59C74", "#FEE838"]}
# Plotly draws the axes themselves in black, and lets nobody choose.
AXIS_COLORS = {"light": "#59636E", "dark": "#A7B0BA"}
TEXT_COLORS = {"light": "#0F1720", "dark": "#E6E9ED"}


def _ended_rows(rows: Iterable[RunRow]) -> list[RunRow]:
    """Return the runs that have ended.

    What still trains cannot be held against the others, and would take back at each validation
    what was dragged along an axis: Streamlit makes a chart anew when its data change.
    """
    return [row for row in rows if row.problem is None and row.state not in ACTIVE_STATES]


def comparable_rows(rows: Iterable[RunRow]) -> list[RunRow]:
    """Return the ended runs judged as most of them: by the same metric, on the same items."""
    judged = [row for row in _ended_rows(rows) if row.best is not None]
    if not judged:
        return []
    (usual, _), *_ = Counter(map(_judged_by, judged)).most_common(1)
    return [row for row in judged if _judged_by(row) == usual]


def left_out_words(rows: Iterable[RunRow]) -> str:
    """Return how many ended runs are none of those, and why; nothing where none is left out."""
    ended = _ended_rows(rows)
    n_unknown = sum(row.best is None for row in ended)
    n_otherwise = len(ended) - n_unknown - len(comparable_rows(ended))
    counts = {"not validated": n_unknown, "judged by another metric or on other items": n_otherwise}
    told = [f"{counted(n, 'run')} {why}" for why, n in counts.items() if n]
    return f"Left out: {', '.join(told)}." if told else ""


def _judged_by(row: RunRow) -> tuple[Any, ...]:
    """Return the metric, what is held out, and from what it is told apart.

    A setting that does nothing beside the others is left out.
    """
    values = row.settings
    split, sample = values.get("split_strategy"), values.get("sample_strategy")
    extent = {"last_k": "held_out_items", "global_time": "held_out_share"}.get(str(split), "")
    users = (sample, values.get("sample_ratio"), values.get("sample_seed")) if sample else ()
    return (row.metric, split, values.get(extent), users, values.get("seen_items"))


def varied_settings(rows: Sequence[RunRow]) -> list[str]:
    """Return the names of the settings in which runs differ, in the order of the form."""
    return [
        name
        for name in form_fields()
        if len({row.settings.get(name) for row in rows}) > 1
        and name != "seed"
        and not is_followed(name, (row.settings for row in rows))
    ]


def settings_figure(rows: Sequence[RunRow], theme: str) -> go.Figure:
    """Draw each run as a line across settings that vary, to its best value on validation.

    There are axes for the first of them, as many as can be read.

    Args:
        rows: The runs.
        theme: light or dark.
    """
    names, best = varied_settings(rows)[:MAX_AXES], [float(row.best or 0) for row in rows]
    settings = [row.settings for row in rows]
    return axes_figure(names, settings, best, f"Best {metric_name(rows[0].metric)}", theme)


def axes_figure(
    names: Sequence[str],
    settings: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    title: str,
    theme: str,
) -> go.Figure:
    """Draw sets of settings as lines across some of them, to the score that each reached.

    Args:
        names: The settings that have an axis.
        settings: Values by name, one mapping a line.
        scores: What each reached.
        title: Title of the last axis.
        theme: light or dark.
    """
    axes = [_axis(name, [values.get(name) for values in settings]) for name in names]
    axes.append(_score_axis(title, scores))
    figure = go.Figure(
        go.Parcoords(
            dimensions=axes,
            line={"color": list(scores), "colorscale": SCALES[theme], "showscale": False},
            labelfont={"size": 13, "color": TEXT_COLORS[theme]},
            tickfont={"size": 12, "color": TEXT_COLORS[theme]},
            rangefont={"size": 12, "color": TEXT_COLORS[theme]},
        )
    )
    for place in range(len(axes)):
        figure.add_shape(_upright(place / (len(axes) - 1), theme))
    figure.update_layout(height=HEIGHT, margin={"l": 70, "r": 70, "t": 60, "b": 24})
    return figure


def _score_axis(title: str, scores: Sequence[float]) -> dict[str, Any]:
    """Return an axis with labels of our own: Plotly's would stand over those of its ends."""
    low, span = min(scores), max(scores) - min(scores)
    digits = METRIC_DIGITS
    if span > 0:
        # As many as tell some ten places between the lowest and the highest apart.
        digits = min(max(METRIC_DIGITS, math.ceil(1 - math.log10(span))), 6)
    places = [low + span * at / (N_TICKS - 1) for at in range(N_TICKS)] if span > 0 else [low]
    return {
        "label": title,
        "values": list(scores),
        "tickvals": places,
        "ticktext": [number(place, digits) for place in places],
    }


def _upright(x: float, theme: str) -> dict[str, Any]:
    """Return a line from the bottom of the figure to its top."""
    line = {"color": AXIS_COLORS[theme], "width": 1.5}
    ends = {"x0": x, "x1": x, "y0": 0, "y1": 1}
    return {"type": "line", "xref": "paper", "yref": "paper", "line": line, **ends}


def _axis(name: str, values: list[Any]) -> dict[str, Any]:
    """Return an axis: evenly spaced for words, by size for numbers, by magnitude for wide ones."""
    label = _title(name)
    if not all(_is_number(value) for value in values):
        texts = [value_text(value, name) for value in values]
        words = sorted(set(texts))
        places = [words.index(text) for text in texts]
        return {
            "label": label,
            "values": places,
            "tickvals": list(range(len(words))),
            "ticktext": words,
        }
    # 0.1 x 3 and 0.3 are one place.
    few = sorted({float(f"{value:.12g}") for value in values})
    is_wide = few[0] > 0 and few[-1] / few[0] > LOG_SPAN
    scaled = [math.log10(value) if is_wide else value for value in values]
    shown = few if len(few) <= MAX_AXES else [few[0], few[len(few) // 2], few[-1]]
    ticks = _apart({math.log10(value) if is_wide else value: value for value in shown})
    return {
        "label": label,
        "values": scaled,
        "tickvals": list(ticks),
        "ticktext": [_short(value) for value in ticks.values()],
    }


def _apart(ticks: Mapping[float, float]) -> dict[float, float]:
    """Return the first, the last and what lies far enough from its neighbours to be read."""
    *inner, last = ticks
    least = TICK_SHARE * (last - min(ticks))
    kept: list[float] = []
    for place in inner:
        if not kept or (place - kept[-1] >= least and last - place >= least):
            kept.append(place)
    return {place: ticks[place] for place in [*kept, last]}


def _short(value: float) -> str:
    """Return a number as a person reads it, a broken one with three digits."""
    return value_text(int(value) if value == int(value) else float(f"{value:.3g}"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _title(name: str) -> str:
    """Return the title of a setting; that of epochs says that a run may end before."""
    return "Epochs at most" if name == "n_epochs" else form_fields()[name].title


def titles_of_numbers(rows: Sequence[RunRow]) -> list[str]:
    """Return the titles of those settings of the table that are numbers in all runs."""
    return [
        _title(name)
        for name in varied_settings(rows)
        if all(_is_number(row.settings.get(name)) for row in rows)
    ]


def results_table(rows: Sequence[RunRow]) -> pd.DataFrame:
    """Return the same as a table, the best run first."""
    names = varied_settings(rows)
    return pd.DataFrame(
        [
            {"Run": row.name}
            | {_title(name): value_text(row.settings.get(name), name) for name in names}
            | {f"Best {metric_name(row.metric)}": row.best}
            for row in sorted(rows, key=lambda row: row.best or 0, reverse=True)
        ]
    )


def settings_finding(rows: Sequence[RunRow]) -> str:
    """Return which run is best and with which settings, in one sentence."""
    best = max(rows, key=lambda row: row.best or 0)
    names = varied_settings(rows)
    parts = [
        f"{_title(name).lower()} {value_text(best.settings.get(name), name)}"
        for name in names[:MAX_AXES]
    ]
    if len(names) > MAX_AXES:
        parts.append(f"and {len(names) - MAX_AXES} more, in the table")
    text = f"Best of {len(rows):,}: {best.name} with {metric_name(best.metric)}"
    return f"{text} {metric_text(best.best)}" + (f" ({', '.join(parts)})." if names else ".")
