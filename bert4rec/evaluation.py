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
from bert4rec.score_blocks import ChosenScores, Scorer, SharedScorer, are_long, score_blocks
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
        among_ranks: Rank of each target among chosen items from 0, ties against it, int64 (n,);
            None where that was not asked for.
    """

    rows: Segments
    targets: np.ndarray
    ranks: np.ndarray
    top: np.ndarray
    among_ranks: np.ndarray | None = None

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
    asked = _Asked(scorer, dataset, rows, remove_seen, list_length)
    _rank(asked, batch_size, n_threads, tell)
    return asked.judgement()


def judge_among(
    scorer: Scorer,
    dataset: SequenceDataset,
    rows: Segments,
    among: np.ndarray,
    *,
    batch_size: int = 1024,
    remove_seen: bool,
    n_threads: int = 1,
) -> Judgement:
    """Rank every row's next item among the whole catalogue, and among chosen items beside it.

    Args:
        scorer: Scores the catalogue for histories.
        dataset: Holds the rows.
        rows: Histories whose next interaction is the target.
        among: The items that stand beside the target of each row, indices 1..N, (n, M).
        batch_size: Rows scored at once.
        remove_seen: As for `judge`; it has no say in the rank among chosen items.
        n_threads: Threads that take batches side by side.

    Cost: the scores are made once for both.
    """
    asked = _Asked(scorer, dataset, rows, remove_seen, LIST_LENGTH, among)
    _rank(asked, batch_size, n_threads, None)
    return asked.judgement()


def _rank(
    asked: _Asked, batch_size: int, n_threads: int, tell: Callable[[int], None] | None
) -> None:
    """Rank batch after batch, and tell after each how many rows are ranked."""
    n_ranked, counting = 0, threading.Lock()

    def rank(batch: slice) -> None:
        nonlocal n_ranked
        asked.rank(batch)
        with counting:
            n_ranked += batch.stop - batch.start
            if tell is not None:
                tell(n_ranked)

    side_by_side(rank, len(asked.rows), batch_size, n_threads)


class _Asked:
    """What is asked of a scorer about rows, and what came out so far.

    Args:
        scorer: Scores the catalogue for histories.
        dataset: Holds the rows.
        rows: Histories whose next interaction is the target.
        remove_seen: Whether items of the history leave the ranking.
        list_length: How many of the best items of each row are looked for.
        among: Items that stand beside the target of each row, (n, M); None: it has no such rank.
    """

    def __init__(
        self,
        scorer: Scorer,
        dataset: SequenceDataset,
        rows: Segments,
        remove_seen: bool,
        list_length: int,
        among: np.ndarray | None = None,
    ) -> None:
        self.scorer, self.dataset, self.rows = scorer, dataset, rows
        self.removes_seen, self.list_length, self.among = remove_seen, list_length, among
        self.targets = np.asarray(dataset.items[rows.ends], dtype=np.int64)
        self.shared = None
        # Shorter rows are compared whole in less time than their exceptions are sorted.
        if isinstance(scorer, SharedScorer) and are_long(dataset.n_items):
            self.shared = SharedRanks(scorer)
        self.ranks, self.among_ranks = np.empty((2, len(rows)), dtype=np.int64)
        width = min(list_length, dataset.n_items)
        self.top = np.empty((len(rows), width), dtype=np.int64)

    def judgement(self) -> Judgement:
        """Return what came out of all rows."""
        among_ranks = None if self.among is None else self.among_ranks
        return Judgement(self.rows, self.targets, self.ranks, self.top, among_ranks)

    @torch.inference_mode()
    def rank(self, batch: slice) -> None:
        """Rank some rows."""
        histories = Histories.at(self.dataset, self.rows.take(batch))
        if self.shared is not None:
            self._rank_shared(self.shared, batch, histories)
            return
        targets, wanted = self.targets[batch], self._wanted(batch)
        for part, blocks in score_blocks(self.scorer, histories, self.dataset.n_items):
            removal = Removal(histories.take(part) if self.removes_seen else None)
            chosen = None if wanted is None else ChosenScores(wanted[part])
            found = top_and_ranks(blocks, targets[part], self.list_length, removal, chosen=chosen)
            self.top[batch][part], self.ranks[batch][part] = (one.cpu().numpy() for one in found)
            if chosen is not None:
                self.among_ranks[batch][part] = _first_ranks(chosen.scores().cpu().numpy())

    def _rank_shared(self, shared: SharedRanks, batch: slice, histories: Histories) -> None:
        told, removed = shared.scorer.exceptions(histories), None
        if self.removes_seen:
            removed = histories
        found = shared.top_and_ranks(told, self.targets[batch], self.list_length, removed)
        self.top[batch], self.ranks[batch] = found
        if (wanted := self._wanted(batch)) is not None:
            self.among_ranks[batch] = _first_ranks(shared.chosen_scores(told, wanted))

    def _wanted(self, batch: slice) -> np.ndarray | None:
        """Return the target and what stands beside it of some rows, (B, 1 + M)."""
        if self.among is None:
            return None
        return np.concatenate([self.targets[batch, None], self.among[batch]], axis=1)


def _first_ranks(scores_bm: np.ndarray) -> np.ndarray:
    """Return the rank of the first of each row's scores, ties against it, int64 (B,)."""
    return np.asarray((scores_bm[:, 1:] >= scores_bm[:, :1]).sum(axis=1))


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
