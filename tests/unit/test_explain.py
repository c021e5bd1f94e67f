from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bert4rec import score_blocks
from bert4rec.contexts import CONTEXTS
from bert4rec.errors import SettingsError
from bert4rec.explain import compare_contexts, occlusion, predict_masked
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run

ITEMS = np.array([4, 5, 6, 7, 8, 9])


@pytest.fixture(scope="module")
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def probabilities(recommender: Recommender, items: list[int], place: int) -> np.ndarray:
    """What the network expects at a place, straight from its scores."""
    scores = recommender.scores_at(np.array(items), [place])
    return scores[0].double().softmax(dim=0).numpy()


def test_a_prediction_is_what_the_network_expects_at_the_hidden_place(
    recommender: Recommender,
) -> None:
    (prediction,) = predict_masked(recommender, ITEMS, [2], k=5)
    mask_idx = recommender.vocabulary.mask_idx
    expected = probabilities(recommender, [4, 5, mask_idx, 7, 8, 9], 2)
    assert (prediction.position, prediction.context, prediction.true_idx) == (2, "both", 6)
    assert prediction.true_probability == pytest.approx(expected[5], rel=1e-4)
    assert prediction.true_rank == int((expected > expected[5]).sum())
    assert [s.item_idx for s in prediction.top] == (np.argsort(-expected)[:5] + 1).tolist()


def test_bits_compare_with_the_items_share_of_what_trained(recommender: Recommender) -> None:
    (prediction,) = predict_masked(recommender, ITEMS, [2])
    dataset = recommender.dataset
    trained = [history[:-2] for history in map(dataset.history, range(dataset.n_users))]
    counts = np.bincount(np.concatenate(trained), minlength=dataset.n_items + 1)
    share = counts[6] / counts.sum()
    assert prediction.bits == pytest.approx(math.log2(prediction.true_probability / share))
    # The whole data would have told something else.
    whole = dataset.vocabulary.counts
    assert share != whole[5] / whole.sum()


def test_the_past_and_the_future_are_cut_off_and_not_hidden(recommender: Recommender) -> None:
    mask_idx = recommender.vocabulary.mask_idx
    (past,) = predict_masked(recommender, ITEMS, [2], context="past")
    assert past.true_probability == pytest.approx(
        probabilities(recommender, [4, 5, mask_idx], 2)[5], rel=1e-4
    )
    (future,) = predict_masked(recommender, ITEMS, [2], context="future")
    assert future.true_probability == pytest.approx(
        probabilities(recommender, [mask_idx, 7, 8, 9], 0)[5], rel=1e-4
    )


def test_what_the_context_does_not_show_cannot_matter(recommender: Recommender) -> None:
    other_future, other_past = ITEMS.copy(), ITEMS.copy()
    other_future[3:] = [20, 21, 22]
    other_past[:2] = [20, 21]
    for context, changed in (("past", other_future), ("future", other_past)):
        (one,) = predict_masked(recommender, ITEMS, [2], context=context)
        (two,) = predict_masked(recommender, changed, [2], context=context)
        assert one.true_probability == pytest.approx(two.true_probability, rel=1e-5)
        (both,) = predict_masked(recommender, changed, [2])
        (whole,) = predict_masked(recommender, ITEMS, [2])
        assert both.true_probability != pytest.approx(whole.true_probability, rel=1e-3)


def test_places_that_are_hidden_together_do_not_see_each_other(recommender: Recommender) -> None:
    changed = ITEMS.copy()
    changed[3] = 20
    one = predict_masked(recommender, ITEMS, [2, 3])
    two = predict_masked(recommender, changed, [2, 3])
    assert one[0].true_probability == pytest.approx(two[0].true_probability, rel=1e-5)
    assert [prediction.position for prediction in one] == [2, 3]
    assert [prediction.true_idx for prediction in two] == [6, 20]


def test_items_that_are_shown_are_marked_and_hidden_ones_are_not(recommender: Recommender) -> None:
    (prediction,) = predict_masked(recommender, ITEMS, [2], k=30)
    seen = {s.item_idx for s in prediction.top if s.is_seen}
    assert seen == {4, 5, 7, 8, 9}


def test_the_given_items_are_left_as_they_are(recommender: Recommender) -> None:
    items = ITEMS.copy()
    predict_masked(recommender, items, [1, 2])
    occlusion(recommender, items, 2)
    assert np.array_equal(items, ITEMS)


def test_a_place_outside_the_window_is_told(recommender: Recommender) -> None:
    long = np.arange(1, 21)
    with pytest.raises(SettingsError, match="before the window"):
        predict_masked(recommender, long, [3])


@pytest.mark.parametrize("position", [-1, 3, 7, 20])
def test_occlusion_at_a_place_outside_the_window_is_told(
    recommender: Recommender, position: int
) -> None:
    for ask in (occlusion, lambda *asked: predict_masked(*asked[:2], [asked[2]], context="past")):
        with pytest.raises(SettingsError, match=r"before the window|after the end"):
            ask(recommender, np.arange(1, 21), position)


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_context_sees_what_lies_before_the_window(
    recommender: Recommender, context: str
) -> None:
    window = recommender.settings.max_seq_length
    long = np.arange(1, window + 9)
    other = long.copy()
    other[3] = 30
    for position in (8, 12, len(long) - 1):
        (one,) = predict_masked(recommender, long, [position], context=context)
        (two,) = predict_masked(recommender, other, [position], context=context)
        (cut,) = predict_masked(recommender, long[-window:], [position - 8], context=context)
        assert one.true_probability == two.true_probability == cut.true_probability
        assert (one.position, one.true_idx) == (position, cut.true_idx)


def test_items_before_the_window_are_marked_as_seen_all_the_same(recommender: Recommender) -> None:
    (prediction,) = predict_masked(recommender, np.arange(1, 21), [15], k=30)
    seen = {s.item_idx for s in prediction.top if s.is_seen}
    assert seen == set(range(1, 21)) - {16}


def test_all_contexts_are_compared_at_the_same_places(recommender: Recommender) -> None:
    compared = compare_contexts(recommender, ITEMS, [1, 3], k=3)
    assert tuple(compared) == CONTEXTS
    for context, predictions in compared.items():
        alone = predict_masked(recommender, ITEMS, [1, 3], context=context, k=3)
        for one, two in zip(predictions, alone, strict=True):
            assert (one.position, one.context, one.true_rank) == (
                two.position,
                context,
                two.true_rank,
            )
            assert one.bits == pytest.approx(two.bits, abs=1e-4)


def test_occlusion_is_the_fall_in_bits_when_an_item_is_hidden_too(
    recommender: Recommender,
) -> None:
    found = occlusion(recommender, ITEMS, 2)
    (base,) = predict_masked(recommender, ITEMS, [2])
    assert found.shape == (6,)
    for other in (0, 1, 3, 4, 5):
        prediction = predict_masked(recommender, ITEMS, [2, other])[0]
        fall = math.log2(base.true_probability / prediction.true_probability)
        assert found[other] == pytest.approx(fall, abs=1e-3)
    assert found[2] == pytest.approx(0, abs=1e-5)


def test_occlusion_never_holds_the_scores_of_all_windows(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sizes, logsumexp = occlusion(recommender, ITEMS, 2), [], torch.Tensor.logsumexp

    def watched(block: torch.Tensor, dim: int) -> torch.Tensor:
        sizes.append(block.numel())
        return logsumexp(block, dim)

    monkeypatch.setattr(score_blocks, "SCORE_BYTES", 4 * 60)
    monkeypatch.setattr(torch.Tensor, "logsumexp", watched)
    monkeypatch.setattr(recommender.scorer.network, "scores", None)
    assert occlusion(recommender, ITEMS, 2) == pytest.approx(plain, abs=1e-5)
    assert 0 < max(sizes) <= 60


def test_occlusion_speaks_of_the_prediction_with_all_hidden_places_hidden(
    recommender: Recommender,
) -> None:
    found = occlusion(recommender, ITEMS, 2, hidden=[2, 4])
    base = predict_masked(recommender, ITEMS, [2, 4])[0]
    for other in (0, 1, 3, 5):
        prediction = predict_masked(recommender, ITEMS, [2, 4, other])[0]
        fall = math.log2(base.true_probability / prediction.true_probability)
        assert found[other] == pytest.approx(fall, abs=1e-3)
    assert found[[2, 4]] == pytest.approx(0, abs=1e-5)
    long = occlusion(recommender, np.arange(1, 21), 15, hidden=[3, 15])
    assert long == pytest.approx(occlusion(recommender, np.arange(1, 21), 15), abs=1e-5)


def test_occlusion_gives_nothing_to_items_before_the_window(recommender: Recommender) -> None:
    found = occlusion(recommender, np.arange(1, 21), 15)
    assert found.shape == (20,)
    assert (found[:8] == 0).all()
    assert (found[8:15] != 0).all()


def plain_prediction(
    recommender: Recommender, position: int, context: str, hidden: list[int]
) -> tuple[float, int, list[int]]:
    """One place from one context, straight from the scores: probability, rank, best items."""
    shown = ITEMS.copy()
    shown[hidden] = recommender.vocabulary.mask_idx
    part = {"past": shown[: position + 1], "future": shown[position:], "both": shown}[context]
    expected = probabilities(recommender, part.tolist(), 0 if context == "future" else position)
    true = expected[ITEMS[position] - 1]
    best = np.argsort(-expected, kind="stable")[:5] + 1
    return float(true), int((expected > true).sum()), best.tolist()


@pytest.mark.parametrize("hidden", [[2], [0, 5], [1, 2, 4], [0, 1, 2, 3, 4]])
def test_all_contexts_at_once_are_as_each_place_is_alone(
    recommender: Recommender, hidden: list[int]
) -> None:
    compared = compare_contexts(recommender, ITEMS, hidden, k=5)
    for context in CONTEXTS:
        for found, position in zip(compared[context], hidden, strict=True):
            probability, rank, best = plain_prediction(recommender, position, context, hidden)
            assert found.true_probability == pytest.approx(probability, rel=1e-4)
            assert found.true_rank == rank
            assert [one.item_idx for one in found.top] == best


def test_occlusion_after_the_end_is_that_of_the_next_item(recommender: Recommender) -> None:
    """The item asked for is put after the last one, where it is hidden."""
    mask_idx = recommender.vocabulary.mask_idx
    fall = occlusion(recommender, np.append(ITEMS, 10), len(ITEMS))
    base = probabilities(recommender, [*ITEMS, mask_idx], len(ITEMS))[9]
    for at in range(len(ITEMS)):
        shown = [*ITEMS, mask_idx]
        shown[at] = mask_idx
        there = probabilities(recommender, shown, len(ITEMS))[9]
        assert fall[at] == pytest.approx(math.log2(base / there), abs=1e-3)


def test_nothing_hidden_is_nothing_predicted(recommender: Recommender) -> None:
    assert compare_contexts(recommender, ITEMS, []) == {context: [] for context in CONTEXTS}
