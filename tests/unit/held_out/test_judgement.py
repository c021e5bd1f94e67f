from __future__ import annotations

import numpy as np
import pytest
import torch

from bert4rec.contexts import CONTEXTS
from bert4rec.explain import predict_masked
from bert4rec.held_out.judgement import judge_places
from bert4rec.held_out.places import LONG_PAST, Places, held_out_places, middle_places
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run


@pytest.fixture
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def plain(recommender: Recommender, places: Places, context: str) -> tuple[list[int], list[float]]:
    """One place at a time, straight from the scores of the network."""
    length, counts = recommender.settings.max_seq_length, recommender.training.counts
    ranks, bits = [], []
    shown = places.shown(context, length)
    for row, (items, at) in enumerate(shown):
        target = int(places.targets[row])
        scores = recommender.scores_at(items, [at])[0]
        log_p = float(scores.double().log_softmax(0)[target - 1])
        bits.append(float(log_p / np.log(2) - np.log2(counts[target - 1] / counts.sum())))
        if recommender.removes_seen:
            seen = set(places.windows(length)[row].tolist()) - {target}
            scores[[item - 1 for item in seen]] = -torch.inf
        ranks.append(int((scores >= scores[target - 1]).sum()) - 1)
    return ranks, bits


@pytest.mark.parametrize("seen_items", ["remove", "keep"])
@pytest.mark.parametrize("context", [*CONTEXTS, LONG_PAST])
def test_many_places_are_judged_as_each_is_alone(
    recommender: Recommender, context: str, seen_items: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommender, "removes_seen", seen_items == "remove")
    places = held_out_places(recommender.dataset, recommender.settings, "trained", n_users=70)
    judged = judge_places(recommender, places, context)
    ranks, bits = plain(recommender, places, context)
    assert judged.ranks.tolist() == ranks
    assert judged.bits == pytest.approx(bits, abs=1e-4)


def test_a_large_catalogue_in_blocks_gives_the_same(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = middle_places(recommender.dataset, recommender.settings.max_seq_length)
    whole = judge_places(recommender, places, "both")
    monkeypatch.setattr("bert4rec.score_blocks.SCORE_BYTES", 4 * 7 * 128)
    blocks = judge_places(recommender, places, "both")
    assert np.array_equal(whole.ranks, blocks.ranks)
    assert blocks.bits == pytest.approx(whole.bits, abs=1e-4)


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_bits_are_those_of_single_predictions(recommender: Recommender, context: str) -> None:
    length = recommender.settings.max_seq_length
    places = middle_places(recommender.dataset, length, np.arange(12))
    judged = judge_places(recommender, places, context)
    bits = [
        predict_masked(recommender, items, [len(items) // 2], context=context)[0].bits
        for items in places.windows(length)
    ]
    assert judged.bits == pytest.approx(bits, abs=1e-4)


def test_contexts_are_ranked_among_the_same_candidates(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[list[tuple[int, int]]] = []

    class Spy:
        def __init__(self, histories: object) -> None:
            self.histories = histories

        def apply(self, start: int, block: torch.Tensor) -> torch.Tensor:
            if start == 0 and self.histories is not None:
                pairs = zip(self.histories.rows, self.histories.items, strict=True)  # type: ignore[attr-defined]
                removed.append(sorted((int(row), int(item)) for row, item in pairs))
            return block

    monkeypatch.setattr("bert4rec.explain.Removal", Spy)
    monkeypatch.setattr(recommender, "removes_seen", True)
    places = middle_places(recommender.dataset, 12, np.arange(20))
    for context in CONTEXTS:
        judge_places(recommender, places, context)
    n = len(removed) // 3
    assert removed[:n] == removed[n : 2 * n] == removed[2 * n :]


def test_no_place_is_no_answer(recommender: Recommender) -> None:
    nobody = middle_places(recommender.dataset, 12, np.empty(0, dtype=np.int64))
    judged = judge_places(recommender, nobody, "past")
    assert len(judged.ranks) == len(judged.bits) == 0
