from __future__ import annotations

import math

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.explain import predict_masked
from bert4rec.held_out.item_losses import item_losses
from bert4rec.loaded_model import load_model
from bert4rec.runs.folder import Run
from tests.factories import random_dataset, small_recommender


def losses_one_by_one(recommender: object, dataset: SequenceDataset, context: str) -> dict:
    """Every occurrence hidden alone, by the plain way."""
    found: dict[int, list[float]] = {}
    for user in range(dataset.n_users):
        history = dataset.history(user)
        for position, item in enumerate(history):
            if len(history) == 1 or (context == "past" and not position):
                continue
            (one,) = predict_masked(recommender, history, [position], context=context, k=1)
            found.setdefault(int(item), []).append(-math.log(one.true_probability))
    return found


@pytest.mark.parametrize(("attention", "context"), [("bidirectional", "both"), ("causal", "past")])
def test_the_loss_of_an_item_is_that_of_its_places_hidden_one_by_one(
    attention: str, context: str
) -> None:
    dataset = random_dataset([5, 1, 9, 2, 7], n_items=9)
    recommender = small_recommender(dataset, attention=attention)
    found = item_losses(recommender, n_each=100)
    plain = losses_one_by_one(recommender, dataset, context)
    assert found["item_idx"].tolist() == list(range(1, 10))
    for item, n_places, loss in found.itertuples(index=False):
        assert n_places == len(plain.get(item, []))
        if n_places:
            assert loss == pytest.approx(np.mean(plain[item]), rel=1e-4)
        else:
            assert np.isnan(loss)


def test_few_places_of_each_item_are_asked_and_the_same_ones_each_time() -> None:
    recommender = small_recommender(random_dataset([20] * 10, n_items=9))
    found = item_losses(recommender, n_each=3)
    assert found["n_places"].tolist() == [3] * 9
    again = item_losses(recommender, n_each=3)
    assert found["loss"].tolist() == again["loss"].tolist()


def test_a_large_catalogue_is_asked_in_part() -> None:
    recommender = small_recommender(random_dataset([20] * 10, n_items=9))
    found = item_losses(recommender, n_places=4)
    assert found["n_places"].sum() == 4
    assert found["n_places"].max() == 1


def test_it_tells_how_many_places_are_done(tiny_run: Run) -> None:
    told: list[tuple[str, float]] = []
    item_losses(load_model(tiny_run), watch=lambda *step: told.append(step))
    assert told[-1] == ("looking for hidden items", 1.0)
