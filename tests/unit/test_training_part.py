from __future__ import annotations

import numpy as np
import pytest

from bert4rec import training_part
from bert4rec.data.dataset import SequenceDataset
from bert4rec.training_part import TrainingPart
from tests.factories import random_dataset, small_settings

# The last two items of each history are held out.
SEQUENCES = [[1, 2, 1, 3, 4], [2, 2, 5, 4], [1, 3, 4, 4]]


def training_of(sequences: list[list[int]]) -> TrainingPart:
    return TrainingPart.of(SequenceDataset.from_sequences(sequences, n_items=6), small_settings())


def test_what_is_held_out_counts_in_no_figure() -> None:
    training = training_of(SEQUENCES)
    assert training.n_interactions == 7
    assert training.counts.tolist() == [3, 3, 1, 0, 0, 0]
    # Item 1 of the first user and item 2 of the second are met again; item 4 is held out.
    assert training.repeat_share == pytest.approx(2 / 7)


def test_repeats_are_repeats_of_one_user() -> None:
    assert training_of([[1, 2, 3, 4], [2, 1, 3, 4]]).repeat_share == 0


def test_shares_are_chances_and_an_item_that_did_not_train_counts_as_met_once() -> None:
    shares = 2 ** training_of(SEQUENCES).log_shares(np.arange(1, 7))
    assert shares == pytest.approx(np.array([3, 3, 1, 1, 1, 1]) / 10)
    assert shares.sum() == pytest.approx(1)


def test_blocks_change_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = random_dataset([5, 9, 0, 2, 40, 1, 7, 3, 12], n_items=6)
    whole = TrainingPart.of(dataset, small_settings())
    figures = (whole.counts.tolist(), whole.repeat_share)
    for n_rows in (1, 4, 10):
        monkeypatch.setattr(training_part, "BLOCK_ROWS", n_rows)
        in_blocks = TrainingPart.of(dataset, small_settings())
        assert (in_blocks.counts.tolist(), in_blocks.repeat_share) == figures


def test_users_held_out_whole_do_not_train() -> None:
    dataset = random_dataset([8] * 10)
    settings = small_settings(sample_strategy="user_based", sample_ratio=0.5)
    assert TrainingPart.of(dataset, settings).n_interactions == 5 * 6


def test_of_a_dataset_without_histories_the_counts_of_its_items_are_known() -> None:
    vocabulary = SequenceDataset.from_sequences([[1, 1, 1, 2]]).vocabulary
    made = SequenceDataset(
        items=np.empty(0, dtype=np.int32),
        offsets=np.zeros(1, dtype=np.int64),
        vocabulary=vocabulary,
        users=SequenceDataset.from_sequences([[1]]).users.head(0),
    )
    training = TrainingPart.of(made, small_settings())
    assert (training.n_interactions, training.repeat_share) == (0, 0.0)
    assert 2 ** training.log_shares(np.array([1, 2])) == pytest.approx([0.75, 0.25])
