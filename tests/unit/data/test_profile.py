from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert4rec.data import dataset as dataset_module
from bert4rec.data.checks import check_dataset
from bert4rec.data.dataset import SequenceDataset, count_distinct
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


def test_a_long_tail_is_counted_in_bins_of_equal_ratios_and_others_are_not():
    lengths = [*[2, 3, 4, 5] * 20, 30, 400, 5000]
    found = profile(SequenceDataset.from_sequences([[1] * n for n in lengths]))
    assert found.length_histogram[1].max() > 0.9 * len(lengths)
    assert found.ratio_histogram is not None
    edges, counts = found.ratio_histogram
    assert counts.sum() == len(lengths)
    assert counts.max() < 0.5 * len(lengths)
    assert (edges[0], edges[-1]) == (2, 5001)
    assert (np.diff(edges) > 0).all()
    assert (edges[8:-1] / edges[7:-2]).max() < 2
    few = profile(SequenceDataset.from_sequences([[1] * n for n in (1, 1, 1, 2, 40)]))
    even = profile(SequenceDataset.from_sequences([[1] * n for n in range(1, 400)]))
    assert few.ratio_histogram is even.ratio_histogram is None


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


@pytest.mark.parametrize("first_s", [-62_135_596_801, -62_167_219_200, -2e11])
def test_a_moment_before_the_first_year_leaves_the_span_untold(first_s: float):
    dataset = with_times(SequenceDataset.from_sequences([[1, 2], [2, 1]]), [first_s, 1, 1.7e9, 2e9])
    found = profile(dataset)
    assert (found.first_at, found.last_at, found.time_histogram) == (None, None, None)
    assert check_dataset(dataset, found)


def test_the_first_moment_of_the_first_year_is_told():
    dataset = SequenceDataset.from_sequences([[1, 2], [2, 1]])
    found = profile(with_times(dataset, [-62_135_596_800, 1, 1.7e9, 2e9]))
    assert found.first_at == "0001-01-01T00:00:00+00:00"


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


def test_what_the_checks_need_is_counted():
    dataset = SequenceDataset.from_sequences([[1, 1, 2, 1], [3], [2] * 60, [4, 4]])
    found = profile(dataset)
    assert (found.n_repeats, found.n_repeats_in_a_row) == (2 + 59 + 1, 1 + 59 + 1)
    assert (found.n_long, found.window, found.share_long) == (1, 50, 0.25)
    assert found.n_single_items == 1
    assert (found.n_time_ties, found.n_backward, found.n_duplicates) == (0, 0, 0)


def test_duplicates_have_the_same_user_item_and_time():
    dataset = SequenceDataset.from_sequences([[1, 2, 1, 1], [1, 1]])
    found = profile(with_times(dataset, [1.7e9, 1.7e9, 1.7e9, 1.8e9, 1.8e9, 1.9e9]))
    assert (found.n_duplicates, found.n_time_ties) == (1, 2)
    dropped = dataclasses.replace(
        with_times(dataset, [1.7e9] * 6), manifest={"settings": {"drop_duplicates": True}}
    )
    assert profile(dropped).n_duplicates == 0


def test_interactions_are_counted_by_time():
    dataset = SequenceDataset.from_sequences([[1, 2, 3], [3]])
    found = profile(with_times(dataset, [1.7e9, 1.7e9 + 1, 1.7e9 + 60, 1.7e9 + 60]))
    assert found.time_histogram is not None
    edges_s, counts = found.time_histogram
    assert (edges_s[0], edges_s[-1], len(edges_s)) == (1.7e9, 1.7e9 + 60, len(counts) + 1)
    assert counts[0] == counts[1] == 1
    assert counts[-1] == 2
    assert counts.sum() == 4


def test_without_dates_nothing_is_counted_by_time():
    dataset = SequenceDataset.from_sequences([[1, 2]])
    assert profile(dataset).time_histogram is None
    assert profile(with_times(dataset, [1, 2])).time_histogram is None
    assert profile(with_times(dataset, [1.7e9, 1.7e9])).time_histogram is None


histories = st.lists(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=8), min_size=1, max_size=12
).filter(any)


@given(histories=histories, n_rows=st.integers(1, 40))
def test_the_counts_equal_those_of_plain_loops(histories: list[list[tuple[int, int]]], n_rows: int):
    dataset = SequenceDataset.from_sequences([[item for item, _ in h] for h in histories])
    dataset = with_times(dataset, [float(moment) for h in histories for _, moment in h])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "BLOCK_ROWS", n_rows)
        found = profile(dataset)
    pairs = [(one, other) for h in histories for one, other in pairwise(h)]
    assert found.n_repeats == sum(len(h) - len({item for item, _ in h}) for h in histories)
    assert found.n_neighbours == len(pairs)
    assert found.n_repeats_in_a_row == sum(one[0] == other[0] for one, other in pairs)
    assert found.n_time_ties == sum(one[1] == other[1] for one, other in pairs)
    assert found.n_backward == sum(one[1] > other[1] for one, other in pairs)


@given(histories=histories, n_rows=st.integers(1, 40))
def test_the_duplicates_equal_those_of_plain_loops(
    histories: list[list[tuple[int, int]]], n_rows: int
):
    histories = [sorted(history, key=lambda met: met[1]) for history in histories]
    dataset = SequenceDataset.from_sequences([[item for item, _ in h] for h in histories])
    dataset = with_times(dataset, [float(moment) for h in histories for _, moment in h])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_module, "BLOCK_ROWS", n_rows)
        found = profile(dataset)
    assert found.n_duplicates == sum(len(h) - len(set(h)) for h in histories)


@given(st.lists(st.integers(-3, 3)))
def test_different_values_are_counted_as_a_set_counts_them(keys: list[int]):
    assert count_distinct(np.array(keys, dtype=np.int64)) == len(set(keys))
