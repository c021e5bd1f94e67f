from __future__ import annotations

import numpy as np
import pytest
import torch

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import split_dataset
from bert4rec.device import choose_device
from bert4rec.evaluation import judge
from bert4rec.held_out.extremes import find_extremes
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.sasrec import new_network
from tests.factories import small_settings


@pytest.fixture(scope="module")
def recommender(tiny_run: Run) -> Recommender:
    return load_model(tiny_run)


def test_both_ends_are_those_of_the_evaluation(recommender: Recommender) -> None:
    found = find_extremes(recommender, n_shown=5)
    dataset = recommender.dataset
    rows = split_dataset(dataset, recommender.settings).test
    ranks = np.sort(
        judge(recommender.scorer, dataset, rows, remove_seen=recommender.removes_seen).ranks
    )
    assert [one.rank for one in found.best] == ranks[:5].tolist()
    assert [one.rank for one in found.worst] == ranks[::-1][:5].tolist()
    assert found.n_judged == len(rows)
    for one in (*found.best, *found.worst):
        history = dataset.history(dataset.user_idx(one.user_id))
        assert history[one.n_items - 2 : one.n_items].tolist() == [one.last_idx, one.item_idx]


def test_it_tells_how_many_items_are_ranked(recommender: Recommender) -> None:
    told: list[tuple[str, float]] = []
    find_extremes(recommender, watch=lambda *step: told.append(step))
    assert told[-1] == ("ranking held-out items", 1.0)


def test_a_sample_repeats_with_its_seed(recommender: Recommender) -> None:
    one, two, other = (find_extremes(recommender, n_judged=40, seed=seed) for seed in (0, 0, 1))
    assert one == two != other
    assert one.n_judged == 40


def test_users_held_out_whole_and_several_items_of_a_user_are_one_row_each(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"sample_strategy": "user_based", "sample_ratio": 0.5}
    changes |= {"split_strategy": "last_k", "held_out_items": 2}
    settings = recommender.settings.model_copy(update=changes)
    monkeypatch.setattr(recommender, "settings", settings)
    found = find_extremes(recommender)
    assert found.n_judged == recommender.dataset.n_users
    for one in found.best:
        whole = recommender.dataset.history(recommender.dataset.user_idx(one.user_id))
        assert one.n_items == len(whole)


@pytest.mark.parametrize(("seen_items", "n_judged"), [("remove", 10), ("keep", 30)])
def test_what_was_met_before_is_no_bad_prediction_where_it_leaves_the_ranking(
    seen_items: str, n_judged: int
) -> None:
    sequences = [np.array(one) for one in ([1, 2, 3, 1], [2, 3, 4, 5], [5, 4, 3, 3]) * 10]
    dataset = SequenceDataset.from_sequences(sequences, name="again")
    settings = small_settings(seen_items=seen_items)
    network = new_network(dataset.n_items, settings, torch.Generator().manual_seed(0))
    found = find_extremes(Recommender(network, dataset, settings, choose_device("cpu")))
    assert found.n_judged == n_judged
    assert max(one.rank for one in found.worst) < dataset.n_items
