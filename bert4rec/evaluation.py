"""Judge a scorer on held-out items: whole-catalogue ranks, metrics, intervals and slices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments
from bert4rec.histories import Histories
from bert4rec.metrics import (
    INTERVAL_METHOD,
    coverage,
    gains,
    interval,
    mean_metrics,
    novelty,
    popular_share,
)
from bert4rec.ranking import Removal, top_and_ranks
from bert4rec.score_blocks import Scorer, SharedScorer, are_long, score_blocks
from bert4rec.shared_ranks import SharedRanks
from bert4rec.threads import side_by_side
from bert4rec.training_part import TrainingPart
from bert4rec.words import percent

LIST_LENGTH = 10
# Up to this share of repeats an item is taken for something that people meet once.
REPEAT_LIMIT = 0.01
LENGTH_SLICES = ((0, 10), (10, 25), (25, 50), (50, 100), (100, 200), (200, None))
# By the place in the order of popularity.
POPULARITY_SLICES = ((0, 0.1, "top 10 %"), (0.1, 0.5, "10 to 50 %"), (0.5, 1.0, "rest"))


@dataclass(frozen=True, eq=False)
class Judgement:
    """Ranks of the held-out items, and the lists that were shown.

    Args:
        rows: The histories that were judged.
        targets: The held-out items, indices 1..N, int64 (n,).
        ranks: Rank of each target from 0, int64 (n,).
        top: The best items of each row, indices 1..N, 0 where fewer are left, int64 (n, K).
    """

    rows: Segments
    targets: np.ndarray
    ranks: np.ndarray
    top: np.ndarray

    def metrics(self) -> dict[str, float]:
        """Return all metrics at all cut-offs."""
        return mean_metrics(self.ranks)


def choose_seen(training: TrainingPart, seen_items: str) -> tuple[bool, str]:
    """Return whether seen items leave the ranking, and why, for the run's record.

    Args:
        training: Tells how often people return to items; what is held out has no say.
        seen_items: The setting: auto, remove or keep.
    """
    if seen_items != "auto":
        return seen_items == "remove", "asked for by name"
    if not training.repeat_share:
        return True, "no item is met twice in training"
    share = f"{percent(training.repeat_share)} of the interactions in training meet an item again"
    if training.repeat_share > REPEAT_LIMIT:
        return False, f"{share}: people return to items here"
    return True, share


def judge(
    scorer: Scorer,
    dataset: SequenceDataset,
    rows: Segments,
    *,
    batch_size: int = 1024,
    remove_seen: bool,
    list_length: int = LIST_LENGTH,
    n_threads: int = 1,
    tell: Callable[[int], None] | None = None,
) -> Judgement:
    """Rank every row's next item among the whole catalogue.

    Args:
        scorer: Scores the catalogue for histories.
        dataset: Holds the rows.
        rows: Histories whose next interaction is the target.
        batch_size: Rows scored at once.
        remove_seen: Whether items of the history leave the ranking; a target that the history
            already holds then counts as missed. `choose_seen` decides it for a run.
        list_length: How many of the best items of each row are looked for; ranks need none.
        n_threads: Threads that take batches side by side.
        tell: Told after each batch how many rows are ranked, by one thread at a time.
    """
    targets = np.asarray(dataset.items[rows.ends], dtype=np.int64)
    shared = None
    # Shorter rows are compared whole in less time than their exceptions are sorted.
    if isinstance(scorer, SharedScorer) and are_long(dataset.n_items):
        shared = SharedRanks(scorer)
    ranks = np.empty(len(rows), dtype=np.int64)
    top = np.empty((len(rows), min(list_length, dataset.n_items)), dtype=np.int64)

    n_ranked, counting = 0, threading.Lock()

    def rank(batch: slice) -> None:
        nonlocal n_ranked
        rank_rows(batch)
        with counting:
            n_ranked += batch.stop - batch.start
            if tell is not None:
                tell(n_ranked)

    @torch.inference_mode()
    def rank_rows(batch: slice) -> None:
        histories = Histories.at(dataset, rows.take(batch))
        if shared is not None:
            removed = histories if remove_seen else None
            top[batch], ranks[batch] = shared.top_and_ranks(
                histories, targets[batch], list_length, removed
            )
            return
        for part, blocks in score_blocks(scorer, histories, dataset.n_items):
            removal = Removal(histories.take(part) if remove_seen else None)
            found = top_and_ranks(blocks, targets[batch][part], list_length, removal)
            top[batch][part], ranks[batch][part] = (values.cpu().numpy() for values in found)

    side_by_side(rank, len(rows), batch_size, n_threads)
    return Judgement(rows, targets, ranks, top)


def summarise(judgement: Judgement, counts: np.ndarray) -> dict[str, Any]:
    """Return metrics, 95% intervals, list properties and slices as plain data.

    Args:
        judgement: What was judged.
        counts: How often each item occurs in training, (N,).
    """
    ranks = judgement.ranks
    intervals = {
        f"{metric}@{k}": interval(gains(ranks, metric, k), judgement.rows.user_idx)
        for metric in ("hr", "ndcg", "mrr")
        for k in (10,)
    }
    return {
        "n_rows": len(ranks),
        "n_users": len(np.unique(judgement.rows.user_idx)),
        "metrics": judgement.metrics(),
        "intervals": intervals,
        "interval_method": INTERVAL_METHOD,
        "lists": {
            "coverage@10": coverage(judgement.top, len(counts)),
            "novelty@10": novelty(judgement.top, counts),
            "popular_share@10": popular_share(judgement.top, counts),
        },
        "slices": slices(judgement, counts),
    }


def slices(judgement: Judgement, counts: np.ndarray) -> list[dict[str, Any]]:
    """Return NDCG@10 and HR@10 by history length and by popularity of the held-out item."""
    lengths = judgement.rows.lengths
    found = []
    for low, high in LENGTH_SLICES:
        is_in = (lengths >= low) & (lengths < (high or np.inf))
        label = f"{low} to {high - 1} items" if high else f"{low} items or more"
        found.append(_slice("history length", label, judgement.ranks[is_in]))
    for label, is_in in popularity_groups(counts, judgement.targets).items():
        found.append(_slice("popularity of the item", label, judgement.ranks[is_in]))
    return [entry for entry in found if entry["n_rows"]]


def popularity_groups(counts: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
    """Return by name of a group which items belong to it, bool (n,).

    Args:
        counts: How often each item occurs, (N,).
        items: Item indices 1..N, (n,).
    """
    popularity_rank = np.empty(len(counts))
    popularity_rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts)) / len(counts)
    place = popularity_rank[items - 1]
    return {label: (place >= first) & (place < end) for first, end, label in POPULARITY_SLICES}


def _slice(kind: str, label: str, ranks: np.ndarray) -> dict[str, Any]:
    metrics = mean_metrics(ranks)
    return {
        "by": kind,
        "slice": label,
        "n_rows": len(ranks),
        "ndcg@10": metrics["ndcg@10"],
        "hr@10": metrics["hr@10"],
    }
