"""Groups among item vectors or points, and names that tell them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.feature_extraction.text import CountVectorizer

from bert4rec.data.item_groups import category_columns, item_groups
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.runs.snapshots import spread_rows
from bert4rec.vector_search import unit

# Clusters are looked for among so many; each other item joins that of the nearest.
MAX_CLUSTERED = 20_000
N_CLUSTERS = 6
N_WORDS = 3
# A word that is no likelier within a cluster than outside, but for rounding, names none.
LEAST_SURPLUS = 1e-6
# Words of two letters or more; numbers tell little.
WORD = re.compile(r"[^\W\d_]{2,}")
NOISE = -1


def kmeans_clusters(vectors: np.ndarray, n_clusters: int = N_CLUSTERS) -> np.ndarray:
    """Group the directions of vectors by k-means; cluster 0 is the largest, int64 (n,).

    Args:
        vectors: (n, D).
        n_clusters: Cut down to the number of different vectors.
    """
    directions = unit(vectors)
    sample = directions[spread_rows(len(directions), MAX_CLUSTERED)]
    n_different = len(np.unique(sample, axis=0))
    means = KMeans(min(n_clusters, n_different), n_init=3, random_state=0).fit(sample)
    return _by_size(means.predict(directions))


def density_clusters(points: np.ndarray, min_size: int = 10) -> np.ndarray:
    """Group the points of a map where they lie densely; cluster 0 is the largest, int64 (n,).

    Points between the groups are in none: -1. Where there are more than `MAX_CLUSTERED`, a sample
    is grouped, and each other point is where the nearest of these is.

    Args:
        points: (n, 2 or 3).
        min_size: Points that make a group.

    Source: HDBSCAN, Campello et al. 2013.
    """
    sample = points[spread_rows(len(points), MAX_CLUSTERED)]
    min_size = max(2, min(min_size, len(sample) // 2))
    if len(sample) <= min_size:
        return np.full(len(points), NOISE, dtype=np.int64)
    labels = HDBSCAN(min_cluster_size=min_size, copy=True).fit_predict(sample)
    if len(sample) < len(points):
        labels = labels[cKDTree(sample).query(points)[1]]
    return _by_size(labels)


def _by_size(labels: np.ndarray) -> np.ndarray:
    """Number clusters from the largest on; what is in none stays so."""
    is_in = labels >= 0
    order = np.argsort(-np.bincount(labels[is_in]), kind="stable")
    place = np.argsort(order)
    found = np.full(len(labels), NOISE, dtype=np.int64)
    found[is_in] = place[labels[is_in]]
    return found


def cluster_captions(labels: np.ndarray, vocabulary: Vocabulary) -> list[str]:
    """Return what to call each cluster: a number, and the words that tell it from the others.

    Args:
        labels: Cluster of each item, -1 for none, (N,).
        vocabulary: Titles and categories of the items.
    """
    texts = list(vocabulary.titles)
    for column in category_columns(vocabulary):
        pairs = zip(texts, item_groups(vocabulary, column), strict=True)
        texts = [f"{text} {group}" for text, group in pairs]
    names = cluster_names(labels, texts)
    return [f"{at}: {name}" if name else f"Cluster {at}" for at, name in enumerate(names, start=1)]


def cluster_names(labels: np.ndarray, texts: Sequence[str]) -> list[str]:
    """Return the words that tell each cluster from the others, joined by dots; "" without any.

    Args:
        labels: Cluster of each item, -1 for none, (n,).
        texts: What is written about each item: title and categories.

    Source: log-odds ratios with an informative Dirichlet prior, Monroe et al. 2008, "Fightin'
        Words", 3.5.1: how much likelier a word is in a cluster than in all others, in standard
        errors. "The" is likely everywhere, in whatever language, and names none.
    """
    parts = _joined(labels, texts)
    if not any(WORD.search(part) for part in parts):
        return [""] * len(parts)
    counter = CountVectorizer(token_pattern=WORD.pattern)
    # Sparse: thousands of small clusters have tens of thousands of words, but a few each.
    counts = counter.fit_transform(parts)
    counts.sort_indices()
    surplus = _surplus(counts)
    words = counter.get_feature_names_out()[counts.indices]
    return [_best_words(surplus[a:b], words[a:b]) for a, b in pairwise(counts.indptr)]


def _surplus(counts: csr_matrix) -> np.ndarray:
    """Return the log-odds ratio of each word of each cluster in standard errors, (n_stored,)."""
    by_cluster, by_word = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    n_words, mean = by_word.sum(), by_word.sum() / len(by_cluster)
    of_cluster = np.repeat(by_cluster, np.diff(counts.indptr))
    of_word = by_word[counts.indices]
    # What is known beforehand: a cluster of mean size that is like all of them together.
    prior = mean * of_word / n_words
    inside, outside = counts.data + prior, of_word - counts.data + prior
    odds = inside / (of_cluster + mean - inside)
    other_odds = outside / (n_words - of_cluster + mean - outside)
    return np.asarray(np.log(odds / other_odds) / np.sqrt(1 / inside + 1 / outside))


def _joined(labels: np.ndarray, texts: Sequence[str]) -> list[str]:
    """Return all that is written about the items of each cluster."""
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(labels.max(initial=NOISE) + 2))
    return [" ".join(texts[row] for row in order[a:b].tolist()) for a, b in pairwise(ends)]


def _best_words(surplus: np.ndarray, words: np.ndarray) -> str:
    best = np.argsort(-surplus, kind="stable")[:N_WORDS]
    return " · ".join(map(str, words[best[surplus[best] > LEAST_SURPLUS]]))
