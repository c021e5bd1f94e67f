"""A comparison as tables, each with its finding in one sentence; no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bert4rec.comparing.paired import LEVEL
from bert4rec.comparing.plan import Entrant
from bert4rec.words import (
    METRIC_DIGITS,
    counted,
    digits_apart,
    metric_name,
    metric_text,
    number,
    percent,
    signed,
)

BETTER, WORSE, SAME = "Better", "Worse", "Not told apart"
VERDICTS = (BETTER, WORSE, SAME)
LIST_FIGURES = "coverage novelty diversity popular_share popularity_lift miscalibration".split()
# Of these less is better, or what is nearest to 0; of all others more.
LESS_IS_BETTER, NEAREST_IS_BETTER = ("popular_share", "miscalibration"), ("popularity_lift",)


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


def best_first(scores: pd.DataFrame, metric: str) -> list[Any]:
    """Return the keys of all that were judged, the best by a metric first; ties as they came."""
    chosen = scores[scores["metric"] == metric]
    return [*chosen.sort_values("value", ascending=False, kind="stable")["entrant"]]


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
        `Who`, `Score`, `Verdict`, `Kind`, the ends of the score's interval as `Low` and `High`,
        `Difference` with the ends of its own as `Its low` and `Its high`, `p` as adjusted, `Users`
        (better, worse, same), and the entrant's key as the index. The reference differs from
        nobody: it has none of the last five.
    """
    chosen = scores[scores["metric"] == metric].set_index("entrant")
    against = differences[differences["metric"] == metric].set_index("entrant")
    rows: dict[str, dict[str, Any]] = {}
    for key in best_first(scores, metric):
        row = chosen.loc[key]
        rows[key] = {
            # On a phone there is room for three columns.
            "Who": entrants[key].title,
            "Score": row["value"],
            "Verdict": "Reference",
            "Kind": "Model" if entrants[key].kind == "run" else "Baseline",
            "Low": row["low"],
            "High": row["high"],
            "Difference": math.nan,
            "Its low": math.nan,
            "Its high": math.nan,
            "p": None,
            "Users": None,
        }
        if key != reference:
            gap = against.loc[key]
            rows[key] |= {
                "Difference": gap["mean"],
                "Its low": gap["low"],
                "Its high": gap["high"],
                "p": p_words(float(gap["p_holm"])),
                "Verdict": verdict_of(float(gap["mean"]), float(gap["p_holm"])),
                "Users": f"{gap['n_better']:,} / {gap['n_worse']:,} / {gap['n_same']:,}",
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with both intervals in words, as `Interval` and `Its interval`."""
    own = zip(rows["Low"], rows["High"], strict=True)
    its = zip(rows["Its low"], rows["Its high"], strict=True)
    return rows.assign(
        **{
            "Interval": [f"{metric_text(low)} to {metric_text(high)}" for low, high in own],
            "Its interval": [
                "" if math.isnan(low) else f"{signed(low)} to {signed(high)}" for low, high in its
            ],
        }
    )


def score_finding(rows: pd.DataFrame, metric: str) -> str:
    """Return who leads, and who cannot be told apart from the reference, in a sentence or two."""
    name, best = metric_name(metric), rows.iloc[0]
    n_level = sum(number(score, 6) == number(best["Score"], 6) for score in rows["Score"])
    if not best["Score"]:
        text = f"{name} is 0 for everybody"
    elif n_level > 1:
        others = rows.iloc[1]["Who"] if n_level == 2 else counted(n_level - 1, "other")
        text = f"{best['Who']} and {others} share the highest {name}, {metric_text(best['Score'])}"
    else:
        text = _leading(rows, name)
    reference = rows[rows["Verdict"] == "Reference"].iloc[0]["Who"]
    told = _shares(list(rows["Verdict"]))
    return f"{text}. Compared with {reference}, {told}." if told else f"{text}."


def _leading(rows: pd.DataFrame, name: str) -> str:
    """Return who leads and before whom, with as many digits as tell the two apart."""
    best, *others = zip(rows["Who"], rows["Score"], strict=True)
    if not others:
        return f"{best[0]} has the highest {name}, {metric_text(best[1])}"
    digits = digits_apart(best[1], others[0][1], METRIC_DIGITS)
    scores = [number(score, digits) for score in (best[1], others[0][1])]
    return f"{best[0]} has the highest {name}, {scores[0]}, before {others[0][0]} with {scores[1]}"


def _shares(verdicts: Sequence[str]) -> str:
    """Return how many of the others are better, worse or not told apart; nothing for none."""
    kinds = ((BETTER, "better"), (WORSE, "worse"), (SAME, ""))
    counts = [(n, words) for word, words in kinds if (n := verdicts.count(word))]
    n_others = sum(n for n, _ in counts)
    if len(counts) == 1 and n_others > 1 and not counts[0][1]:
        return f"none of the {n_others:,} others can be told apart from it"
    if len(counts) == 1:
        them = "the other one" if n_others == 1 else f"all {n_others:,} others"
        return f"{them} {_standing(*counts[0])}"
    parts = [f"{n:,} {_standing(n, words)}" for n, words in counts]
    if not parts:
        return ""
    # The first says of how many.
    parts[0] = parts[0].replace(" ", f" of the {n_others:,} others ", 1)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _standing(n: int, words: str) -> str:
    return f"{'is' if n == 1 else 'are'} {words}" if words else "cannot be told apart"


def list_rows(
    lists: pd.DataFrame, entrants: Mapping[str, Entrant], order: Sequence[str]
) -> pd.DataFrame:
    """Return what each entrant's lists are like, as a table to read.

    Args:
        lists: As `Comparison.lists` gives them.
        entrants: Who was judged, by key.
        order: Their keys, in the order of the lines.
    """
    table = lists.set_index("entrant").loc[list(order), LIST_FIGURES]
    table = table.dropna(axis=1, how="all").reset_index()
    return table.assign(entrant=[entrants[key].title for key in table["entrant"]])


def sorted_lists(table: pd.DataFrame, figure: str) -> pd.DataFrame:
    """Return the lines of `list_rows`, the best by a figure first; ties as they came.

    Of how popular the items are the least is best, and of how much more popular they are than
    those that people met what is nearest to 0.
    """
    values = table[figure].astype(float)
    if figure in NEAREST_IS_BETTER:
        values = values.abs()
    is_less = figure in (*LESS_IS_BETTER, *NEAREST_IS_BETTER)
    return table.loc[values.sort_values(ascending=is_less, kind="stable").index]


def list_finding(lists: pd.DataFrame, entrants: Mapping[str, Entrant], reference: str) -> str:
    """Return how the reference's lists differ from its histories, in a sentence or two."""
    row = lists.set_index("entrant").loc[reference].to_dict()
    name, lift = entrants[reference].title, float(row["popularity_lift"])
    how = f"{percent(abs(lift))} {'more' if lift > 0 else 'less'} popular than" if lift else ""
    text = f"Items that {name} lists are {how or 'as popular as'} those people met; "
    return text + f"its lists reach {percent(row['coverage'])} of the catalogue."
