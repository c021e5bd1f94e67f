"""What the network is shown of a sequence for one place: a window, cut by context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bert4rec.composer.outline import OPEN
from bert4rec.contexts import cut_context
from bert4rec.explain import view_states
from bert4rec.recommender import Recommender


@dataclass(frozen=True, eq=False)
class View:
    """A window in which one place is asked for.

    Args:
        items: Item indices, MASK for what is hidden, int64 (n,).
        place: The place asked for, in `items`; MASK stands there.
    """

    items: np.ndarray
    place: int


def view(recommender: Recommender, items: np.ndarray, place: int, *, context: str = "both") -> View:
    """Return what is shown for a place of a sequence of any length; open places are hidden.

    A sequence that is longer than the network's window is cut to a window around the place, as
    the windows of long histories were in training.

    Args:
        recommender: Whose window it has to fit.
        items: The sequence, `OPEN` for gaps, int64 (n,).
        place: The place asked for; what stands there is hidden.
        context: past, future or both.
    """
    mask_idx = recommender.vocabulary.mask_idx
    shown = np.where(items == OPEN, mask_idx, items)
    shown[place] = mask_idx
    around = recommender.window_around(shown, place)
    window, at = cut_context(shown[around], place - around.start, context)
    return View(window, at)


def view_scores(recommender: Recommender, views: Sequence[View]) -> np.ndarray:
    """Return the scores of the whole catalogue at the place of each view, float32 (n, N)."""
    with torch.inference_mode():
        states = view_states(recommender, [(one.items, one.place) for one in views])
        return (states @ recommender.scorer.item_vectors().T).cpu().numpy()


def gap_scores(
    recommender: Recommender, items: np.ndarray, places: Sequence[int], *, context: str = "both"
) -> np.ndarray:
    """Return the scores at open places of a sequence from what stands around them, float32 (M, N).

    Args:
        recommender: The network.
        items: The sequence, `OPEN` for gaps, int64 (n,).
        places: The places asked for.
        context: past, future or both.

    Cost: one window where the whole sequence fits and is shown, else one a place.
    """
    if context == "both" and len(items) <= recommender.settings.max_seq_length:
        shown = np.where(items == OPEN, recommender.vocabulary.mask_idx, items)
        with torch.inference_mode():
            return recommender.scores_at(shown, places).cpu().numpy()
    return view_scores(
        recommender, [view(recommender, items, place, context=context) for place in places]
    )
