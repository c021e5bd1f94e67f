from __future__ import annotations

import numpy as np
import pytest

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.id_signs import MOST_IDS, dated_ids, first_times, time_correlation


def test_ids_in_order_of_time_correlate_with_it():
    times_s = np.arange(100.0)
    assert time_correlation([f"i{n}" for n in range(100)], times_s) == pytest.approx(1)
    assert time_correlation([f"i{100 - n}" for n in range(100)], times_s) == pytest.approx(-1)
    assert time_correlation([f"{n:03d}" for n in range(100)], times_s) == pytest.approx(1)


def test_shuffled_ids_do_not():
    numbers = np.random.default_rng(0).permutation(500)
    assert abs(time_correlation([str(n) for n in numbers], np.arange(500.0))) < 0.2


def test_equal_times_few_ids_and_no_times_say_nothing():
    ids = [str(n) for n in range(100)]
    assert time_correlation(ids, np.zeros(100)) == 0
    assert time_correlation(ids, np.full(100, np.inf)) == 0
    assert time_correlation(ids[:49], np.arange(49.0)) == 0
    assert time_correlation([], np.empty(0)) == 0


def test_of_very_many_ids_an_even_selection_is_enough():
    n = MOST_IDS * 2 + 7
    assert time_correlation([str(k) for k in range(n)], np.arange(float(n))) == pytest.approx(1)
    assert dated_ids(["2024-05-17"] * n) == (1.0, "2024-05-17")


@pytest.mark.parametrize("text", ["2024-05-17", "s20240517", "x/2024/05/17/7", "1999.12.31-a"])
def test_dates_in_ids_are_seen(text: str):
    assert dated_ids(["a", text]) == (0.5, text)


@pytest.mark.parametrize("text", ["", "20241317", "2024-05/17", "120240517", "2024-05-171", "t7"])
def test_other_numbers_are_no_dates(text: str):
    assert dated_ids([text]) == (0.0, "")


def test_the_first_time_of_users_and_items_is_found():
    dataset = SequenceDataset.from_sequences([[2, 1], [], [1]], n_items=3)
    assert all(np.isinf(part).all() for part in first_times(dataset))
    dataset = SequenceDataset(
        dataset.items, dataset.offsets, dataset.vocabulary, dataset.users, np.array([5.0, 7, 6])
    )
    users_s, items_s = first_times(dataset)
    assert users_s.tolist() == [5, np.inf, 6]
    assert items_s.tolist() == [6, 5, np.inf]
