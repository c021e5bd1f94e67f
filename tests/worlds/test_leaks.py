"""Nothing that is held out reaches what is learned: other held-out items, the same weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bert4rec.baselines.catalogue import BASELINES
from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Split, split_dataset
from bert4rec.histories import Histories
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.workshop import Workshop
from tests.factories import small_settings, timed_dataset

SPLITS: dict[str, dict[str, Any]] = {
    "leave_one_out": {},
    "last_k": {"held_out_items": 2},
    "global_time": {"held_out_share": 0.15},
}
LOSSES: dict[str, dict[str, Any]] = {
    "CE": {},
    "sampled_CE": {"negative_sampling": "popularity", "negative_sharing": "batch"},
}


def dataset_of() -> SequenceDataset:
    return timed_dataset([8, 5, 9, 12, 3, 7] * 15, n_items=40)


def with_other_held_out(dataset: SequenceDataset, split: Split) -> SequenceDataset:
    """The same histories with other items wherever nothing is trained on."""
    is_trained = np.zeros(dataset.n_interactions, dtype=bool)
    for start, end in zip(split.train.starts, split.train.ends, strict=True):
        is_trained[start:end] = True
    drawn = np.random.default_rng(2).integers(1, dataset.n_items + 1, dataset.n_interactions)
    assert not is_trained.all()
    return replace(dataset, items=np.where(is_trained, dataset.items, drawn).astype(np.int32))


def settings_of(split: str, **changes: Any) -> Hyperparameters:
    users = {"sample_strategy": "user_based", "sample_ratio": 0.8}
    asked = {"split_strategy": split, "seen_items": "keep", "n_epochs": 1, "eval_step": 0}
    return small_settings(**(users | asked | SPLITS[split] | changes))


@pytest.mark.parametrize("loss_type", LOSSES)
@pytest.mark.parametrize("split", SPLITS)
def test_other_held_out_items_give_the_same_weights(split: str, loss_type: str) -> None:
    dataset, settings = (
        dataset_of(),
        settings_of(split, loss_type=loss_type, **LOSSES[loss_type]),
    )
    found = []
    for one in (dataset, with_other_held_out(dataset, split_dataset(dataset, settings))):
        workshop = Workshop.open(one, settings)
        workshop.trainer().run()
        found.append(list(workshop.network.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("split", SPLITS)
def test_other_held_out_items_give_the_same_baselines(split: str, name: str) -> None:
    dataset = dataset_of()
    cut = split_dataset(dataset, settings_of(split))
    asked = Histories.at(dataset, cut.test)
    one, other = (
        BASELINES[name].fit(TrainingRows.of(each, cut.train)).scores(asked)
        for each in (dataset, with_other_held_out(dataset, cut))
    )
    assert torch.equal(one, other)


def test_nothing_that_is_learned_is_later_than_the_cut_in_time() -> None:
    dataset = dataset_of()
    split = split_dataset(dataset, settings_of("global_time"))
    assert dataset.times_s is not None
    assert split.cuts is not None
    read = TrainingRows.of(dataset, split.train).times_s
    assert read is not None
    assert read.max() < split.cuts.valid_at_s
    assert (dataset.times_s[split.valid.ends] >= split.cuts.valid_at_s).all()
    assert (dataset.times_s[split.test.ends] >= split.cuts.test_at_s).all()
