"""A network that sees only the past has a window for each place, which ends there."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bert4rec.attention import place_attention
from bert4rec.composer.outline import OPEN
from bert4rec.composer.reasons import find_reasons
from bert4rec.composer.views import gap_scores
from bert4rec.data.dataset import SequenceDataset
from bert4rec.explain import occlusion, predict_masked
from bert4rec.held_out.judgement import judge_places
from bert4rec.held_out.places import Places
from bert4rec.histories import Histories
from bert4rec.recommender import Recommender
from tests.factories import shelf_recommender

# Nine items, of which a window holds four: three before the place in the middle are read.
ITEMS = np.array([5, 1, 9, 2, 3, 4, 6, 7, 8])
PLACE = 4


@pytest.fixture(scope="module")
def shelf() -> Recommender:
    return shelf_recommender(4, attention="causal", n_layers=2)


def test_what_comes_after_a_gap_changes_nothing_however_much_it_is(shelf: Recommender) -> None:
    past, after = ["b5", "b1", "b9", "b2"], ["b3", "b4", "b6", "b7", "b8"]
    expected = shelf.recommend(past, k=5, remove_seen=False)
    for n_after in range(len(after) + 1):
        (found,) = shelf.fill([*past, None, *after[:n_after]], k=5, remove_seen=False)
        assert [s.item_id for s in found] == [s.item_id for s in expected]
        assert [s.score for s in found] == pytest.approx([s.score for s in expected], abs=1e-5)


def test_every_door_asks_for_a_place_from_the_whole_window_before_it(shelf: Recommender) -> None:
    mask = shelf.vocabulary.mask_idx
    scores = shelf.scorer.scores(Histories.of([ITEMS[:PLACE]]))[0]
    probability = float(scores.softmax(dim=0)[ITEMS[PLACE] - 1])
    hidden = np.where(np.arange(9) == PLACE, mask, ITEMS)
    assert torch.allclose(shelf.scores_at(hidden, [PLACE])[0], scores, atol=1e-5)
    (prediction,) = predict_masked(shelf, ITEMS, [PLACE], context="past")
    assert prediction.true_probability == pytest.approx(probability, rel=1e-5)
    composed = gap_scores(shelf, np.where(hidden == mask, OPEN, ITEMS), [PLACE])[0]
    assert composed == pytest.approx(scores.numpy(), abs=1e-5)
    (reason,) = find_reasons(shelf, ITEMS.tolist(), [PLACE])
    assert math.exp(reason.log_p["past"]) == pytest.approx(probability, rel=1e-5)
    dataset = SequenceDataset.from_sequences([ITEMS.tolist()], n_items=10)
    places = Places(dataset, "any", np.array([0]), np.array([PLACE]))
    assert judge_places(shelf, places, "past").bits[0] == pytest.approx(prediction.bits, abs=1e-4)


def test_gaps_before_a_place_leave_its_window_full(shelf: Recommender) -> None:
    items = ["b5", "b1", None, "b9", None, None, "b2", "b3"]
    gaps = shelf.fill(items, k=5, remove_seen=False)
    expected = shelf.recommend(["b5", "b1", "b9"], k=5, remove_seen=False)
    for found in gaps[1:]:
        assert [s.score for s in found] == pytest.approx([s.score for s in expected], abs=1e-5)


def test_what_the_window_before_a_place_holds_carries_it_and_is_attended_to(
    shelf: Recommender,
) -> None:
    fall = occlusion(shelf, ITEMS, PLACE, hidden=[2])
    assert [at for at in range(9) if abs(fall[at]) > 1e-4] == [0, 1, 3]
    attention = place_attention(shelf, ITEMS, PLACE, hidden=[2])
    assert np.flatnonzero(attention.sum(axis=(0, 1))).tolist() == [0, 1, 3]
