"""Why an item was chosen: what past, future and both say of it, and which items carry it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert4rec.composer.views import view, view_scores
from bert4rec.explain import occlusion
from bert4rec.recommender import Recommender

# A context counts as better than another where it makes the item twice as probable.
CLEAR_BITS = 1.0
# What changes a prediction by less carries nothing.
LEAST_BITS = 0.05


@dataclass(frozen=True)
class Reason:
    """What each context says of the item at one place, all other items being there.

    Args:
        place: The position, from 0.
        item_idx: The item, 1..N.
        n_items: Length of the sequence.
        log_p: past, future, both → natural logarithm of the item's probability over the whole
            catalogue, as the network gives it: rules and dials play no part. Of a network that
            sees only the past there is no other context.
        log_share: Logarithm of its part of the interactions that trained.
    """

    place: int
    item_idx: int
    n_items: int
    log_p: dict[str, float]
    log_share: float

    def bits(self, context: str) -> float:
        """Return what a context tells beyond popularity, in bits."""
        return (self.log_p[context] - self.log_share) / math.log(2)

    @property
    def carried_by(self) -> str:
        """What carries the choice.

        `both`: together the sides say clearly more than either. `past` or `future`: that side says
        clearly more than the other, or is the only one there is. `either`: each says about as
        much. `popularity`: no context makes the item twice as probable as it is anyway. `less`:
        together the sides say clearly less than the better one alone, so that neither carries what
        both were asked for. Clearly means twice as probable, everywhere: of less nothing is said.
        """
        is_there = {"past": self.place > 0, "future": self.place < self.n_items - 1}
        sides = {side: self.bits(side) for side in self.log_p if is_there.get(side)}
        # Of no items at all there is none.
        best = max(sides, key=lambda side: sides[side], default="popularity")
        both = self.bits("both") if len(sides) == 2 else -math.inf
        if max([*sides.values(), both]) < CLEAR_BITS:
            return "popularity"
        if len(sides) < 2:
            return best
        if both >= sides[best] + CLEAR_BITS:
            return "both"
        if both < sides[best] - CLEAR_BITS:
            return "less"
        return "either" if abs(sides["past"] - sides["future"]) < CLEAR_BITS else best


def find_reasons(
    recommender: Recommender, items: Sequence[int], places: Sequence[int]
) -> list[Reason]:
    """Return what carries the items at places of a whole sequence.

    Args:
        recommender: The network.
        items: The sequence, item indices 1..N, (n,).
        places: The places asked for.

    Cost: a window for each place and context, in one batch.
    """
    if not places:
        return []
    whole, contexts = np.asarray(items, dtype=np.int64), recommender.contexts
    views = [
        view(recommender, whole, place, context=context) for place in places for context in contexts
    ]
    scores = view_scores(recommender, views).astype(np.float64)
    top = scores.max(axis=1)
    log_sums = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
    chosen = np.repeat(whole[list(places)] - 1, len(contexts))
    log_p = (scores[np.arange(len(scores)), chosen] - log_sums).reshape(-1, len(contexts))
    log_shares = recommender.training.log_shares(whole[list(places)]) * math.log(2)
    return [
        Reason(
            place,
            int(whole[place]),
            len(whole),
            dict(zip(contexts, row.tolist(), strict=True)),
            float(log_share),
        )
        for place, row, log_share in zip(places, log_p, log_shares, strict=True)
    ]


def strongest_neighbours(
    recommender: Recommender, items: Sequence[int], place: int, k: int = 3
) -> list[tuple[int, float]]:
    """Return the positions whose items carry the one at a place most, strongest first.

    Args:
        recommender: The network.
        items: The sequence, item indices 1..N, (n,).
        place: The place asked for.
        k: How many at most.

    Returns:
        Position and by how many bits the item's probability falls where that one is hidden; only
        those by which it falls noticeably. See `explain.occlusion`.
    """
    whole = np.asarray(items, dtype=np.int64)
    around = recommender.window_around(whole, place)
    fall = occlusion(recommender, whole[around], place - around.start)
    order = np.argsort(-fall, kind="stable")[:k]
    return [(int(at) + around.start, float(fall[at])) for at in order if fall[at] >= LEAST_BITS]
