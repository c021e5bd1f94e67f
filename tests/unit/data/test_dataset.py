from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bert4rec.data.collection import damaged_datasets, list_datasets
from bert4rec.data.dataset import SequenceDataset, open_dataset
from bert4rec.errors import DatasetError, FormatError, NotFoundError, UnknownIdError
from bert4rec.json_files import read_json, write_json

SEQUENCES = [[1, 2, 3], [], [3, 2], [4]]


@pytest.fixture
def dataset() -> SequenceDataset:
    made = SequenceDataset.from_sequences(SEQUENCES, n_items=6, name="small")
    return replace(made, times_s=np.arange(6) * 1.5)


def test_a_dataset_knows_its_sizes_and_histories(dataset: SequenceDataset) -> None:
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (4, 6, 6)
    assert [dataset.history(user).tolist() for user in range(4)] == SEQUENCES
    assert dataset.lengths.tolist() == [3, 0, 2, 1]
    assert dataset.vocabulary.counts.tolist() == [1, 2, 2, 1, 0, 0]


def test_a_saved_dataset_opens_as_it_was(dataset: SequenceDataset, tmp_path: Path) -> None:
    opened = dataset.save(tmp_path / "small")
    assert [opened.history(user).tolist() for user in range(4)] == SEQUENCES
    assert opened.times_s is not None
    assert opened.times_s.tolist() == [0, 1.5, 3, 4.5, 6, 7.5]
    assert opened.users.equals(dataset.users)
    assert opened.vocabulary.table.equals(dataset.vocabulary.table)
    assert opened.fingerprint == dataset.fingerprint
    assert opened.folder == tmp_path / "small"


def test_the_large_arrays_of_a_saved_dataset_are_mapped_and_cannot_be_changed(
    dataset: SequenceDataset, tmp_path: Path
) -> None:
    opened = dataset.save(tmp_path / "small")
    assert isinstance(opened.items, np.memmap)
    assert (opened.items.dtype, opened.offsets.dtype) == (np.int32, np.int64)
    with pytest.raises(ValueError, match="read-only"):
        opened.items[0] = 3


def test_a_dataset_can_be_saved_over_itself(dataset: SequenceDataset, tmp_path: Path) -> None:
    opened = dataset.save(tmp_path / "small")
    again = opened.save(tmp_path / "small")
    assert again.items.tolist() == dataset.items.tolist()


def test_a_dataset_without_times_opens_without_times(tmp_path: Path) -> None:
    opened = SequenceDataset.from_sequences(SEQUENCES).save(tmp_path / "small")
    assert opened.times_s is None


def test_one_damaged_dataset_does_not_hide_the_others(tmp_path: Path) -> None:
    SequenceDataset.from_sequences(SEQUENCES).save(tmp_path / "datasets" / "whole")
    damaged = SequenceDataset.from_sequences(SEQUENCES).save(tmp_path / "datasets" / "damaged")
    assert damaged.folder is not None
    (damaged.folder / "manifest.json").write_text("")
    assert [manifest["folder"] for manifest in list_datasets(tmp_path)] == ["whole"]
    (error,) = damaged_datasets(tmp_path)
    assert "'damaged' is damaged" in str(error)


def test_equal_histories_have_equal_fingerprints_and_others_have_others() -> None:
    fingerprints = {
        SequenceDataset.from_sequences(sequences, n_items=n_items).fingerprint
        for sequences, n_items in (
            ([[1, 2], [3]], None),
            ([[1, 2], [3]], 3),
            ([[1, 2], [3]], 4),
            ([[1], [2, 3]], None),
            ([[2, 1], [3]], None),
        )
    }
    assert len(fingerprints) == 4


def test_users_are_known_by_their_raw_ids(dataset: SequenceDataset) -> None:
    assert [dataset.user_idx(dataset.user_id(idx)) for idx in range(4)] == [0, 1, 2, 3]
    with pytest.raises(UnknownIdError, match="among the 4 users of small"):
        dataset.user_idx("nobody")


def test_a_dataset_without_an_interaction_is_refused() -> None:
    for nothing in ([], [[]], [[], []]):
        with pytest.raises(DatasetError, match="no sequence holds an item"):
            SequenceDataset.from_sequences(nothing)


def test_a_folder_without_a_dataset_and_one_of_a_newer_version_are_told_apart(
    dataset: SequenceDataset, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="no dataset in 'small'"):
        open_dataset(tmp_path / "small")
    dataset.save(tmp_path / "small")
    manifest = tmp_path / "small" / "manifest.json"
    write_json(manifest, read_json(manifest) | {"format_version": 99})
    with pytest.raises(FormatError, match="99"):
        open_dataset(tmp_path / "small")


@pytest.mark.parametrize("sequences", [[[0, 1]], [[-1, 1]], [[1, 4]]])
def test_items_outside_the_catalogue_are_refused(sequences: list[list[int]]) -> None:
    with pytest.raises(DatasetError, match="not from 1 to 3"):
        SequenceDataset.from_sequences(sequences, n_items=3)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut items": lambda folder: cut(folder / "items.npy"),
    "cut offsets": lambda folder: cut(folder / "offsets.npy"),
    "cut times": lambda folder: cut(folder / "times_s.npy"),
    "an empty array": lambda folder: (folder / "items.npy").write_bytes(b""),
    "no items": lambda folder: (folder / "items.npy").unlink(),
    "a cut catalogue": lambda folder: cut(folder / "items.parquet"),
    "no catalogue": lambda folder: (folder / "items.parquet").unlink(),
    "no users": lambda folder: (folder / "users.parquet").unlink(),
    "a manifest that is a list": lambda folder: (folder / "manifest.json").write_text("[]"),
    "no manifest": lambda folder: (folder / "manifest.json").write_text("{"),
    "fewer items than offsets": lambda folder: np.save(
        folder / "items.npy", np.ones(3, dtype=np.int32)
    ),
    "fewer times than items": lambda folder: np.save(folder / "times_s.npy", np.ones(3)),
    "fewer users than histories": lambda folder: pd.DataFrame({"user_id": ["0"]}).to_parquet(
        folder / "users.parquet"
    ),
    "a smaller catalogue": lambda folder: (
        pd.read_parquet(folder / "items.parquet").head(2).to_parquet(folder / "items.parquet")
    ),
    "a catalogue without ids": lambda folder: pd.DataFrame({"a": range(6)}).to_parquet(
        folder / "items.parquet"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_dataset_is_told_as_one(
    damage: str, dataset: SequenceDataset, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    dataset.save(folder)
    DAMAGES[damage](folder)
    with pytest.raises(FormatError) as caught:
        open_dataset(folder)
    assert str(folder) in str(caught.value.where)


def test_a_manifest_that_is_no_object_is_listed_as_damaged(
    dataset: SequenceDataset, workspace: Path
) -> None:
    dataset.save(workspace / "datasets" / "small")
    (workspace / "datasets" / "small" / "manifest.json").write_text("[]")
    assert list_datasets(workspace) == []
    assert len(damaged_datasets(workspace)) == 1
