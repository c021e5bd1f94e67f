"""How hard each item is to tell where it is hidden: the loss of training, item by item."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bert4rec.held_out.judgement import judge_places
from bert4rec.held_out.places import Places
from bert4rec.recommender import Recommender
from bert4rec.runs.snapshots import spread_rows
from bert4rec.stages import Stage, Watch

N_EACH = 5
MAX_PLACES = 40_000


def item_losses(
    recommender: Recommender,
    *,
    n_each: int = N_EACH,
    n_places: int = MAX_PLACES,
    seed: int = 0,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """Hide items one at a time where they stand in histories, and return the loss of each.

    Places are drawn from all histories, those that were trained on too: this is what a network has
    learned of an item, not how well it does for new users. It sees the widest context it can.

    Args:
        recommender: The network.
        n_each: Places of an item at most.
        n_places: Places in all; large catalogues get fewer of each item, and then fewer items.
        seed: Chance behind the draw.
        watch: Told how far it has come.

    Returns:
        `item_idx` 1..N, `n_places` and `loss`, the mean of -ln p in nats, NaN where an item has no
        place beside another item.

    Cost: a window for each place.
    """
    places = _places(recommender, n_each, n_places, seed)
    stage = None if watch is None else Stage(watch, "looking for hidden items", len(places))
    judged = judge_places(recommender, places, recommender.contexts[-1], stage)
    rows = places.targets - 1
    losses = -(judged.bits + recommender.training.log_shares(places.targets)) * math.log(2)
    n_items = len(recommender.vocabulary)
    counts = np.bincount(rows, minlength=n_items)
    sums = np.bincount(rows, weights=losses, minlength=n_items)
    loss = np.divide(sums, counts, out=np.full(n_items, np.nan), where=counts > 0)
    return pd.DataFrame({"item_idx": np.arange(1, n_items + 1), "n_places": counts, "loss": loss})


def _places(recommender: Recommender, n_each: int, n_places: int, seed: int) -> Places:
    dataset = recommender.dataset
    users = np.repeat(np.arange(dataset.n_users), dataset.lengths)
    positions = np.arange(len(users)) - dataset.offsets[:-1][users]
    # Without another item in sight there is nothing to go by.
    has_context = (
        positions > 0 if recommender.contexts[-1] == "past" else (dataset.lengths[users] > 1)
    )
    asked = np.zeros(dataset.n_items + 1, dtype=bool)
    asked[spread_rows(dataset.n_items, n_places) + 1] = True
    at = np.flatnonzero(has_context & asked[dataset.items])
    at = np.random.default_rng(seed).permutation(at)
    items = dataset.items[at]
    order = np.argsort(items, kind="stable")
    items, at = items[order], at[order]
    first = np.searchsorted(items, items)
    n_each = max(1, min(n_each, n_places // dataset.n_items))
    at = np.sort(at[np.arange(len(at)) - first < n_each])
    return Places(dataset, "any", users[at], positions[at])
