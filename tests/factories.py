"""Small real objects for tests, among them worlds with a known answer."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.log import InteractionLog
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.device import choose_device
from bert4rec.files import TEMPORARY_LOCK, make_folder, temporary_beside
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.model import Network
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run, open_run
from bert4rec.sasrec import new_network
from bert4rec.setting_checks import parse_settings

BRIDGE_SIDES = 4


def small_settings(**changes: Any) -> Hyperparameters:
    """Settings that train in a blink; whatever moves the numbers is given, not left to defaults."""
    values: dict[str, Any] = {
        "hidden_size": 16,
        "inner_size": 32,
        "n_heads": 2,
        "n_layers": 1,
        "max_seq_length": 12,
        "mask_rate": 0.2,
        "next_item_rate": 0.25,
        "dropout_rate": 0.2,
        "grad_clip": 5.0,
        "n_epochs": 3,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "early_stopping_step": 0,
        "device": "cpu",
        "precision": "float32",
        "n_threads": 1,
        "seed": 7,
    }
    return parse_settings(values | changes)


def ring_dataset(
    n_items: int = 30, n_users: int = 240, *, min_length: int = 6, max_length: int = 14
) -> SequenceDataset:
    """The next item is the following one, around a ring; every user starts somewhere else."""
    chance = np.random.default_rng(0)
    starts = chance.integers(n_items, size=n_users)
    lengths = chance.integers(min_length, max_length + 1, size=n_users)
    sequences = [
        (start + np.arange(length)) % n_items + 1
        for start, length in zip(starts, lengths, strict=True)
    ]
    return SequenceDataset.from_sequences(sequences, n_items=n_items, name="ring")


def shuffled_dataset(n_items: int = 60, n_users: int = 150) -> SequenceDataset:
    """Items drawn one by one from fixed shares: nothing but popularity can be learned."""
    chance = np.random.default_rng(1)
    share = 1 / np.arange(1, n_items + 1)
    share /= share.sum()
    lengths = chance.integers(8, 16, size=n_users)
    sequences = [chance.choice(n_items, size=length, p=share) + 1 for length in lengths]
    return SequenceDataset.from_sequences(sequences, n_items=n_items, name="shuffled")


def bridge_dataset(n_users: int = 200, n_bridges: int = 6) -> SequenceDataset:
    """Middle, right, left, again and again; the left before and the right after make the middle.

    Four lefts (1..4) and four rights (5..8) make sixteen middles (9..24): each neighbour alone
    leaves four of them equally likely. The fourth of the newest six items is a middle.
    """
    chance = np.random.default_rng(2)
    n = BRIDGE_SIDES
    left = chance.integers(n, size=(n_users, n_bridges))
    right = chance.integers(n, size=(n_users, n_bridges))
    before = np.concatenate([chance.integers(n, size=(n_users, 1)), left[:, :-1]], axis=1)
    middle = before * n + right
    parts = np.stack([1 + 2 * n + middle, 1 + n + right, 1 + left], axis=2)
    sequences = list(parts.reshape(n_users, -1))
    return SequenceDataset.from_sequences(sequences, n_items=2 * n + n * n, name="bridge")


def random_dataset(lengths: list[int], n_items: int = 9, seed: int = 0) -> SequenceDataset:
    """Histories of the given lengths with items drawn evenly."""
    chance = np.random.default_rng(seed)
    sequences = [chance.integers(1, n_items + 1, size=length) for length in lengths]
    return SequenceDataset.from_sequences(sequences, n_items=n_items)


def timed_dataset(
    lengths: list[int], n_items: int = 9, seed: int = 0, *, n_moments: int = 50
) -> SequenceDataset:
    """Such histories with times, some of them equal; each in the order of time."""
    made = random_dataset(lengths, n_items, seed)
    chance = np.random.default_rng(seed)
    times = [np.sort(chance.integers(n_moments, size=length)) for length in lengths]
    return replace(made, times_s=1.7e9 + 3600.0 * np.concatenate(times))


def small_network(n_items: int = 11, *, spread: float = 0.5, **changes: Any) -> Network:
    """A network in evaluation mode with weights large enough that every part matters."""
    settings = small_settings(initializer_range=spread, **changes)
    return new_network(n_items, settings, torch.Generator().manual_seed(3)).eval()


def saved_dataset(workspace: Path, dataset: SequenceDataset) -> SequenceDataset:
    """The dataset where runs of the workspace look for it."""
    return dataset.save(workspace / "datasets" / f"{dataset.name}-{dataset.fingerprint[:8]}")


def abandoned_beside(path: Path) -> Path:
    """Return the temporary path of a process that is gone; its lock lies beside it."""
    make_folder(path.parent)
    with temporary_beside(path) as temporary:
        pass
    temporary.with_suffix(TEMPORARY_LOCK).touch()
    return temporary


def histories_of(dataset: SequenceDataset) -> dict[str, list[str]]:
    """Return the histories of a dataset by raw ids, oldest first."""
    return {
        dataset.user_id(user): [dataset.vocabulary.item_id(i) for i in dataset.history(user)]
        for user in range(dataset.n_users)
    }


def columns_of(log: InteractionLog, *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of a log's rows in reading order, None where there is nothing."""
    found = log.rows.frame()[list(columns)].astype(object)
    found = found.where(found.notna(), None)
    return [tuple(row) for row in found.itertuples(index=False, name=None)]


SHELF = pd.DataFrame(
    {
        "item_id": [f"b{at}" for at in range(1, 11)],
        "title": [f"Book {at}" for at in range(1, 11)],
        "count": [40, 30, 20, 10, 8, 6, 4, 2, 1, 0],
        "author": ["Ann", "Ann", "Ann", "Bo", "Bo", "Bo", "Cy", "Cy", "Dee", None],
        "genre": [
            "calm|wild",
            "wild",
            "calm",
            "calm",
            "wild",
            "",
            "calm",
            "wild|odd",
            "odd",
            "calm",
        ],
        "series": ["One", "One", "One", "Two", "Two", "Two", None, None, None, None],
        "series_number": [1, 2, 3, 1, 2, 3, None, None, None, None],
        "requires": ["", "", "", "", "", "", "b1;b4", "b7", "b2", ""],
    }
)


def small_recommender(dataset: SequenceDataset, **changes: Any) -> Recommender:
    """An untrained network over a dataset."""
    network = small_network(dataset.n_items, **changes)
    choice = choose_device("cpu", "float32", 1)
    return Recommender(network, dataset, small_settings(**changes), choice)


def shelf_recommender(n_places: int = 12, **changes: Any) -> Recommender:
    """An untrained network over ten books with authors, genres, series and requirements."""
    made = SequenceDataset.from_sequences([[1, 2, 3], [4, 5, 6, 7, 8]], n_items=10, name="shelf")
    dataset = replace(made, vocabulary=Vocabulary(SHELF))
    return small_recommender(dataset, max_seq_length=n_places, **changes)


def namesakes_recommender() -> Recommender:
    """The shelf, where the second book and the fourth have one title, and the third another id."""
    titles = ["Book 1", "Emma", "b4", "Emma", *SHELF["title"][4:]]
    shelf = shelf_recommender().dataset
    dataset = replace(shelf, vocabulary=Vocabulary(SHELF.assign(title=titles)))
    return small_recommender(dataset, max_seq_length=12)


def copied(run: Run, folder: Path) -> Run:
    """The run in a workspace of its own, to be changed."""
    shutil.copytree(run.workspace, folder, ignore=shutil.ignore_patterns("*.sqlite"))
    return open_run(folder / "runs" / run.id)
