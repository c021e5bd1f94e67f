"""Ranks of all entrants to tables: scores, paired differences, slices, sampled ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from bert4rec.comparing.judging import JudgedPart
from bert4rec.comparing.paired import holm, paired_difference
from bert4rec.metrics import CUT_OFFS, METRICS, gains, interval, usual_gain

MAIN_METRIC = "ndcg@10"
ALL_METRICS = tuple(f"{metric}@{k}" for metric in METRICS for k in CUT_OFFS)


def gains_of(ranks: np.ndarray, metric: str) -> np.ndarray:
    """Return each row's gain by a metric with its cut-off, such as `ndcg@10`, float64 (n,)."""
    name, _, k = metric.partition("@")
    return gains(ranks, name, int(k))


def score_table(
    part: JudgedPart, metrics: Sequence[str] = ALL_METRICS, *, seed: int = 0
) -> pd.DataFrame:
    """Return each entrant's figures with 95% intervals.

    Returns:
        `entrant`, `metric`, `value`, `low`, `high`.
    """
    rows = []
    for entrant, ranks in part.ranks.items():
        for metric in metrics:
            values = gains_of(ranks, metric)
            low, high = interval(values, part.rows.user_idx, seed=seed)
            value = float(values.mean()) if len(values) else 0.0
            rows.append((entrant, metric, value, low, high))
    return pd.DataFrame(rows, columns=["entrant", "metric", "value", "low", "high"])


def difference_table(
    part: JudgedPart,
    reference: str,
    metrics: Sequence[str] = ALL_METRICS,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how much more each entrant gains than the reference on the same users.

    Returns:
        `entrant`, `metric`, what a `Difference` has, and `p_holm`: p adjusted, by Holm, for all
        entrants that one metric compares with the reference.
    """
    tables = []
    others = [entrant for entrant in part.ranks if entrant != reference]
    for metric in metrics:
        against = gains_of(part.ranks[reference], metric)
        found = [
            {"entrant": entrant, "metric": metric}
            | asdict(
                paired_difference(
                    gains_of(part.ranks[entrant], metric), against, part.rows.user_idx, seed=seed
                )
            )
            for entrant in others
        ]
        table = pd.DataFrame(found)
        if len(table):
            tables.append(table.assign(p_holm=holm(table["p"].to_numpy())))
    if not tables:
        columns = "entrant metric mean low high p n_better n_worse n_same p_holm".split()
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)


def slice_table(
    part: JudgedPart, members: pd.DataFrame, reference: str, *, seed: int = 0
) -> pd.DataFrame:
    """Return NDCG@10 and HR@10 of each entrant in each slice, and against the reference.

    Args:
        part: The judged rows.
        members: Which row belongs to which slice, as `slice_members` tells.
        reference: Who the others are held against.
        seed: Chance behind intervals.

    Returns:
        `by`, `slice`, `n_rows`, `entrant`, `ndcg@10` with `low` and `high`, `hr@10`, and
        `difference` of NDCG@10 with `difference_low` and `difference_high`, NaN for the reference.
    """
    found = []
    for (by, label), group in members.groupby(["by", "slice"], sort=False):
        rows = group["row"].to_numpy()
        users = part.rows.user_idx[rows]
        against = gains_of(part.ranks[reference][rows], MAIN_METRIC)
        for entrant, ranks in part.ranks.items():
            values = gains_of(ranks[rows], MAIN_METRIC)
            ends = interval(values, users, seed=seed)
            hits = float(gains_of(ranks[rows], "hr@10").mean())
            difference, low, high = np.nan, np.nan, np.nan
            if entrant != reference:
                difference = float((values - against).mean())
                usual = usual_gain(values, against)
                low, high = interval(
                    values - against, users, is_signed=True, usual=usual, seed=seed
                )
            score = float(values.mean())
            found.append((by, label, len(rows), entrant, score, *ends, hits, difference, low, high))
    columns = ["by", "slice", "n_rows", "entrant", MAIN_METRIC, "low", "high", "hr@10"]
    return pd.DataFrame(
        found, columns=[*columns, "difference", "difference_low", "difference_high"]
    )


def sampled_table(part: JudgedPart) -> pd.DataFrame:
    """Return the figures among 100 sampled items, to read the first paper's table by.

    Returns:
        `entrant`, `metric`, `value`; no rows where this was not asked for.
    """
    metrics = ("hr@1", "hr@5", "hr@10", "ndcg@5", "ndcg@10")
    rows = [
        (entrant, metric, float(gains_of(ranks, metric).mean()))
        for entrant, ranks in part.sampled.items()
        for metric in metrics
    ]
    # The paper's MRR has no cut-off.
    rows += [
        (entrant, "mrr", float((1 / (ranks + 1.0)).mean()))
        for entrant, ranks in part.sampled.items()
    ]
    return pd.DataFrame(rows, columns=["entrant", "metric", "value"])
