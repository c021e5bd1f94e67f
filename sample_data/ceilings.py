"""The best figures any model can reach on a simulated sample, from the process that made it.

The best ranking sorts all items by their true posterior. At one place its expected NDCG@10 is the
sum of posterior times gain over the first ten; the ceiling is the mean over all places. Taking the
expectation instead of the item that happened to be drawn removes chance and the question of ties.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from process import Floats, Process, Sample, likelihood, replay

CUTOFF = 10
GAIN: Floats = 1.0 / np.log2(np.arange(CUTOFF) + 2.0)
State = TypeVar("State")

HOW = (
    "Every figure is the mean over sequences of the expected metric of ranking the whole catalogue "
    "by the true posterior, items seen elsewhere in the given context removed. NDCG@10 with one "
    "true item is 1/log2(rank+2) for rank < 10, rank counted from 0, else 0. next_item: the last "
    "item of each sequence given all items before it. masked_middle_item: the item at position "
    "n//2 (counted from 0) of each sequence of length n given all other items on both sides. "
    "masked_middle_item_past_only: the same item given only the items before it. The posterior "
    "given both sides is exact: each candidate's chance is proportional to the likelihood of the "
    "whole sequence with that candidate in place. 'realised' holds the same ranking scored on the "
    "items that were really drawn, ties shared; it differs from the expectation by chance only."
)


def middle(sequence: Sequence[int]) -> int:
    """Return the place that is hidden in a sequence, counted from 0."""
    return len(sequence) // 2


def posterior_from_past(process: Process[State], sequence: Sequence[int], place: int) -> Floats:
    """Return each item's chance at `place` given the items before it."""
    return process.probabilities(replay(process, sequence[:place]))


def posterior_from_both_sides(
    process: Process[State], sequence: Sequence[int], place: int
) -> Floats:
    """Return each item's chance at `place` given all other items of the sequence.

    Cost: one replay of the items after `place` for each candidate, given up at the first item
    that the candidate makes impossible.
    """
    state = replay(process, sequence[:place])
    posterior = process.probabilities(state).copy()
    for candidate in np.flatnonzero(posterior):
        follow = process.advance(state, int(candidate))
        posterior[candidate] *= likelihood(process, follow, sequence[place + 1 :])
    return posterior / posterior.sum()


def expected_scores(posterior: Floats) -> tuple[float, float]:
    """Return the expected Recall@10 and NDCG@10 of ranking by `posterior`."""
    best = np.sort(posterior)[::-1][:CUTOFF]
    return float(best.sum()), float(best @ GAIN[: len(best)])


def realised_scores(posterior: Floats, item: int) -> tuple[float, float]:
    """Return Recall@10 and NDCG@10 for the item really drawn, averaged over its tied ranks."""
    chance, tolerance = posterior[item], 1e-9 * posterior[item]
    n_better = int(np.sum(posterior > chance + tolerance))
    n_tied = int(np.sum(np.abs(posterior - chance) <= tolerance))
    gains = GAIN[n_better : n_better + n_tied]
    return len(gains) / n_tied, float(gains.sum()) / n_tied


def summary(posteriors: Iterable[Floats], items: Iterable[int]) -> dict[str, object]:
    """Return mean expected and realised scores, as they stand in `ceiling.json`."""
    pairs = list(zip(posteriors, items, strict=True))
    expected = np.mean([expected_scores(posterior) for posterior, _ in pairs], axis=0)
    realised = np.mean([realised_scores(posterior, item) for posterior, item in pairs], axis=0)
    return {
        **_named(expected),
        "realised": _named(realised),
    }


def _named(scores: Floats) -> dict[str, object]:
    return {"recall_at_10": round(float(scores[0]), 4), "ndcg_at_10": round(float(scores[1]), 4)}


def ceiling(sample: Sample, sequences: list[list[int]] | None = None) -> dict[str, object]:
    """Return the content of `ceiling.json`.

    Args:
        sample: the simulated sample.
        sequences: which sequences to evaluate; all by default.
    """
    process = sample.process
    chosen = sample.sequences if sequences is None else sequences
    centre = [sequence[middle(sequence)] for sequence in chosen]
    return {
        "format_version": 1,
        "name": sample.name,
        "simulated": True,
        "seed": sample.seed,
        "n_sequences": len(sample.sequences),
        "n_items": len(sample.items),
        "n_interactions": sum(map(len, sample.sequences)),
        "n_evaluated": len(chosen),
        "middle_position": "n // 2",
        "next_item": summary(
            (posterior_from_past(process, s, len(s) - 1) for s in chosen), [s[-1] for s in chosen]
        ),
        "masked_middle_item": summary(
            (posterior_from_both_sides(process, s, middle(s)) for s in chosen), centre
        ),
        "masked_middle_item_past_only": summary(
            (posterior_from_past(process, s, middle(s)) for s in chosen), centre
        ),
        "how": HOW,
    }
