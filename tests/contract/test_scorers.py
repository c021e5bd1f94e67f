"""One battery for everyone in the role of a scorer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from bert4rec.baselines.catalogue import BASELINES
from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.device import choose_device
from bert4rec.histories import Histories
from bert4rec.score_blocks import Scorer, VectorScorer
from bert4rec.scorer import NetworkScorer
from tests.factories import random_dataset, small_network

N_ITEMS = 11
HISTORIES: list[list[int]] = [
    [3, 1, 4],
    [],
    [1],
    [5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8],
    [11],
]


def baseline(name: str) -> Scorer:
    dataset = random_dataset([8] * 30, N_ITEMS)
    histories = Histories(dataset.items.astype(np.int64), dataset.offsets)
    return BASELINES[name].fit(TrainingRows(histories, N_ITEMS))


def network() -> Scorer:
    return NetworkScorer(small_network(N_ITEMS, n_layers=2), choose_device("cpu", "float32", 1))


def training_network() -> Scorer:
    """A network that is asked between two steps of its training."""
    return NetworkScorer(
        small_network(N_ITEMS, dropout_rate=0.5).train(), choose_device("cpu", "float32", 1)
    )


def causal_network() -> Scorer:
    """SASRec: the last item answers, and padding where there is none."""
    return NetworkScorer(
        small_network(N_ITEMS, n_layers=2, attention="causal"), choose_device("cpu", "float32", 1)
    )


NETWORKS = {
    "network": network,
    "training network": training_network,
    "causal network": causal_network,
}


@pytest.fixture(params=[*NETWORKS, *BASELINES])
def scorer(request: pytest.FixtureRequest) -> Scorer:
    name: str = request.param
    return NETWORKS[name]() if name in NETWORKS else baseline(name)


def test_every_item_gets_a_finite_float_for_every_history(scorer: Scorer) -> None:
    scores = scorer.scores(Histories.of(HISTORIES))
    assert scores.shape == (len(HISTORIES), N_ITEMS)
    assert scores.dtype == torch.float32
    assert torch.isfinite(scores).all()
    assert not scores.requires_grad


def test_a_history_scores_the_same_alone_as_among_others(scorer: Scorer) -> None:
    together = scorer.scores(Histories.of(HISTORIES))
    for row, history in enumerate(HISTORIES):
        alone = scorer.scores(Histories.of([history]))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-4)


def test_the_order_of_the_rows_is_kept(scorer: Scorer) -> None:
    forward = scorer.scores(Histories.of(HISTORIES))
    backward = scorer.scores(Histories.of(HISTORIES[::-1]))
    torch.testing.assert_close(forward, backward.flip(0), rtol=1e-4, atol=1e-4)


def test_nothing_but_empty_histories_can_be_scored(scorer: Scorer) -> None:
    scores = scorer.scores(Histories.of([[], []]))
    assert scores.shape == (2, N_ITEMS)
    torch.testing.assert_close(scores[0], scores[1])


def test_no_histories_give_no_scores(scorer: Scorer) -> None:
    assert scorer.scores(Histories.of([])).shape == (0, N_ITEMS)


def test_asking_twice_gives_the_same_and_changes_no_input(scorer: Scorer) -> None:
    histories = Histories.of(HISTORIES)
    items, offsets = histories.items.copy(), histories.offsets.copy()
    first = scorer.scores(histories)
    kept = first.clone()
    # Whoever asked may write into the answer, as removing seen items does.
    first.fill_(-1)
    assert torch.equal(scorer.scores(histories), kept)
    assert np.array_equal(histories.items, items)
    assert np.array_equal(histories.offsets, offsets)


@pytest.mark.parametrize("made_by", [network, causal_network])
def test_only_the_newest_items_that_fit_the_window_count(made_by: Callable[[], Scorer]) -> None:
    made = made_by()
    long = [1] * 50 + HISTORIES[3][-11:]
    torch.testing.assert_close(
        made.scores(Histories.of([long])), made.scores(Histories.of([HISTORIES[3][-11:]]))
    )


def test_scores_are_the_products_of_vectors_where_there_are_some() -> None:
    for made in (
        network(),
        training_network(),
        causal_network(),
        baseline("als"),
        baseline("item2vec"),
    ):
        assert isinstance(made, VectorScorer)
        histories = Histories.of(HISTORIES)
        product = made.vectors(histories) @ made.item_vectors().T
        torch.testing.assert_close(product, made.scores(histories))
        assert made.vectors(Histories.of([])).shape == (0, made.item_vectors().shape[1])
    assert not isinstance(baseline("popularity"), VectorScorer)


@pytest.mark.parametrize("made_by", [network, causal_network])
@pytest.mark.parametrize("n_places", [1, 9, 30])
def test_histories_are_read_in_parts_of_like_length_with_the_same_scores(
    n_places: int, made_by: Callable[[], Scorer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_by()
    whole = made.scores(Histories.of(HISTORIES))
    monkeypatch.setattr("bert4rec.scorer.CPU_PLACES", n_places)
    parts = made.scores(Histories.of(HISTORIES))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)
