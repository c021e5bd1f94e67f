"""What several scorers expect next for one history, beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from bert4rec.baselines.popularity import Popularity
from bert4rec.baselines.transitions import Transitions
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.ranking import ranks_of, remove_items, top_items
from bert4rec.score_blocks import Scorer
from bert4rec.scorer import NetworkScorer


@dataclass(frozen=True)
class NextItem:
    """One item of a list.

    Args:
        item_idx: 1..N.
        weight: A network's probability over the whole catalogue; a count for a yardstick.
        is_true: Whether it is what came next.
        is_shared: Whether all lists hold it.
    """

    item_idx: int
    weight: float
    is_true: bool
    is_shared: bool


@dataclass(frozen=True)
class NextList:
    """What one scorer expects next.

    Args:
        items: The best items, best first.
        true_rank: Rank of what came next, from 0, ties against the scorer; None if nothing did, or
            as a seen item or one that is not allowed it left the lists.
        is_network: Whether weights are probabilities, not counts.
    """

    items: tuple[NextItem, ...]
    true_rank: int | None
    is_network: bool


def yardsticks(dataset: SequenceDataset, settings: Hyperparameters) -> dict[str, Scorer]:
    """Return popularity and transition counts of what a model with these settings trains on."""
    rows = Histories.at(dataset, split_dataset(dataset, settings).train)
    transitions = Transitions.fit(rows, dataset.n_items)
    counts = np.bincount(rows.items, minlength=dataset.n_items + 1)[1:]
    return {"popularity": Popularity(counts), "transitions": transitions}


@torch.inference_mode()
def next_lists(
    scorers: Mapping[str, Scorer],
    history: np.ndarray,
    *,
    k: int,
    true_idx: int | None = None,
    remove_seen: bool = True,
    is_allowed: np.ndarray | None = None,
) -> dict[str, NextList]:
    """Ask several scorers for what comes after one history.

    Args:
        scorers: By name.
        history: Item indices 1..N, oldest first, (n,).
        k: Length of each list.
        true_idx: What came next, if that is known.
        remove_seen: Whether items of the history leave all lists.
        is_allowed: Which items may be listed, and are ranked against each other, (N,); None for
            all. Weights stay as they are.
    """
    asked = Histories.of([history])
    found: dict[str, tuple[list[int], list[float], int | None]] = {}
    for name, scorer in scorers.items():
        scores = scorer.scores(asked).clone().float()
        weights = scores.softmax(dim=1) if isinstance(scorer, NetworkScorer) else scores.floor()
        if remove_seen and len(history):
            remove_items(scores, asked.rows, asked.items)
        if is_allowed is not None:
            scores[:, torch.from_numpy(~is_allowed).to(scores.device)] = -torch.inf
        items, best = top_items(scores, k)
        listed = items[0][best[0] > -torch.inf].tolist()
        rank = None
        if true_idx is not None and scores[0, true_idx - 1] > -torch.inf:
            rank = int(ranks_of(scores, torch.tensor([true_idx], device=scores.device))[0])
        found[name] = (listed, [float(weights[0, item - 1]) for item in listed], rank)
    counts = Counter(item for listed, _, _ in found.values() for item in listed)
    return {
        name: NextList(
            tuple(
                NextItem(item, weight, item == true_idx, counts[item] == len(found))
                for item, weight in zip(listed, weights_, strict=True)
            ),
            rank,
            isinstance(scorers[name], NetworkScorer),
        )
        for name, (listed, weights_, rank) in found.items()
    }
