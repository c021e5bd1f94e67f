"""The held-out items that a model ranks best and worst, to be looked at one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments, split_dataset
from bert4rec.evaluation import judge
from bert4rec.histories import Histories
from bert4rec.recommender import Recommender
from bert4rec.stages import Stage, Watch

N_SHOWN = 12
N_JUDGED = 1000


@dataclass(frozen=True)
class RankedItem:
    """A held-out item and where the model ranks it as the next one.

    Args:
        user_id: Whose history it ends.
        rank: From 0, in the whole catalogue as in the run's evaluation.
        item_idx: The item, 1..N.
        last_idx: The item before it.
        n_items: Length of the history up to and with the item.
    """

    user_id: str
    rank: int
    item_idx: int
    last_idx: int
    n_items: int


@dataclass(frozen=True)
class Extremes:
    """The best and the worst ranked of some held-out items.

    Args:
        best: Best first; of equal ranks the less popular item comes first, as it is harder.
        worst: Worst first; of equal ranks the more popular item comes first.
        n_judged: Of how many they were taken.
    """

    best: tuple[RankedItem, ...]
    worst: tuple[RankedItem, ...]
    n_judged: int


def find_extremes(
    recommender: Recommender,
    *,
    n_judged: int = N_JUDGED,
    n_shown: int = N_SHOWN,
    seed: int = 0,
    watch: Watch | None = None,
) -> Extremes:
    """Rank test items of a sample of users, held-out users among them, and take both ends.

    Args:
        recommender: The network; its settings tell what was held out.
        n_judged: Users drawn at most; the newest held-out item stands for a user.
        n_shown: Items at each end.
        seed: Chance behind the draw.
        watch: Told how far it has come.
    """
    dataset = recommender.dataset
    rows = _newest_of_each(recommender)
    if recommender.removes_seen:
        # What was met before leaves the ranking: its place there says nothing about the model.
        rows = rows.take(~meets_again(dataset, rows))
    if len(rows) > n_judged:
        chosen = np.random.default_rng(seed).choice(len(rows), n_judged, replace=False)
        rows = rows.take(np.sort(chosen))
    tell = None if watch is None else Stage(watch, "ranking held-out items", len(rows)).tell
    judged = judge(
        recommender.scorer,
        dataset,
        rows,
        remove_seen=recommender.removes_seen,
        list_length=0,
        n_threads=recommender.scorer.choice.n_side_by_side,
        tell=tell,
    )
    counts = recommender.vocabulary.counts[judged.targets - 1]
    order = np.lexsort((counts, judged.ranks))
    found = [
        RankedItem(
            user_id=dataset.user_id(int(rows.user_idx[at])),
            rank=int(judged.ranks[at]),
            item_idx=int(judged.targets[at]),
            last_idx=int(dataset.items[rows.ends[at] - 1]),
            n_items=int(rows.lengths[at]) + 1,
        )
        for at in np.concatenate([order[:n_shown], order[::-1][:n_shown]])
    ]
    n = min(n_shown, len(rows))
    return Extremes(tuple(found[:n]), tuple(found[n:]), len(rows))


def _newest_of_each(recommender: Recommender) -> Segments:
    split = split_dataset(recommender.dataset, recommender.settings)
    both = [split.test, split.unseen]
    rows = Segments(
        np.concatenate([part.user_idx for part in both]),
        np.concatenate([part.starts for part in both]),
        np.concatenate([part.ends for part in both]),
    )
    # Rows of a user stand together, the newest item last.
    is_last = np.append(rows.user_idx[1:] != rows.user_idx[:-1], True)
    return rows.take(is_last)


def meets_again(dataset: SequenceDataset, rows: Segments) -> np.ndarray:
    """Return whether the history of each row holds its held-out item already, bool (n,)."""
    histories = Histories.at(dataset, rows)
    is_target = histories.items == dataset.items[rows.ends][histories.rows]
    return np.bincount(histories.rows[is_target], minlength=len(rows)) > 0
