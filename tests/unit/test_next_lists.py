from __future__ import annotations

import numpy as np
import pytest

from bert4rec.data.split import split_dataset
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.next_lists import next_lists, yardsticks
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run

HISTORY = np.array([3, 4, 5])


@pytest.fixture(scope="module")
def ring(tiny_run: Run) -> Recommender:
    return load_model(tiny_run, device="cpu")


def test_a_network_lists_what_it_recommends_with_probabilities(ring: Recommender) -> None:
    found = next_lists({"a": ring.scorer}, HISTORY, k=4, true_idx=6)["a"]
    wanted = ring.recommend(["3", "4", "5"], 4, remove_seen=True)
    assert [one.item_idx for one in found.items] == [one.item_idx for one in wanted]
    for one, other in zip(found.items, wanted, strict=True):
        assert one.weight == pytest.approx(other.probability, rel=1e-4)
    assert found.is_network
    ranks = [one.item_idx for one in ring.recommend(["3", "4", "5"], 30, remove_seen=True)]
    assert found.true_rank == ranks.index(6)


def test_yardsticks_list_their_counts_of_the_training_part(ring: Recommender) -> None:
    scorers = yardsticks(ring.dataset, ring.settings)
    found = next_lists(scorers, HISTORY, k=3, true_idx=6)
    rows = Histories.at(ring.dataset, split_dataset(ring.dataset, ring.settings).train)
    pairs = list(zip(rows.items[:-1], rows.items[1:], rows.rows[:-1], rows.rows[1:], strict=True))
    n_after = sum(before == 5 and after == 6 and a == b for before, after, a, b in pairs)
    assert found["transitions"].items[0].item_idx == 6
    assert found["transitions"].items[0].weight == n_after
    assert found["transitions"].true_rank == 0
    assert found["popularity"].items[0].weight == np.bincount(rows.items).max()
    assert not found["popularity"].is_network


def test_what_came_next_and_what_all_lists_hold_is_marked(ring: Recommender) -> None:
    scorers = {"a": ring.scorer} | yardsticks(ring.dataset, ring.settings)
    found = next_lists(scorers, HISTORY, k=5, true_idx=6)
    listed = {name: {one.item_idx for one in one_list.items} for name, one_list in found.items()}
    shared = set.intersection(*listed.values())
    for one_list in found.values():
        assert all(one.is_shared == (one.item_idx in shared) for one in one_list.items)
        assert all(one.is_true == (one.item_idx == 6) for one in one_list.items)


def test_seen_items_stay_where_people_return_and_nothing_is_true_without_a_future(
    ring: Recommender,
) -> None:
    scorers = yardsticks(ring.dataset, ring.settings)
    all_items = np.arange(1, 31)
    assert not next_lists(scorers, all_items, k=5)["popularity"].items
    found = next_lists(scorers, all_items, k=5, remove_seen=False)["popularity"]
    assert len(found.items) == 5
    assert found.true_rank is None


def test_what_left_the_lists_as_seen_has_no_rank(ring: Recommender) -> None:
    scorers = {"a": ring.scorer} | yardsticks(ring.dataset, ring.settings)
    met_before = int(HISTORY[0])
    removed = next_lists(scorers, HISTORY, k=5, true_idx=met_before)
    kept = next_lists(scorers, HISTORY, k=5, true_idx=met_before, remove_seen=False)
    assert all(one.true_rank is None for one in removed.values())
    assert all(one.true_rank is not None for one in kept.values())


def test_lists_limited_to_some_items_rank_these_alone_and_keep_the_probabilities(
    ring: Recommender,
) -> None:
    is_allowed = np.zeros(30, dtype=bool)
    is_allowed[[5, 8, 20]] = True
    scorers = {"a": ring.scorer} | yardsticks(ring.dataset, ring.settings)
    whole = next_lists(scorers, HISTORY, k=27)
    for name, one in next_lists(scorers, HISTORY, k=5, true_idx=9, is_allowed=is_allowed).items():
        weights = {item.item_idx: item.weight for item in whole[name].items}
        assert {item.item_idx for item in one.items} == {6, 9, 21}
        assert all(item.weight == weights[item.item_idx] for item in one.items)
        assert one.true_rank is not None
        assert one.true_rank < 3
    other = next_lists(scorers, HISTORY, k=5, true_idx=7, is_allowed=is_allowed)
    assert all(one.true_rank is None for one in other.values())
