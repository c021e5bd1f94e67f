from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bert4rec.data import order_signs
from bert4rec.data.checks import check_dataset
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.order_signs import SharedOrder, shared_order

N_USERS, N_ITEMS = 120, 80


def histories(seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [(rng.permutation(N_ITEMS)[:15] + 1).tolist() for _ in range(N_USERS)]


def warned(sequences: list[list[int]]) -> str:
    found = check_dataset(SequenceDataset.from_sequences(sequences))
    return "; ".join(each.message for each in found if each.level == "warning")


def by_hand(sequences: list[list[int]]) -> SharedOrder:
    met: dict[tuple[int, int], list[int]] = {}
    for history in sequences:
        for place, first in enumerate(history):
            for second in history[place + 1 :]:
                if first != second:
                    pair = (min(first, second), max(first, second))
                    met.setdefault(pair, [0, 0])[first > second] += 1
    again = [counts for counts in met.values() if sum(counts) > 1]
    return SharedOrder(len(again), sum(map(sum, again)), sum(map(max, again)))


def test_histories_that_are_sorted_by_item_are_warned_of() -> None:
    hidden = np.random.default_rng(9).permutation(N_ITEMS + 1)
    by_a_hidden_id = [sorted(history, key=lambda item: hidden[item]) for history in histories()]
    said = warned(by_a_hidden_id)
    assert "nearly all histories hold the same items in the same order: 100% of" in said


def test_histories_in_an_order_of_their_own_are_not() -> None:
    assert "same order" not in warned(histories())
    ring = [[(user + step) % 40 + 1 for step in range(40)] for user in range(60)]
    assert not shared_order(SequenceDataset.from_sequences(ring)).is_one


def test_a_few_exceptions_do_not_hide_a_sorting_and_few_histories_show_none() -> None:
    by_item = [sorted(history) for history in histories()]
    n = shared_order(SequenceDataset.from_sequences([*by_item[:-1], by_item[-1][::-1]]))
    assert 0.99 < n.share < 1
    assert n.is_one
    assert not shared_order(SequenceDataset.from_sequences(by_item[:5])).is_one


@pytest.mark.parametrize("n_repeats", [0, 3])
def test_pairs_are_counted_as_a_loop_counts_them(n_repeats: int) -> None:
    sequences = [history + history[:n_repeats] for history in histories(4)]
    assert shared_order(SequenceDataset.from_sequences(sequences)) == by_hand(sequences)


def test_only_popular_items_and_so_many_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = histories(2)
    dataset = SequenceDataset.from_sequences(sequences)
    monkeypatch.setattr(order_signs, "MOST_ITEMS", 10)
    popular = set((np.argsort(-dataset.vocabulary.counts, kind="stable")[:10] + 1).tolist())
    kept = [[item for item in history if item in popular] for history in sequences]
    assert shared_order(dataset) == by_hand(kept)
    monkeypatch.setattr(order_signs, "MOST_ROWS", 0)
    assert shared_order(dataset) == SharedOrder(0, 0, 0)


def test_a_dataset_without_interactions_has_no_order() -> None:
    dataset = SequenceDataset.from_sequences([[1, 2]])
    empty = dataclasses.replace(
        dataset, items=dataset.items[:0], offsets=np.zeros_like(dataset.offsets)
    )
    assert shared_order(empty) == SharedOrder(0, 0, 0)
