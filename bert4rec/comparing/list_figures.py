"""What lists are like, whoever made them: variety, novelty, popularity, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import csr_array

from bert4rec.baselines.training_rows import met_items
from bert4rec.comparing.categories import Categories
from bert4rec.histories import Histories
from bert4rec.metrics import coverage, novelty, popular_share

# Lists whose items are compared pair by pair.
MAX_LISTS = 2_000
PAIRS_AT_ONCE = 20_000
ROWS_AT_ONCE = 20_000
# Weight of the history in what a list is compared with, so that nothing is divided by 0.
SMOOTHING = 0.01


@dataclass(frozen=True, eq=False)
class ListContext:
    """What the lists of all scorers are held against.

    Args:
        train: The training sequences.
        n_items: Size N of the catalogue.
        counts: How often each item occurs in training, (N,).
        histories: What each judged row had met, a row each.
        categories: Those of the items, None where there are none.
        seed: Chance behind the lists that are looked into pair by pair.
    """

    train: Histories
    n_items: int
    counts: np.ndarray
    histories: Histories
    categories: Categories | None
    seed: int = 0


def list_figures(top: np.ndarray, context: ListContext) -> dict[str, float | None]:
    """Return the figures of a scorer's lists, by name.

    Args:
        top: The listed items of each row, indices 1..N, 0 where a list ends early, (n, K).
        context: What they are held against.

    Returns:
        `coverage`, `novelty` (bits) and `popular_share` as in `metrics`; `diversity`, the mean
        distance of two items of a list, 0 to 1; `popularity`, the mean count of a listed item;
        `history_popularity`, that of the items met; `popularity_lift`, how much more popular
        lists are than histories, 0 for as popular; `miscalibration`, how far the categories of a
        list are from those of the history in nats, None without categories.

    Source: popularity lift, Abdollahpouri et al. 2019; miscalibration, Steck 2018.
    """
    counts, listed = context.counts, top[top > 0]
    list_popularity = float(counts[listed - 1].mean()) if len(listed) else 0.0
    history_popularity = _history_popularity(context)
    lift = list_popularity / history_popularity - 1 if history_popularity else 0.0
    return {
        "coverage": coverage(top, context.n_items),
        "novelty": novelty(top, counts),
        "popular_share": popular_share(top, counts),
        "diversity": diversity(top, context),
        "popularity": list_popularity,
        "history_popularity": history_popularity,
        "popularity_lift": lift,
        "miscalibration": miscalibration(top, context),
    }


def _history_popularity(context: ListContext) -> float:
    """Return the mean over rows of the mean count of an item met."""
    histories = context.histories
    sizes = np.diff(histories.offsets)
    if not sizes.any():
        return 0.0
    sums = np.bincount(
        histories.rows, weights=context.counts[histories.items - 1], minlength=len(sizes)
    )
    return float((sums[sizes > 0] / sizes[sizes > 0]).mean())


def diversity(top: np.ndarray, context: ListContext) -> float | None:
    """Return the mean distance of two items of a list, None where no list has two items.

    With categories it is the Jaccard distance of theirs, without them one minus the cosine of
    who met them in training. Of many lists a drawn `MAX_LISTS` are looked into.

    Source: intra-list similarity, Ziegler et al. 2005.
    """
    if not len(top) or top.shape[1] < 2:
        return None
    if len(top) > MAX_LISTS:
        rng = np.random.default_rng(context.seed)
        top = top[rng.choice(len(top), MAX_LISTS, replace=False)]
    columns = np.array(list(combinations(range(top.shape[1]), 2)))
    pairs = np.sort(top[:, columns].reshape(-1, 2), axis=1)
    pairs = pairs[pairs[:, 0] > 0] - 1
    if not len(pairs):
        return None
    # Lists have many pairs in common.
    keys, n_of_pair = np.unique(pairs @ [context.n_items, 1], return_counts=True)
    one, other = np.divmod(keys, context.n_items)
    distances = _distances(one, other, context)
    return float(distances @ n_of_pair / n_of_pair.sum())


def _distances(one: np.ndarray, other: np.ndarray, context: ListContext) -> np.ndarray:
    """Return the distance between items one[i] and other[i], counted from 0, float64 (n,)."""
    met = context.categories.of_items if context.categories else None
    if met is None:
        met = csr_array(met_items(context.train, context.n_items).T.tocsr())
    sizes = np.asarray(met.sum(axis=1)).ravel()
    parts = [np.empty(0)]
    for start in range(0, len(one), PAIRS_AT_ONCE):
        a, b = one[start : start + PAIRS_AT_ONCE], other[start : start + PAIRS_AT_ONCE]
        n_both = np.asarray(met[a].multiply(met[b]).sum(axis=1)).ravel()
        if context.categories:
            n_either = sizes[a] + sizes[b] - n_both
        else:
            n_either = np.sqrt(sizes[a] * sizes[b])
        parts.append(1 - n_both / np.maximum(n_either, 1e-12))
    return np.concatenate(parts)


def miscalibration(top: np.ndarray, context: ListContext) -> float | None:
    """Return the mean divergence of the categories of a list from those of its history.

    Rows whose history or list has no category are left out; None where none is left, or where
    there are no categories.

    Source: Steck 2018, equation 2, without weights of ranks or times.
    """
    if context.categories is None or not top.size:
        return None
    shares, total, n = context.categories.shares(), 0.0, 0
    for start in range(0, len(top), ROWS_AT_ONCE):
        part = slice(start, min(start + ROWS_AT_ONCE, len(top)))
        histories = context.histories.take(part)
        met = _counts(histories.rows, histories.items - 1, len(histories), context.n_items) @ shares
        rows, places = np.nonzero(top[part])
        items = top[part][rows, places] - 1
        listed = _counts(rows, items, len(histories), context.n_items) @ shares
        divergence = _divergence(met.toarray(), listed.toarray())
        total, n = total + float(divergence.sum()), n + len(divergence)
    return total / n if n else None


def _counts(rows: np.ndarray, items: np.ndarray, n_rows: int, n_items: int) -> csr_array:
    return csr_array((np.ones(len(rows)), (rows, items)), shape=(n_rows, n_items))


def _divergence(met: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """Return the Kullback-Leibler divergence of rows that both have something, (some of n,)."""
    is_known = (met.sum(axis=1) > 0) & (listed.sum(axis=1) > 0)
    p, q = met[is_known], listed[is_known]
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    smoothed = (1 - SMOOTHING) * q + SMOOTHING * p
    ratio = np.divide(p, smoothed, out=np.ones_like(p), where=p > 0)
    return np.asarray((p * np.log(ratio)).sum(axis=1))
