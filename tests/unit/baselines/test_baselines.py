from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array

from bert4rec.baselines.popularity import Popularity
from bert4rec.baselines.transitions import Transitions
from bert4rec.histories import Histories
from tests.factories import random_dataset

TRAIN = [[1, 2, 1, 2, 3], [2, 3], [4], [], [3, 3, 2]]


def plain_transitions(n_items: int) -> np.ndarray:
    followed = np.zeros((n_items, n_items))
    for sequence in TRAIN:
        for before, after in pairwise(sequence):
            followed[before - 1, after - 1] += 1
    return followed


def test_popularity_scores_the_counts_for_everyone() -> None:
    scores = Popularity(np.array([3, 1, 2])).scores(Histories.of([[1], [], [3, 3]]))
    assert scores.tolist() == [[3, 1, 2]] * 3
    assert scores.dtype == torch.float32


def test_transitions_count_what_directly_followed_inside_a_history() -> None:
    scorer = Transitions.fit(Histories.of(TRAIN), 6)
    assert np.array_equal(scorer.followed.toarray(), plain_transitions(6))
    scores = scorer.scores(Histories.of([[4, 2], [2], [1, 3]])).numpy()
    assert np.array_equal(np.floor(scores), plain_transitions(6)[[1, 1, 2]])


def test_what_never_followed_is_ordered_by_popularity_below_all_that_did() -> None:
    scorer = Transitions.fit(Histories.of(TRAIN), 6)
    scores = scorer.scores(Histories.of([[1]]))[0]
    # After 1 came only 2; of the others 3 occurs four times, 1 twice, 4 once.
    assert scores.argsort(descending=True, stable=True)[:4].tolist() == [1, 2, 0, 3]
    assert scores[2] < 1 <= scores[1]


def test_large_counts_of_transitions_stay_whole_and_apart() -> None:
    followed = csr_array(([40_000.0, 2_000, 2_000], ([0, 0, 0], [0, 1, 2])), shape=(4, 4))
    scorer = Transitions(followed.astype(np.float32), np.array([1_000_000, 31_000, 31_001, 5]))
    scores = scorer.scores(Histories.of([[1]]))[0]
    assert scores.floor().tolist() == [40_000, 2_000, 2_000, 0]
    assert scores.argsort(descending=True).tolist() == [0, 2, 1, 3]


def test_an_empty_history_gets_the_popular_items() -> None:
    scorer = Transitions.fit(Histories.of(TRAIN), 6)
    scores = scorer.scores(Histories.of([[], []]))
    # Items 2 and 3 occur four times each, item 1 twice.
    assert scores[0].argsort(descending=True, stable=True)[:3].tolist() == [1, 2, 0]
    assert torch.equal(scores[0], scores[1])


def test_transitions_of_nothing_tell_nothing() -> None:
    scorer = Transitions.fit(Histories.of([[], [2], []]), 3)
    assert scorer.followed.nnz == 0
    assert scorer.scores(Histories.of([[2], [1]])).argmax(dim=1).tolist() == [1, 1]


def test_counts_beyond_what_bytes_hold_are_kept() -> None:
    dataset = random_dataset([3000], n_items=2)
    histories = Histories.of([dataset.history(0)])
    followed = Transitions.fit(histories, 2).followed
    assert followed.sum() == 2999
