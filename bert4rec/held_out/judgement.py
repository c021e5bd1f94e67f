"""Items hidden one at a time in histories, and how well each context finds them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bert4rec.explain import find_targets, view_states
from bert4rec.held_out.places import Places
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.recommender import Recommender
from bert4rec.stages import Stage
from bert4rec.threads import side_by_side

# Windows that are read at once.
BATCH_PLACES = 256


@dataclass(frozen=True, eq=False)
class Judged:
    """What one context says of the items at places.

    Args:
        context: past, future, both or long_past.
        ranks: Rank of each item from 0, ties against the model, int64 (n,).
        bits: log2 of its probability over its share of the interactions that trained, see
            `TrainingPart.log_shares`, float64 (n,).
    """

    context: str
    ranks: np.ndarray
    bits: np.ndarray

    def take(self, rows: np.ndarray) -> Judged:
        """Return what it says of the chosen places."""
        return Judged(self.context, self.ranks[rows], self.bits[rows])


def judge_places(
    recommender: Recommender, places: Places, context: str, stage: Stage | None = None
) -> Judged:
    """Hide the item of each place, alone, and look for it from a context.

    Where seen items leave the ranking, all other items of the window around the place do so under
    every context, shown or not, so that the contexts are ranked among the same candidates. Bits
    compare with the whole catalogue.

    Args:
        recommender: The network.
        places: Where the items are hidden.
        context: What is shown, see `Places.shown`.
        stage: Told how many places are done.

    Cost: a window for each place, in batches side by side.
    """
    targets, settings = places.targets, recommender.settings

    def judge(batch: slice) -> tuple[np.ndarray, np.ndarray]:
        part = places.take(batch)
        shown = part.shown(context, settings.max_seq_length, sees_future=settings.sees_future)
        states_bd = view_states(recommender, shown)
        gone = _others(part, settings) if recommender.removes_seen else None
        found = find_targets(recommender, states_bd, targets[batch], gone)
        if stage is not None:
            stage.add(batch.stop - batch.start)
        return found

    n_threads = recommender.scorer.choice.n_side_by_side
    found = side_by_side(judge, len(places), BATCH_PLACES, n_threads)
    log_p = np.concatenate([np.empty(0), *(part[0] for part in found)])
    ranks = np.concatenate([np.empty(0, dtype=np.int64), *(part[1] for part in found)])
    bits = log_p / math.log(2) - recommender.training.log_shares(targets)
    return Judged(context, ranks, bits)


def _others(places: Places, settings: Hyperparameters) -> Histories:
    """Return the items around each place, without those that are the item asked for."""
    windows = places.windows(settings.max_seq_length, sees_future=settings.sees_future)
    pairs = zip(windows, places.targets, strict=True)
    return Histories.of([window[window != target] for window, target in pairs])
