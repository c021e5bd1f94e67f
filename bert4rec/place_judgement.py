"""Items hidden one at a time in histories, and how well each context finds them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from bert4rec.explain import view_states
from bert4rec.held_out import Places
from bert4rec.histories import Histories
from bert4rec.ranking import Removal, top_and_ranks
from bert4rec.recommender import Recommender
from bert4rec.score_blocks import product_blocks
from bert4rec.threads import side_by_side

# Windows that are read at once.
BATCH_PLACES = 256


@dataclass(frozen=True, eq=False)
class Judged:
    """What one context says of the items at places.

    Args:
        context: past, future, both or long_past.
        ranks: Rank of each item from 0, ties against the model, int64 (n,).
        bits: log2 of its probability over its share of all interactions, float64 (n,).
    """

    context: str
    ranks: np.ndarray
    bits: np.ndarray


def judge_places(recommender: Recommender, places: Places, context: str) -> Judged:
    """Hide the item of each place, alone, and look for it from a context.

    Where seen items leave the ranking, all other items of the window around the place do so under
    every context, shown or not, so that the contexts are ranked among the same candidates. Bits
    compare with the whole catalogue.

    Cost: a window for each place, in batches side by side.
    """
    item_vectors = recommender.scorer.item_vectors()
    targets, length = places.targets, recommender.settings.max_seq_length

    @torch.inference_mode()
    def judge(batch: slice) -> tuple[np.ndarray, np.ndarray]:
        part = places.take(batch)
        states_bd = view_states(recommender, part.shown(context, length))
        wanted = torch.as_tensor(targets[batch] - 1, device=states_bd.device)
        target_scores = (states_bd * item_vectors[wanted]).sum(dim=1)
        others = _others(part, length)
        log_p, ranks = [], []
        for rows, blocks in product_blocks(states_bd, item_vectors):
            sums = torch.stack([block.logsumexp(dim=1) for _, block in blocks])
            log_p.append(target_scores[rows] - sums.logsumexp(dim=0))
            removal = Removal(others.take(rows) if recommender.removes_seen else None)
            ranks.append(top_and_ranks(blocks, targets[batch][rows], 0, removal)[1])
        return torch.cat(log_p).double().cpu().numpy(), torch.cat(ranks).cpu().numpy()

    n_threads = recommender.scorer.choice.n_side_by_side
    found = side_by_side(judge, len(places), BATCH_PLACES, n_threads)
    log_p = np.concatenate([np.empty(0), *(part[0] for part in found)])
    ranks = np.concatenate([np.empty(0, dtype=np.int64), *(part[1] for part in found)])
    counts = recommender.vocabulary.counts
    share = np.maximum(counts, 1) / max(int(counts.sum()), 1)
    return Judged(context, ranks, log_p / math.log(2) - np.log2(share[targets - 1]))


def _others(places: Places, length: int) -> Histories:
    """Return the items around each place, without those that are the item asked for."""
    windows = zip(places.windows(length), places.targets, strict=True)
    return Histories.of([window[window != target] for window, target in windows])
