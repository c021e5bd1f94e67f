"""Why a prediction is what it is: past, future or both, and which items carry it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bert4rec.contexts import cut_context
from bert4rec.histories import Histories
from bert4rec.ranking import Removal, top_and_ranks
from bert4rec.recommender import Recommender
from bert4rec.score_blocks import LogSums, product_blocks
from bert4rec.suggestions import Suggestion


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
        bits: log2 of that probability over the item's share of the interactions that trained:
            what the context tells beyond popularity; see `TrainingPart.log_shares`.
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
    """Hide items of a sequence, all together, and predict each from one context.

    See `compare_contexts`.
    """
    compared = compare_contexts(recommender, items, positions, contexts=(context,), k=k)
    return compared[context]


def compare_contexts(
    recommender: Recommender,
    items: np.ndarray,
    positions: Sequence[int],
    *,
    contexts: Sequence[str] | None = None,
    k: int = 10,
) -> dict[str, list[Prediction]]:
    """Hide items of a sequence, all together, and predict each from several contexts.

    With `past` (`future`) alone, the sequence is cut off after (before) the place asked for, a
    form that the network knows from training; hiding a whole side behind MASK would not be. What
    lies before the window of the whole sequence is shown under no context, so that `past` knows
    nothing that `both` does not.

    Args:
        recommender: The network.
        items: Item indices 1..N, oldest first, (n,).
        positions: Places to hide, from 0.
        contexts: Of past, future and both; None takes those that the network can be asked from.
        k: Length of each list.

    Returns:
        By context a prediction for each place, in order.

    Raises:
        SettingsError: a position lies outside the network's window.

    Cost: a window for each place and context, in one batch.
    """
    contexts = recommender.contexts if contexts is None else contexts
    items = np.asarray(items, dtype=np.int64)
    start = recommender.window_start(items, positions)
    hidden = items.copy()
    hidden[list(positions)] = recommender.vocabulary.mask_idx
    asked = [(context, position) for context in contexts for position in positions]
    views = [cut_context(hidden[start:], position - start, context) for context, position in asked]
    states_rd, divisors = view_states_and_divisors(recommender, views)
    visible = [cut_context(hidden, position, context)[0] for context, position in asked]
    lists = recommender.suggestions_for(
        states_rd,
        k,
        seen=[part[part != recommender.vocabulary.mask_idx] for part in visible],
        divisors=divisors,
    )
    targets = np.array([items[position] for _, position in asked], dtype=np.int64)
    log_p, ranks = find_targets(recommender, states_rd, targets)
    bits = log_p / math.log(2) - recommender.training.log_shares(targets)
    found: dict[str, list[Prediction]] = {context: [] for context in contexts}
    for row, (context, position) in enumerate(asked):
        found[context].append(
            Prediction(
                position=position,
                context=context,
                top=lists[row],
                true_idx=int(targets[row]),
                true_rank=int(ranks[row]),
                true_probability=math.exp(log_p[row]),
                bits=float(bits[row]),
            )
        )
    return found


@torch.inference_mode()
def find_targets(
    recommender: Recommender,
    states_bd: torch.Tensor,
    targets: np.ndarray,
    gone: Histories | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how probable each target is and where it ranks.

    Args:
        recommender: The network.
        states_bd: What it expects, (B, D).
        targets: Item indices 1..N, int64 (B,).
        gone: Items that leave the ranking of each row, for probabilities they stay.

    Returns:
        Log-probabilities over the whole catalogue, float64 (B,); ranks from 0, int64 (B,).
    """
    item_vectors = recommender.scorer.item_vectors()
    wanted = torch.as_tensor(targets - 1, device=states_bd.device)
    scores = (states_bd * item_vectors[wanted]).sum(dim=1)
    log_sums, ranks = [scores[:0]], [wanted[:0]]
    for rows, blocks in product_blocks(states_bd, item_vectors):
        removal, sums = Removal(None if gone is None else gone.take(rows)), LogSums()
        ranks.append(top_and_ranks(blocks, targets[rows], 0, removal, sums)[1])
        log_sums.append(sums.total())
    log_p = (scores - torch.cat(log_sums)).double().cpu().numpy()
    return log_p, torch.cat(ranks).cpu().numpy()


def view_states(recommender: Recommender, views: Sequence[tuple[np.ndarray, int]]) -> torch.Tensor:
    """Return what the network expects at a place of each view, float32 (n, D), in one batch.

    Args:
        recommender: The network.
        views: Item indices with MASK for what is hidden, and the place asked for. Their shown
            items are no more than the network's window holds.
    """
    return view_states_and_divisors(recommender, views)[0]


def view_states_and_divisors(
    recommender: Recommender, views: Sequence[tuple[np.ndarray, int]]
) -> tuple[torch.Tensor, np.ndarray]:
    """Return the same, and the temperature that each state is divided by, float32 (n,)."""
    if not views:
        states = recommender.scorer.item_vectors().new_empty((0, recommender.settings.hidden_size))
        return states, np.empty(0, dtype=np.float32)
    return recommender.scorer.at([items for items, _ in views], [[place] for _, place in views])


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

    Cost: as many windows as items, in one batch; scores are held in blocks.
    """
    items = np.asarray(items, dtype=np.int64)
    shown = items.copy()
    shown[list(hidden)] = recommender.vocabulary.mask_idx
    start = recommender.window_start(shown, [position])
    place, true_idx = position - start, int(items[position])
    shown[position] = recommender.vocabulary.mask_idx
    window = shown[start:]
    rows = np.tile(window, (len(window) + 1, 1))
    np.fill_diagonal(rows[1:], recommender.vocabulary.mask_idx)
    places = np.full((len(rows), 1), place)
    # All divided as the first: what one item less does to the temperature is not its doing.
    whole = np.broadcast_to(window, rows.shape)
    states_rd = recommender.scorer.hidden(rows, places, shown_bl=whole)[:, 0]
    log_p, _ = find_targets(recommender, states_rd, np.full(len(rows), true_idx))
    fall = (log_p[0] - log_p[1:]) / math.log(2)
    return np.concatenate([np.zeros(start), fall])
