"""Wins and losses: the users to whom one scorer gives most more, or less, than another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.comparing.comparison import Comparison
from bert4rec.data.dataset import SequenceDataset

N_NEWEST = 6


@dataclass(frozen=True)
class Case:
    """One question and what two scorers answered.

    Args:
        user_idx: The user who was asked about.
        newest: The newest items of the history, oldest first, 1..N.
        n_before: How many items stand before these.
        true_idx: What came next.
        one_rank: Its rank for the first scorer, from 0.
        other_rank: Its rank for the second one.
        one_list: What the first one listed, best first.
        other_list: What the second one listed.
    """

    user_idx: int
    newest: tuple[int, ...]
    n_before: int
    true_idx: int
    one_rank: int
    other_rank: int
    one_list: tuple[int, ...]
    other_list: tuple[int, ...]


def wins(
    comparison: Comparison,
    dataset: SequenceDataset,
    one: str,
    other: str,
    *,
    n: int = 6,
    part: str = "test",
) -> list[Case]:
    """Return the users to whom one scorer gives most more than another, one question each.

    What counts is the gain of NDCG without a cut-off. Turned round, these are the losses.

    Args:
        comparison: The comparison.
        dataset: What it was made of.
        one: Key or title of the one that wins.
        other: Key or title of the one that loses.
        n: How many at most.
        part: `test` or `unseen_users`.
    """
    judged = comparison.parts[part]
    one, other = comparison.find(one), comparison.find(other)
    gap = 1 / np.log2(judged.ranks[one] + 2.0) - 1 / np.log2(judged.ranks[other] + 2.0)
    found: dict[int, Case] = {}
    for row in np.argsort(-gap, kind="stable"):
        user_idx = int(judged.rows.user_idx[row])
        if gap[row] <= 0 or len(found) == n:
            break
        if user_idx in found:
            continue
        start, end = int(judged.rows.starts[row]), int(judged.rows.ends[row])
        first = max(start, end - N_NEWEST)
        found[user_idx] = Case(
            user_idx=user_idx,
            newest=tuple(dataset.items[first:end].tolist()),
            n_before=first - start,
            true_idx=int(judged.targets[row]),
            one_rank=int(judged.ranks[one][row]),
            other_rank=int(judged.ranks[other][row]),
            one_list=_listed(judged.lists[one][row]),
            other_list=_listed(judged.lists[other][row]),
        )
    return list(found.values())


def _listed(items: np.ndarray) -> tuple[int, ...]:
    """Return the items of a list; 0 stands where there were no more."""
    return tuple(items[items > 0].tolist())
