"""A comparison as charts and tables, each with its finding in one sentence; no Streamlit.

Who is better is told by words and by the place of a mark, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bert4rec.comparing.paired import LEVEL
from bert4rec.comparing.plan import Entrant
from bert4rec.view.vega import AXIS, PADDING_PX, Chart, legend_of
from bert4rec.words import counted, digits_apart, metric_name, number, percent, signed, span

BETTER, WORSE, SAME = "Better", "Worse", "Not told apart"
VERDICTS = (BETTER, WORSE, SAME)
VERDICT_SHAPES = ("triangle-up", "triangle-down", "circle")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
MAX_LABEL_PX = 240
# What the name of a slice takes beside others.
SLICE_PX = 100
# Grey that can be seen on light and dark.
ZERO_COLOR = "#8A939D"
# Entrants beside each other in a chart of slices; more cannot be told apart.
MAX_SHOWN = 5
LIST_FIGURES = "coverage novelty diversity popular_share popularity_lift miscalibration".split()


def verdict_of(mean: float, p_holm: float) -> str:
    """Return in a word whether a difference is one.

    Example:
        >>> verdict_of(0.1, 0.01), verdict_of(-0.1, 0.01), verdict_of(0.1, 0.2)
        ('Better', 'Worse', 'Not told apart')
    """
    if p_holm >= LEVEL:
        return SAME
    return BETTER if mean > 0 else WORSE


def p_words(p: float | None) -> str:
    """Return a p-value as text; a small one as a bound, one near the level with its side.

    Example:
        >>> p_words(0.00012), p_words(0.04), p_words(0.0497), p_words(None)
        ('<0.001', '0.040', '0.0497', '–')
    """
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else number(p, digits_apart(p, LEVEL))


def score_rows(
    scores: pd.DataFrame,
    differences: pd.DataFrame,
    entrants: Mapping[str, Entrant],
    reference: str,
    metric: str,
) -> pd.DataFrame:
    """Return one row an entrant, the best by a metric first.

    Args:
        scores: As `Comparison.scores` gives them.
        differences: As `Comparison.differences` gives them.
        entrants: Who was judged, by key.
        reference: Key of the one that the others are held against.
        metric: What they are ordered and told apart by.

    Returns:
        `Who`, `Verdict`, `Kind`, `Score` with `Interval`, `Difference` with `Its interval`, `p` as
        adjusted, `Users` (better, worse, same), and the entrant's key as the index.
    """
    chosen = scores[scores["metric"] == metric].set_index("entrant")
    against = differences[differences["metric"] == metric].set_index("entrant")
    rows: dict[str, dict[str, Any]] = {}
    for key in chosen.sort_values("value", ascending=False, kind="stable").index:
        row = chosen.loc[key]
        rows[key] = {
            "Who": entrants[key].title,
            "Verdict": "Reference",
            "Kind": "Model" if entrants[key].kind == "run" else "Baseline",
            "Score": row["value"],
            "Interval": span(row["low"], row["high"], 4),
            "Difference": "reference",
            "Its interval": "",
            "p": "",
            "Users": "",
        }
        if key != reference:
            gap = against.loc[key]
            rows[key] |= {
                "Difference": signed(gap["mean"]),
                "Its interval": f"{signed(gap['low'])} to {signed(gap['high'])}",
                "p": p_words(float(gap["p_holm"])),
                "Verdict": verdict_of(float(gap["mean"]), float(gap["p_holm"])),
                "Users": f"{gap['n_better']:,} / {gap['n_worse']:,} / {gap['n_same']:,}",
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def score_finding(rows: pd.DataFrame, metric: str) -> str:
    """Return who leads, and who cannot be told apart from the reference, in a sentence or two."""
    name, best = metric_name(metric), rows.iloc[0]
    n_level = sum(number(score, 6) == number(best["Score"], 6) for score in rows["Score"])
    if not best["Score"]:
        text = f"{name} is 0 for everybody"
    elif n_level > 1:
        others = rows.iloc[1]["Who"] if n_level == 2 else counted(n_level - 1, "other")
        text = f"{best['Who']} and {others} share the highest {name}, {best['Score']:.4f}"
    else:
        text = _leading(rows, name)
    reference = rows[rows["Verdict"] == "Reference"].iloc[0]["Who"]
    told = _shares(list(rows["Verdict"]))
    return f"{text}. Compared with {reference}, {told}." if told else f"{text}."


def _leading(rows: pd.DataFrame, name: str) -> str:
    """Return who leads and before whom, with as many digits as tell the two apart."""
    best, *others = zip(rows["Who"], rows["Score"], strict=True)
    if not others:
        return f"{best[0]} has the highest {name}, {best[1]:.4f}"
    digits = digits_apart(best[1], others[0][1], 4)
    scores = [number(score, digits) for score in (best[1], others[0][1])]
    return f"{best[0]} has the highest {name}, {scores[0]}, before {others[0][0]} with {scores[1]}"


def _shares(verdicts: Sequence[str]) -> str:
    """Return how many of the others are better, worse or not told apart; nothing for none."""
    kinds = ((BETTER, "better"), (WORSE, "worse"), (SAME, "not told apart"))
    counts = [(n, words) for word, words in kinds if (n := verdicts.count(word))]
    n_others = sum(n for n, _ in counts)
    if len(counts) == 1:
        them = "the other one is" if n_others == 1 else f"all {n_others:,} others are"
        return f"{them} {counts[0][1]}"
    parts = [f"{n:,} {'is' if n == 1 else 'are'} {words}" for n, words in counts]
    return f"of {n_others:,} others {', '.join(parts)}" if parts else ""


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
    y |= {"axis": AXIS | {"labelLimit": MAX_LABEL_PX}}
    title = f"Difference in {metric_name(metric)} from the reference"
    x: dict[str, Any] = {"field": "low", "type": "quantitative", "title": title}
    x |= {"axis": AXIS | {"tickCount": 6, "format": "+.3~f"}, "scale": {"padding": 16}}
    tooltip = [
        {"field": "who", "title": "Who"},
        {"field": "mean", "title": "Difference", "format": "+.4f"},
        {"field": "low", "title": "From", "format": "+.4f"},
        {"field": "high", "title": "To", "format": "+.4f"},
        {"field": "p", "title": "Adjusted p"},
        {"field": "verdict", "title": "Verdict"},
    ]
    # Short words, which fit one line of a telephone.
    legend = legend_of(VERDICTS) | {"symbolSize": 90, "columns": len(VERDICTS)}
    color = {"field": "verdict", "type": "nominal", "scale": {"domain": list(VERDICTS)}}
    shape = {"domain": list(VERDICTS), "range": list(VERDICT_SHAPES)}
    spec = {
        "padding": dict(PADDING_PX),
        "encoding": {"y": y, "color": color | {"legend": legend}, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "rule", "strokeDash": [4, 4], "color": ZERO_COLOR},
                "encoding": {"x": {"datum": 0}, "y": None, "color": None, "tooltip": None},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2.5},
                "encoding": {"x": x, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
                "encoding": {
                    "x": {"field": "mean", "type": "quantitative"},
                    "shape": {
                        "field": "verdict",
                        "type": "nominal",
                        "scale": shape,
                        "legend": legend,
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
    chosen = scores[scores["metric"] == metric].sort_values("value", ascending=False, kind="stable")
    ordered = chosen["entrant"].tolist()
    models = [key for key in ordered if entrants[key].kind == "run"]
    baselines = [key for key in ordered if entrants[key].kind != "run"]
    wanted = dict.fromkeys([reference, *models[:1], *baselines[:2]])
    wanted |= dict.fromkeys(key for key in ("popularity",) if key in entrants)
    return [key for key in ordered if key in list(wanted)[:MAX_SHOWN]]


def slice_chart(
    slices: pd.DataFrame, entrants: Mapping[str, Entrant], by: str, shown: Sequence[str]
) -> Chart:
    """Draw NDCG@10 of chosen entrants in each slice of one kind, with intervals."""
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
    order, who = list(dict.fromkeys(labels)), list(names.values())
    x: dict[str, Any] = {"field": "slice", "type": "nominal", "sort": order, "title": None}
    lines = {"labelExpr": "split(datum.label, '\\n')", "labelLimit": 130}
    x |= {"axis": AXIS | lines | _leaning(f"width < {SLICE_PX * len(order)}")}
    x |= {"scale": {"paddingInner": 0.45, "paddingOuter": 0.25}}
    offset = {"field": "who", "type": "nominal", "sort": who}
    y = {"type": "quantitative", "title": "NDCG@10", "scale": {"zero": True}}
    y |= {"axis": AXIS | {"tickCount": 5}}
    legend = legend_of(who) | {"symbolSize": 90}
    color = {"field": "who", "type": "nominal", "scale": {"domain": who}, "legend": legend}
    shapes = {"domain": who, "range": [SHAPES[at % len(SHAPES)] for at in range(len(who))]}
    tooltip = [
        {"field": "who", "title": "Who"},
        {"field": "name", "title": "Slice"},
        {"field": "n", "title": "Test cases"},
        {"field": "value", "title": "NDCG@10", "format": ".4f"},
        {"field": "low", "title": "From", "format": ".4f"},
        {"field": "high", "title": "To", "format": ".4f"},
    ]
    spec = {
        "padding": dict(PADDING_PX),
        "encoding": {"x": x, "xOffset": offset, "color": color, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {
                    "y": y | {"field": "value"},
                    "shape": {
                        "field": "who",
                        "type": "nominal",
                        "scale": shapes,
                        "legend": legend,
                    },
                },
            },
        ],
    }
    return Chart(points, spec)


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
    """Return where one gains most on another, in one sentence."""
    table = slices[slices["by"] == by].pivot_table(
        index="slice", columns="entrant", values="ndcg@10", sort=False
    )
    if table.empty or one not in table or other not in table:
        return f"There is no slice by {by}."
    names = entrants[one].title, entrants[other].title
    if one == other:
        best = table[one].idxmax()
        return f"{names[0]} is best at “{best}”: NDCG@10 {number(table[one].max(), 4)}."
    gaps = table[one] - table[other]
    if not gaps.any():
        return f"{names[0]} and {names[1]} reach the same NDCG@10 in every slice."
    n_ahead = int((gaps > 0).sum())
    text = f"{names[0]} is ahead of {names[1]} in {n_ahead:,} of {counted(len(gaps), 'slice')}"
    best, worst = gaps.idxmax(), gaps.idxmin()
    if best == worst:
        return f"{text}: {signed(gaps.max())} at “{best}”."
    text += f"; the difference is highest at “{best}” ({signed(gaps.max())})"
    return f"{text} and lowest at “{worst}” ({signed(gaps.min())})."


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


def list_rows(lists: pd.DataFrame, entrants: Mapping[str, Entrant]) -> pd.DataFrame:
    """Return what each entrant's lists are like, as a table to read."""
    table = lists[["entrant", *LIST_FIGURES]].dropna(axis=1, how="all")
    return table.assign(entrant=[entrants[key].title for key in table["entrant"]])


def list_finding(lists: pd.DataFrame, entrants: Mapping[str, Entrant], reference: str) -> str:
    """Return how the reference's lists differ from its histories, in a sentence or two."""
    row = lists.set_index("entrant").loc[reference].to_dict()
    name, lift = entrants[reference].title, float(row["popularity_lift"])
    how = f"{percent(abs(lift))} {'more' if lift > 0 else 'less'} popular than" if lift else ""
    text = f"Items that {name} lists are {how or 'as popular as'} those people met; "
    return text + f"its lists reach {percent(row['coverage'])} of the catalogue."
