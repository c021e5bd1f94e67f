from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bert4rec.data import dataset as dataset_module
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.profile import profile


def with_times(dataset: SequenceDataset, times_s: list[float]) -> SequenceDataset:
    return dataclasses.replace(dataset, times_s=np.array(times_s))


def test_figures_of_a_small_dataset():
    dataset = SequenceDataset.from_sequences([[1, 2, 1], [2], [3, 3]])
    found = profile(dataset)
    assert (found.n_users, found.n_items, found.n_interactions) == (3, 3, 6)
    assert found.density == pytest.approx(4 / 9)
    assert found.share_repeats == pytest.approx(2 / 6)
    assert found.length_quantiles["median"] == 2
    assert found.length_quantiles["max"] == 3
    assert (found.first_at, found.last_at) == (None, None)


def test_the_histogram_counts_every_history_once():
    lengths = [1, 1, 2, 5, 200, 3]
    edges, counts = profile(
        SequenceDataset.from_sequences([[1] * n for n in lengths])
    ).length_histogram
    assert counts.sum() == len(lengths)
    assert edges[0] == 1
    assert edges[-1] > 200
    assert len(edges) == len(counts) + 1


def test_the_popularity_curve_goes_from_nothing_to_everything():
    items, share = profile(SequenceDataset.from_sequences([[1, 1, 1, 2], [3]])).popularity_curve
    assert items.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert share.tolist() == pytest.approx([0, 0.6, 0.8, 1])


def test_ties_count_within_a_history_only():
    dataset = SequenceDataset.from_sequences([[1, 2, 3], [1], [2, 3]])
    found = profile(with_times(dataset, [1.7e9, 1.7e9, 1.8e9, 1.8e9, 1.8e9, 1.9e9]))
    assert found.share_time_ties == pytest.approx(1 / 3)
    assert found.first_at == "2023-11-14T22:13:20+00:00"
    assert found.last_at == "2030-03-17T17:46:40+00:00"


def test_counters_have_no_dates():
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    assert profile(with_times(dataset, [1, 2, 1, 2])).first_at is None


def test_blocks_of_users_give_the_same_figures_as_one_pass(monkeypatch: pytest.MonkeyPatch):
    generator = np.random.default_rng(0)
    sequences = [
        generator.integers(1, 6, size=n).tolist() for n in generator.integers(1, 9, size=40)
    ]
    dataset = SequenceDataset.from_sequences(sequences)
    dataset = with_times(dataset, generator.integers(0, 3, size=dataset.n_interactions).tolist())
    whole = profile(dataset)
    for n_rows in (1, 7, 64):
        monkeypatch.setattr(dataset_module, "BLOCK_ROWS", n_rows)
        cut = profile(dataclasses.replace(dataset))
        assert (cut.density, cut.share_repeats, cut.share_time_ties) == (
            whole.density, whole.share_repeats, whole.share_time_ties
        )  # fmt: skip
    pairs = {(user, item) for user, items in enumerate(sequences) for item in items}
    assert whole.density == pytest.approx(len(pairs) / (dataset.n_users * dataset.n_items))


def messages(sequences: list[list[int]], level: str) -> str:
    checks = profile(SequenceDataset.from_sequences(sequences)).checks
    return "; ".join(check.message for check in checks if check.level == level)


def test_small_data_is_warned_of():
    found = messages([[1, 2, 3]] * 24, "warning")
    assert "only 24 users have two or more" in found
    assert "only 72 interactions" in found
    assert messages([[*range(1, 41)]] * 25, "warning") == ""


def test_histories_of_one_item_are_an_error():
    assert "nothing to learn an order from" in messages([[1]] * 30, "error")


def test_long_histories_and_repeats_are_mentioned():
    found = messages([[1, 2] * 60] * 25, "info")
    assert "longer than the window of 50" in found
    assert "repeat an item" in found


def test_items_that_occur_once_are_warned_of():
    sequences = [list(range(40 * n + 1, 40 * n + 41)) for n in range(30)]
    found = messages(sequences, "warning")
    assert "100% of the items occur once" in found
    assert "an item for every second interaction" in found
