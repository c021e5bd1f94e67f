from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from bert4rec.attention import place_attention
from bert4rec.errors import SettingsError
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from tests.factories import shelf_recommender

ITEMS = np.array([4, 5, 6, 7, 8, 9])


@pytest.fixture(scope="module")
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def plain(seen: list[Tensor]) -> Callable[..., Tensor]:
    """Return plain attention, which writes its weights down."""

    def attend(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor, scale: float | None
    ) -> Tensor:
        scores = query @ key.mT * (scale or query.shape[-1] ** -0.5)
        weights = scores.masked_fill(~attn_mask, -torch.inf).softmax(dim=-1)
        seen.append(weights)
        return weights @ value

    return attend


def plain_attention(
    recommender: Recommender, shown: np.ndarray, place: int, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray:
    """The weights with which the network itself answers, written down as it answers."""
    seen: list[Tensor] = []
    attend = plain(seen)

    expected = recommender.scores_at(shown, [place])
    with monkeypatch.context() as patch:
        patch.setattr("bert4rec.layers.F.scaled_dot_product_attention", attend)
        answered = recommender.scores_at(shown, [place])
    # The plain one answers the same, so its weights are those of the network.
    assert torch.allclose(answered, expected, atol=1e-4)
    # Items and places by turns; the last block answers for the places alone, with its heads where
    # tokens are otherwise.
    of_places = [*seen[1:-1:2], seen[-1]]
    return torch.stack([weights.flatten(0, 2) for weights in of_places]).numpy()


@pytest.mark.parametrize("place", range(6))
def test_the_attention_is_that_with_which_the_network_answers(
    recommender: Recommender, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ITEMS.copy()
    shown[[place, 1]] = recommender.vocabulary.mask_idx
    expected = plain_attention(recommender, shown, place, monkeypatch)
    found = place_attention(recommender, ITEMS, place, hidden=[1])
    assert found.shape == (2, 2, 6)
    assert found == pytest.approx(expected, abs=1e-5)


def test_each_head_shares_out_all_of_its_attention_among_what_is_shown(
    recommender: Recommender,
) -> None:
    found = place_attention(recommender, ITEMS, 2, hidden=[2, 4])
    assert found.sum(axis=2) == pytest.approx(np.ones((2, 2)), abs=1e-5)
    assert (found[:, :, [2, 4]] == 0).all()
    assert (found[:, :, [0, 1, 3, 5]] > 0).all()


def test_items_before_the_window_get_none_and_places_there_are_told(
    recommender: Recommender,
) -> None:
    long = np.arange(1, 21)
    found = place_attention(recommender, long, 15)
    assert found.shape[2] == 20
    assert (found[:, :, :8] == 0).all()
    with pytest.raises(SettingsError, match="before the window"):
        place_attention(recommender, long, 3)


def test_the_given_items_are_left_as_they_are(recommender: Recommender) -> None:
    items = ITEMS.copy()
    place_attention(recommender, items, 2, [3])
    assert np.array_equal(items, ITEMS)


def test_what_sees_only_the_past_attends_as_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = shelf_recommender(n_layers=2, attention="causal")
    seen: list[Tensor] = []
    attend = plain(seen)

    shown = ITEMS.copy()
    shown[[4, 1]] = causal.vocabulary.mask_idx
    with monkeypatch.context() as patch:
        patch.setattr("bert4rec.layers.F.scaled_dot_product_attention", attend)
        causal.scores_at(shown, [4])
    # Of the first block the newest item's row; the last answers for it alone.
    expected = torch.stack([seen[0][0, :, -1], seen[1].flatten(0, 2)]).numpy()
    found = place_attention(causal, ITEMS, 4, hidden=[1])
    assert found[..., [0, 2, 3]] == pytest.approx(expected, abs=1e-5)
    assert not found[..., [1, 4, 5]].any()
    assert not place_attention(causal, ITEMS, 0).any()
