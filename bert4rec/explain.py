"""Why a prediction is what it is: past, future or both, and which items carry it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bert4rec.histories import Histories
from bert4rec.metrics import gains, interval, mean_metrics
from bert4rec.ranking import ranks_of, remove_items
from bert4rec.recommender import Recommender, Suggestion
from bert4rec.score_blocks import SCORE_BYTES, row_slices

CONTEXTS = ("past", "future", "both")
# Histories that are judged at once, where the catalogue is small enough.
JUDGED_ROWS = 256


@dataclass(frozen=True)
class Prediction:
    """What the network expects at one hidden place.

    Args:
        position: Place in the sequence, from 0.
        context: What it was allowed to see: past, future or both.
        top: The best items.
        true_idx: The hidden item, index 1..N.
        true_rank: Its rank in the whole catalogue, from 0, ties against the model.
        true_probability: Its probability.
        bits: log2 of that probability over the item's share of all interactions: what the
            context tells beyond popularity.
    """

    position: int
    context: str
    top: list[Suggestion]
    true_idx: int
    true_rank: int
    true_probability: float
    bits: float


def predict_masked(
    recommender: Recommender,
    items: np.ndarray,
    positions: Sequence[int],
    *,
    context: str = "both",
    k: int = 10,
) -> list[Prediction]:
    """Hide items of a sequence, all together, and predict each.

    With `past` (`future`) alone, the sequence is cut off after (before) the place asked for, a
    form that the network knows from training; hiding a whole side behind MASK would not be. What
    lies before the window of the whole sequence is shown under no context, so that `past` knows
    nothing that `both` does not.

    Args:
        recommender: The network.
        items: Item indices 1..N, oldest first, (n,).
        positions: Places to hide, from 0.
        context: past, future or both.
        k: Length of each list.

    Raises:
        SettingsError: a position lies outside the network's window.
    """
    items = np.asarray(items, dtype=np.int64)
    start = recommender.window_start(items, positions)
    mask_idx = recommender.vocabulary.mask_idx
    hidden = items.copy()
    hidden[list(positions)] = mask_idx
    predictions = []
    for position in positions:
        shown, place = cut_context(hidden[start:], position - start, context)
        scores = recommender.scores_at(shown, [place])
        part, _ = cut_context(hidden, position, context)
        visible = part[part != mask_idx]
        predictions.append(
            _prediction(recommender, scores, int(items[position]), position, context, k, visible)
        )
    return predictions


def cut_context(items: np.ndarray, position: int, context: str) -> tuple[np.ndarray, int]:
    """Return the part of a sequence that a context shows, and the position in it.

    Args:
        items: Item indices, (n,).
        position: The place asked for.
        context: past, future or both.
    """
    if context == "past":
        return items[: position + 1], position
    if context == "future":
        return items[position:], 0
    return items, position


def _prediction(
    recommender: Recommender,
    scores: torch.Tensor,
    true_idx: int,
    position: int,
    context: str,
    k: int,
    visible: np.ndarray,
) -> Prediction:
    log_probability = float(scores[0].log_softmax(dim=0)[true_idx - 1])
    counts = recommender.vocabulary.counts
    share = max(int(counts[true_idx - 1]), 1) / max(int(counts.sum()), 1)
    return Prediction(
        position=position,
        context=context,
        top=recommender.suggestions(scores[0], k, seen=visible),
        true_idx=true_idx,
        true_rank=int(ranks_of(scores, torch.tensor([true_idx], device=scores.device))[0]),
        true_probability=math.exp(log_probability),
        bits=log_probability / math.log(2) - math.log2(share),
    )


def compare_contexts(
    recommender: Recommender, items: np.ndarray, positions: Sequence[int], *, k: int = 10
) -> dict[str, list[Prediction]]:
    """Predict the same places from the past alone, the future alone and both."""
    return {
        context: predict_masked(recommender, items, positions, context=context, k=k)
        for context in CONTEXTS
    }


def context_report(
    recommender: Recommender,
    *,
    users: np.ndarray | None = None,
    n_users: int = 500,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Hide the middle item of many users' histories and compare what each context gives.

    Where seen items leave the ranking, all other items of the history do so under every context,
    shown or not, so that the contexts are ranked among the same candidates. The middle items of
    trained users were trained on, as in any cloze model: their figures compare contexts with each
    other and are no substitute for the test metrics.

    Args:
        recommender: The network.
        users: Dense indices to draw from; None means every user.
        n_users: Users drawn; all, when there are fewer with three items or more.
        seed: Chance behind the draw.

    Returns:
        past, future, both → metrics, `ndcg@10` interval, mean bits, number of users.
    """
    dataset = recommender.dataset
    users = np.arange(dataset.n_users) if users is None else users
    users = users[dataset.lengths[users] >= 3]
    rng = np.random.default_rng(seed)
    if len(users) > n_users:
        users = np.sort(rng.choice(users, n_users, replace=False))
    histories = [
        dataset.history(int(user))[-recommender.settings.max_seq_length :] for user in users
    ]
    return {context: _judge_middle(recommender, histories, context) for context in CONTEXTS}


def _judge_middle(
    recommender: Recommender, histories: Sequence[np.ndarray], context: str
) -> dict[str, Any]:
    ranks: list[np.ndarray] = []
    bits: list[np.ndarray] = []
    counts = recommender.vocabulary.counts
    share = np.maximum(counts, 1) / max(int(counts.sum()), 1)
    # A large catalogue is scored for few at once.
    n_rows = min(JUDGED_ROWS, SCORE_BYTES // (4 * len(counts)))
    for rows in row_slices(len(histories), n_rows):
        part = histories[rows]
        windows, places, targets = middle_windows(part, context, recommender.vocabulary.mask_idx)
        scores = recommender.scorer.scores_at(windows, places[:, None])[:, 0]
        target = torch.as_tensor(targets, device=scores.device)
        # Bits compare with shares of the whole catalogue, so no item has left it yet.
        log_probability = scores.log_softmax(1).gather(1, target[:, None] - 1)[:, 0].cpu().numpy()
        bits.append(log_probability / math.log(2) - np.log2(share[targets - 1]))
        if recommender.removes_seen:
            scores = _without_others(scores, part, targets)
        ranks.append(ranks_of(scores, target).cpu().numpy())
    all_ranks = np.concatenate(ranks) if ranks else np.empty(0, dtype=np.int64)
    return {
        "metrics": mean_metrics(all_ranks),
        "interval": interval(gains(all_ranks, "ndcg", 10)),
        "bits": float(np.concatenate(bits).mean()) if bits else 0.0,
        "n_users": len(all_ranks),
    }


def _without_others(
    scores: torch.Tensor, histories: Sequence[np.ndarray], targets: np.ndarray
) -> torch.Tensor:
    """Remove each history's items from its row of scores, except the hidden one."""
    whole = Histories.of(histories)
    is_other = whole.items != targets[whole.rows]
    return remove_items(scores, whole.rows[is_other], whole.items[is_other])


def middle_windows(
    histories: Sequence[np.ndarray], context: str, mask_idx: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hide the middle item, at n // 2, of each history.

    Returns:
        Windows padded on the left, int64 (B, L); the place of the hidden item in each, (B,); the
        hidden items, (B,).
    """
    shown, places, targets = [], [], []
    for history in histories:
        hidden = np.asarray(history, dtype=np.int64).copy()
        middle = len(hidden) // 2
        targets.append(hidden[middle])
        hidden[middle] = mask_idx
        part, place = cut_context(hidden, middle, context)
        shown.append(part)
        places.append(place - len(part))
    windows = Histories.of(shown).windows(max(len(part) for part in shown))
    return windows, np.array(places) + windows.shape[1], np.array(targets)


def occlusion(
    recommender: Recommender, items: np.ndarray, position: int, hidden: Sequence[int] = ()
) -> np.ndarray:
    """Return how much each other item carries a prediction, in bits, float64 (n,).

    Each item in turn is hidden beside the one asked for; its value is by how many bits the
    probability of the true item falls (negative: it rises). The place itself has 0, and so have
    the other hidden places and items before the window.

    Args:
        recommender: The network.
        items: Item indices 1..N, oldest first, (n,).
        position: The place asked for, inside the window.
        hidden: Places that are hidden anyway, with or without the one asked for.

    Raises:
        SettingsError: the place lies outside the network's window.

    Cost: as many windows as items, in one batch.
    """
    items = np.asarray(items, dtype=np.int64)
    start = recommender.window_start(items, [position])
    place, true_idx = position - start, int(items[position])
    shown = items.copy()
    shown[[position, *hidden]] = recommender.vocabulary.mask_idx
    window = shown[start:]
    rows = np.tile(window, (len(window) + 1, 1))
    np.fill_diagonal(rows[1:], recommender.vocabulary.mask_idx)
    places = np.full((len(rows), 1), place)
    scores = recommender.scorer.scores_at(rows, places)[:, 0]
    log_probability = scores.log_softmax(1)[:, true_idx - 1].double().cpu().numpy()
    fall = (log_probability[0] - log_probability[1:]) / math.log(2)
    return np.concatenate([np.zeros(start), fall])
