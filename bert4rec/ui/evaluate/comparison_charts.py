"""A comparison as charts, each with its finding in one sentence; no Streamlit.

Who is better is told by words and by the place of a mark, not by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bert4rec.comparing.plan import Entrant
from bert4rec.comparing.slicing import BY_POPULARITY
from bert4rec.metrics import LEAST_USERS
from bert4rec.ui.evaluate.comparison_rows import VERDICTS, best_first, p_words, verdict_of
from bert4rec.view.vega import AXIS, PADDING_PX, Chart, joining, legend_of, names_within, told_names
from bert4rec.words import POPULARITY_WORDS, counted, metric_name, metric_text, signed

VERDICT_SHAPES = ("triangle-up", "triangle-down", "circle")
# Grey that can be seen on light and dark.
NEUTRAL_COLOR = "#8A939D"
# The same on a light and a dark page, and apart under colour blindness.
VERDICT_COLORS = ("#2E86C6", "#C8582F", NEUTRAL_COLOR)
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
# Names of rows: so wide at most, and as a share of the chart.
MAX_LABEL_PX, LABEL_SHARE = 240, 0.4
# What the name of a slice takes beside others.
SLICE_PX = 100
# Entrants beside each other in a chart of slices; more cannot be told apart.
MAX_SHOWN = 5
# Slices of fewer test cases set no scale where theirs is larger by more than this.
MOST_PRESSED = 1.25
# Points up, and is none of the signs of who.
ARROW = "M0,1V-1M-0.6,-0.2L0,-1L0.6,-0.2"


def forest_chart(differences: pd.DataFrame, entrants: Mapping[str, Entrant], metric: str) -> Chart:
    """Draw each entrant's paired difference from the reference with its interval."""
    chosen = differences[differences["metric"] == metric]
    chosen = chosen.sort_values("mean", ascending=False, kind="stable")
    points = pd.DataFrame(
        {
            "who": [entrants[key].title for key in chosen["entrant"]],
            "mean": chosen["mean"].to_numpy(),
            "low": chosen["low"].to_numpy(),
            "high": chosen["high"].to_numpy(),
            "p": [p_words(float(p)) for p in chosen["p_holm"]],
            "verdict": [
                verdict_of(float(mean), float(p))
                for mean, p in zip(chosen["mean"], chosen["p_holm"], strict=True)
            ],
        }
    )
    y: dict[str, Any] = {"field": "who", "type": "nominal", "sort": None, "title": None}
    y |= {"axis": AXIS | names_within(f"min({MAX_LABEL_PX}, {LABEL_SHARE} * containerSize()[0])")}
    title = f"Difference in {metric_name(metric)} from the reference"
    x: dict[str, Any] = {"field": "low", "type": "quantitative", "title": title}
    signed_axis = {"tickCount": 6, "format": "+.3~f", "labelExpr": "datum.value ? datum.label : 0"}
    x |= {"axis": AXIS | signed_axis, "scale": {"padding": 16}}
    tooltip = [
        {"field": "who", "title": "Who"},
        {"field": "mean", "title": "Difference", "format": "+.4f"},
        {"field": "low", "title": "From", "format": "+.4f"},
        {"field": "high", "title": "To", "format": "+.4f"},
        {"field": "p", "title": "Adjusted p"},
        {"field": "verdict", "title": "Verdict"},
    ]
    # Short words, which fit one line of a telephone.
    present = [verdict for verdict in VERDICTS if verdict in set(points["verdict"])]
    legend = legend_of(present) | {"symbolSize": 90, "columns": len(present), "values": present}
    colors = {"domain": list(VERDICTS), "range": list(VERDICT_COLORS)}
    color = {"field": "verdict", "type": "nominal", "scale": colors}
    shape = {"domain": list(VERDICTS), "range": list(VERDICT_SHAPES)}
    spec = {
        "padding": dict(PADDING_PX),
        "encoding": {"y": y, "color": color | {"legend": joining(legend)}, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": NEUTRAL_COLOR},
                "encoding": {"x": {"datum": 0}, "y": None, "color": None, "tooltip": None},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2.5},
                "encoding": {
                    "x": x,
                    "x2": {"field": "high"},
                    "color": color | {"legend": legend},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {
                    "x": {"field": "mean", "type": "quantitative"},
                    "shape": {
                        "field": "verdict",
                        "type": "nominal",
                        "scale": shape,
                        "legend": joining(legend),
                    },
                },
            },
        ],
    }
    return Chart(points, spec)


def forest_finding(chart: Chart, metric: str, reference: str) -> str:
    """Return what the differences say, in one sentence."""
    points = chart.points
    if points.empty:
        return f"Nobody is held against {reference}."
    best, worst = points.iloc[0], points.iloc[-1]
    name = metric_name(metric)
    if not points["mean"].any():
        return f"Nobody differs from {reference} by {name}."
    text = f"{best['who']} differs by {signed(best['mean'])} {name} from {reference}"
    text += f" (adjusted p {_bound(best['p'])})"
    if len(points) > 1:
        text += f"; at the other end stands {worst['who']} with {signed(worst['mean'])}"
    return text + "."


def _bound(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def shown_by_default(
    scores: pd.DataFrame, entrants: Mapping[str, Entrant], reference: str, metric: str
) -> list[str]:
    """Return whom a chart of slices shows at first: the reference, the best model and baselines."""
    ordered = best_first(scores, metric)
    models = [key for key in ordered if entrants[key].kind == "run"]
    baselines = [key for key in ordered if entrants[key].kind != "run"]
    wanted = dict.fromkeys([reference, *models[:1], *baselines[:2]])
    wanted |= dict.fromkeys(key for key in ("popularity",) if key in entrants)
    return [key for key in ordered if key in list(wanted)[:MAX_SHOWN]]


def worded_slices(slices: pd.DataFrame) -> pd.DataFrame:
    """Return slices by the names that a person reads."""
    is_by = slices["by"] == BY_POPULARITY
    words = slices["slice"].map(lambda name: POPULARITY_WORDS.get(name, name))
    return slices.assign(slice=slices["slice"].mask(is_by, words))


def slice_chart(
    slices: pd.DataFrame, entrants: Mapping[str, Entrant], by: str, shown: Sequence[str]
) -> Chart:
    """Draw NDCG@10 of chosen entrants in each slice of one kind, with intervals.

    The scale is that of slices which are large enough to tell something: what tiny ones leave open
    may be ten times as much, and would press all else together. Where they go on beyond the scale
    an arrow at its end says so; see `has_arrows`.
    """
    chosen = slices[(slices["by"] == by) & slices["entrant"].isin(list(shown))]
    names = {key: entrants[key].title for key in shown}
    # The count on a line of its own, where no long name hides it.
    labels = [
        f"{label}\n({n:,})" for label, n in zip(chosen["slice"], chosen["n_rows"], strict=True)
    ]
    points = pd.DataFrame(
        {
            "slice": labels,
            "name": chosen["slice"].to_numpy(),
            "who": [names[key] for key in chosen["entrant"]],
            "value": chosen["ndcg@10"].to_numpy(),
            "low": chosen["low"].to_numpy(),
            "high": chosen["high"].to_numpy(),
            "n": chosen["n_rows"].to_numpy(),
        }
    )
    scale = _scale_of(points)
    most = scale["domain"][1] if "domain" in scale else math.inf
    points["is_beyond"] = points[["value", "high"]].max(axis=1) > most
    order, who = list(dict.fromkeys(labels)), list(names.values())
    x: dict[str, Any] = {"field": "slice", "type": "nominal", "sort": order, "title": None}
    lines = {"labelExpr": "split(datum.label, '\\n')", "labelLimit": 130}
    x |= {"axis": AXIS | lines | _leaning(f"width < {SLICE_PX * len(order)}")}
    x |= {"scale": {"paddingInner": 0.45, "paddingOuter": 0.25}}
    offset = {"field": "who", "type": "nominal", "sort": who}
    y = {"type": "quantitative", "title": "NDCG@10", "scale": scale}
    y |= {"axis": AXIS | {"tickCount": 5}}
    legend = legend_of(who) | {"symbolSize": 90}
    color = {"field": "who", "type": "nominal", "scale": {"domain": who}}
    shapes = {"domain": who, "range": [SHAPES[at % len(SHAPES)] for at in range(len(who))]}
    tooltip = [
        {"field": "who", "title": "Who"},
        {"field": "name", "title": "Slice"},
        {"field": "n", "title": "Test cases"},
        {"field": "value", "title": "NDCG@10", "format": ".4f"},
        {"field": "low", "title": "From", "format": ".4f"},
        {"field": "high", "title": "To", "format": ".4f"},
    ]
    spec: dict[str, Any] = {
        "padding": dict(PADDING_PX),
        "encoding": {
            "x": x,
            "xOffset": offset,
            "color": color | {"legend": joining(legend)},
            "tooltip": tooltip,
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "clip": True},
                # Of what layers make of their legend Vega-Lite takes the first.
                "params": [told_names("who")],
                "encoding": {
                    "y": y | {"field": "low"},
                    "y2": {"field": "high"},
                    "color": color | {"legend": legend},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1, "clip": True},
                "encoding": {
                    "y": y | {"field": "value"},
                    "shape": {
                        "field": "who",
                        "type": "nominal",
                        "scale": shapes,
                        "legend": joining(legend),
                    },
                },
            },
        ],
    }
    if has_arrows(points):
        spec["layer"].append(
            {
                "transform": [{"filter": "datum.is_beyond"}],
                "mark": {"type": "point", "shape": ARROW, "size": 160, "opacity": 1},
                "encoding": {"y": {"value": 0}},
            }
        )
    return Chart(points, spec)


def has_arrows(points: pd.DataFrame) -> bool:
    """Return whether something in a chart of slices goes on beyond its scale."""
    return bool(points["is_beyond"].any())


def _scale_of(points: pd.DataFrame) -> dict[str, Any]:
    """Return the scale of slices with cases enough, where those of others would press it."""
    ends = points[["value", "low", "high"]].to_numpy(dtype=float)
    large = ends[points["n"].to_numpy() >= LEAST_USERS]
    if not large.size or np.nanmax(ends) <= MOST_PRESSED * np.nanmax(large):
        return {"zero": True}
    top = float(np.nanmax(large)) or 0.1
    step = 10 ** math.floor(math.log10(top / 4))
    step *= next(n for n in (1, 2, 5, 10) if n * step >= top / 5)
    bottom = min(0.0, float(np.nanmin(large)))
    return {"domain": [bottom, round(step * math.ceil(top / step), 9)], "nice": False}


def _leaning(is_narrow: str) -> dict[str, Any]:
    """Return how all labels of an axis stay readable: level, or on the slant where it is narrow."""
    return {
        "labelOverlap": False,
        "labelAngle": {"expr": f"{is_narrow} ? -45 : 0"},
        "labelAlign": {"expr": f"{is_narrow} ? 'right' : 'center'"},
        "labelBaseline": {"expr": f"{is_narrow} ? 'middle' : 'top'"},
    }


def slice_finding(
    slices: pd.DataFrame, entrants: Mapping[str, Entrant], by: str, one: str, other: str
) -> str:
    """Return where one is apart from another by more than chance explains, in words.

    Args:
        slices: Figures by slice, with differences from one of the two.
        entrants: Who was judged, by key.
        by: The kind of slices.
        one: Key of whom it tells.
        other: Key of whom it is held against; the same key tells where it is best.
    """
    found = slices[slices["by"] == by].set_index("slice")
    told, rival = (found[found["entrant"] == key] for key in (one, other))
    if told.empty or rival.empty:
        return f"There is no slice by {by}."
    names = entrants[one].title, entrants[other].title
    if one == other:
        scores = told["ndcg@10"]
        return f"{names[0]} is best at “{scores.idxmax()}”: NDCG@10 {metric_text(scores.max())}."
    is_held = bool(told["difference"].notna().any())
    held, sign = (told, 1) if is_held else (rival, -1)
    gaps: pd.Series[float] = sign * held["difference"]
    if not gaps.any():
        return f"{names[0]} and {names[1]} reach the same NDCG@10 in every slice."
    above, below = gaps[held["difference_low"].gt(0)], gaps[held["difference_high"].lt(0)]
    return _clear_slices(names, len(gaps), *((above, below) if is_held else (below, above)))


def _clear_slices(
    names: tuple[str, str], n: int, ahead: pd.Series[float], behind: pd.Series[float]
) -> str:
    """Say in which of n slices one is apart from another, each given with its difference."""
    if ahead.empty and behind.empty:
        where = f"none of the {n:,} slices" if n > 1 else "the only slice"
        isnt = "is" if n > 1 else "is not"
        return f"In {where} {names[0]} {isnt} clearly apart from {names[1]}: it may be chance."
    sides: list[str] = []
    for word, gaps in (("ahead of", ahead), ("behind", behind)):
        if len(gaps):
            whom, of_all = ("it", "") if sides else (names[1], f" of {counted(n, 'slice')}")
            most = str(gaps.abs().idxmax())
            at = "most at " if len(gaps) > 1 else ""
            sides.append(
                f"{word} {whom} in {len(gaps):,}{of_all}, {at}“{most}” ({signed(gaps[most])})"
            )
    n_left = n - len(ahead) - len(behind)
    rest = f"; in {f'the other {n_left:,}' if n_left > 1 else 'the other'} it may be chance"
    return f"{names[0]} is clearly {', and '.join(sides)}{rest if n_left else ''}."


def slice_rows(
    slices: pd.DataFrame, entrants: Mapping[str, Entrant], by: str, shown: Sequence[str]
) -> pd.DataFrame:
    """Return one row a slice with NDCG@10 of each chosen entrant, as a table to read."""
    chosen = slices[slices["by"] == by]
    table = chosen.pivot_table(
        index=["slice", "n_rows"], columns="entrant", values="ndcg@10", sort=False
    )
    table = table[[key for key in shown if key in table]]
    table = table.set_axis([entrants[key].title for key in table.columns], axis=1)
    return table.reset_index().rename(columns={"slice": "Slice", "n_rows": "Test cases"})
