from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bert4rec.data.collection import (
    change_words,
    delete_dataset,
    differences,
    find_dataset,
    find_manifest,
    list_datasets,
    note_dataset,
    rename_dataset,
    versions,
)
from bert4rec.data.dataset import SequenceDataset, open_dataset
from bert4rec.data.filters import PrepareSettings
from bert4rec.data.origin import MarkedLog
from bert4rec.data.prepare import prepare
from bert4rec.data.samples import ROLES, SAMPLES, prepare_sample
from bert4rec.errors import DatasetError, NotFoundError

SEQUENCES = [[1, 2, 3], [], [3, 2], [4]]
LOG = "user,item\n" + "".join(f"u{u},i{(u + s) % 7}\n" for u in range(9) for s in range(3 + u % 3))


@pytest.fixture
def dataset() -> SequenceDataset:
    made = SequenceDataset.from_sequences(SEQUENCES, n_items=6, name="small")
    return replace(made, times_s=np.arange(6) * 1.5)


def test_datasets_of_a_workspace_are_listed_newest_first(workspace: Path) -> None:
    assert list_datasets(workspace) == []
    for name, created_at in (("old", "2020"), ("new", "2024"), ("middle", "2022")):
        made = SequenceDataset.from_sequences(SEQUENCES, name=name)
        manifest = made.manifest | {"created_at": created_at}
        replace(made, manifest=manifest).save(workspace / "datasets" / f"{name}-x")
    found = [(entry["folder"], entry["name"]) for entry in list_datasets(workspace)]
    assert found == [("new-x", "new"), ("middle-x", "middle"), ("old-x", "old")]


def test_a_dataset_is_found_by_folder_fingerprint_or_name(
    dataset: SequenceDataset, workspace: Path
) -> None:
    dataset.save(workspace / "datasets" / "small-1")
    for key in ("small-1", "small", dataset.fingerprint):
        assert find_dataset(workspace, key).folder == workspace / "datasets" / "small-1"
    with pytest.raises(NotFoundError, match="Datasets here: small-1"):
        find_dataset(workspace, "large")


def test_only_a_dataset_of_the_workspace_can_be_deleted(
    dataset: SequenceDataset, workspace: Path
) -> None:
    dataset.save(workspace / "datasets" / "small-1")
    with pytest.raises(NotFoundError, match="not a valid name"):
        delete_dataset(workspace, "../datasets/small-1")
    delete_dataset(workspace, "small-1")
    assert list_datasets(workspace) == []
    with pytest.raises(NotFoundError, match="no dataset in 'small-1'"):
        delete_dataset(workspace, "small-1")


def test_a_name_that_several_have_is_refused_where_one_is_meant(
    dataset: SequenceDataset, workspace: Path
) -> None:
    for folder in ("small-1", "small-2"):
        dataset.save(workspace / "datasets" / folder)
    assert find_manifest(workspace, "small")["name"] == "small"
    with pytest.raises(DatasetError, match=r"Give the folder of one of them: .*small-1"):
        find_manifest(workspace, "small", is_sole=True)
    assert find_manifest(workspace, "small-2", is_sole=True)["folder"] == "small-2"


def test_a_renamed_dataset_keeps_folder_fingerprint_and_content(
    dataset: SequenceDataset, workspace: Path
) -> None:
    saved = dataset.save(workspace / "datasets" / "small-1")
    rename_dataset(workspace, "small-1", "  Größe &\n Maß ")
    opened = open_dataset(workspace / "datasets" / "small-1")
    assert opened.name == "Größe & Maß"
    assert opened.fingerprint == saved.fingerprint
    assert opened.items.tolist() == saved.items.tolist()
    assert {**opened.manifest, "name": "small"} == saved.manifest


RENAMING = """
import sys
from pathlib import Path
from bert4rec.data.collection import rename_dataset

print("ready", flush=True)
for n in range(100):
    rename_dataset(Path(sys.argv[1]), "small-1", f"name {n}")
"""


def test_a_name_and_a_note_of_two_processes_both_stay(
    dataset: SequenceDataset, workspace: Path
) -> None:
    dataset.save(workspace / "datasets" / "small-1")
    command = [sys.executable, "-c", RENAMING, str(workspace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        for n in range(100):
            note_dataset(workspace, "small-1", f"note {n}")
            assert find_manifest(workspace, "small-1")["note"] == f"note {n}"
    assert other.returncode == 0
    manifest = find_manifest(workspace, "small-1")
    assert (manifest["name"], manifest["note"]) == ("name 99", "note 99")


@pytest.mark.parametrize("name", ["", " \n", "x" * 61])
def test_an_empty_or_endless_name_is_refused(
    name: str, dataset: SequenceDataset, workspace: Path
) -> None:
    dataset.save(workspace / "datasets" / "small-1")
    with pytest.raises(DatasetError, match="1 to 60"):
        rename_dataset(workspace, "small-1", name)
    assert find_dataset(workspace, "small-1").name == "small"


def test_a_note_is_kept_until_it_is_emptied(dataset: SequenceDataset, workspace: Path) -> None:
    saved = dataset.save(workspace / "datasets" / "small-1")
    note_dataset(workspace, "small-1", " for the talk\n")
    assert find_manifest(workspace, "small")["note"] == "for the talk"
    with pytest.raises(DatasetError, match="up to 2,000"):
        note_dataset(workspace, "small-1", "x" * 2001)
    note_dataset(workspace, "small-1", "")
    assert find_dataset(workspace, "small").manifest == saved.manifest


def test_what_a_person_did_not_touch_stays_as_another_left_it(
    dataset: SequenceDataset, workspace: Path
) -> None:
    dataset.save(workspace / "datasets" / "small-1")
    shown = find_manifest(workspace, "small")
    rename_dataset(workspace, "small-1", "theirs")
    change_words(workspace, shown, "small", "mine")
    shown = find_manifest(workspace, "theirs")
    assert shown["note"] == "mine"
    note_dataset(workspace, "small-1", "theirs")
    change_words(workspace, shown, "mine", "mine ")
    assert find_manifest(workspace, "mine")["note"] == "theirs"


def test_what_is_not_there_cannot_be_renamed_or_noted(workspace: Path) -> None:
    for change in (rename_dataset, note_dataset):
        with pytest.raises(NotFoundError, match="no dataset in 'small-1'"):
            change(workspace, "small-1", "x")
        with pytest.raises(NotFoundError, match="not a valid name"):
            change(workspace, "../small-1", "x")


def test_versions_are_those_of_one_source_and_differ_in_what_was_changed(
    workspace: Path, tmp_path: Path
) -> None:
    log, other = tmp_path / "plays.csv", tmp_path / "other.csv"
    log.write_text(LOG)
    other.write_text(LOG)
    prepare(log, workspace=workspace)
    prepare(log, workspace=workspace, settings=PrepareSettings(min_sequence_length=5))
    prepare(other, workspace=workspace)
    manifests = list_datasets(workspace)
    (first,) = (
        manifest
        for manifest in manifests
        if manifest["name"] == "plays" and manifest["settings"]["min_sequence_length"] == 3
    )
    (second,) = versions(first, manifests)
    assert second["settings"]["min_sequence_length"] == 5
    found = {row.what: (row.one, row.other) for row in differences(first, second)}
    assert found["settings.min_sequence_length"] == (3, 5)
    assert found["counts.n_users"] == (9, 3)
    assert found["report.kept"] == (36, 15)
    assert found["report.steps.short"] == (0, 21)
    assert not [what for what in found if what.startswith(("source", "roles", "name"))]
    assert differences(first, first) == []


def test_a_log_that_changed_shows_in_its_hash(workspace: Path, tmp_path: Path) -> None:
    log = tmp_path / "plays.csv"
    log.write_text(LOG)
    prepare(log, workspace=workspace)
    log.write_text(LOG + "u0,i5\n")
    prepare(log, workspace=workspace)
    one, other = list_datasets(workspace)
    assert versions(one, [one, other]) == [other]
    assert {"source.hash", "counts.n_interactions"} <= {r.what for r in differences(one, other)}


def test_bundled_samples_are_no_versions_of_each_other(workspace: Path) -> None:
    for name in ("reading", "courses"):
        prepare_sample(name, workspace)
    prepare(
        MarkedLog(SAMPLES["reading"].folder / "interactions.csv", {"simulated": True}),
        roles=ROLES,
        name="shorter",
        settings=PrepareSettings(max_sequence_length=20),
        workspace=workspace,
    )
    there = {manifest["name"]: manifest for manifest in list_datasets(workspace)}
    assert versions(there["reading"], there.values()) == [there["shorter"]]
    assert versions(there["courses"], there.values()) == []


def test_datasets_without_a_source_are_no_versions_of_each_other(
    dataset: SequenceDataset, workspace: Path
) -> None:
    for folder in ("small-1", "small-2"):
        dataset.save(workspace / "datasets" / folder)
    one, other = list_datasets(workspace)
    assert versions(one, [one, other]) == []
