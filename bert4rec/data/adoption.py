"""Datasets from wherever they are, as datasets of a workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bert4rec.data.content import content_hash, holds_the_same
from bert4rec.data.dataset import SequenceDataset, open_dataset
from bert4rec.errors import DatasetError
from bert4rec.files import safe_name, writing_explained
from bert4rec.moments import now_text


def adopt(dataset: SequenceDataset, workspace: Path) -> SequenceDataset:
    """Return the dataset as one of the workspace's, copied there unless it is.

    One that is not, or no longer, what its folder holds is known by its content instead of by the
    fingerprint in its manifest.

    Raises:
        DatasetError: its place in the workspace is taken by another one.
        UnwritableError: it cannot be copied there.
    """
    parent = workspace / "datasets"
    if dataset.folder is None or not holds_the_same(open_dataset(dataset.folder), dataset):
        dataset = _known_by_content(dataset)
    elif dataset.folder.parent == parent:
        return dataset
    # The name comes from a manifest that anybody may have written.
    folder = parent / f"{safe_name(dataset.name)}-{safe_name(dataset.fingerprint)[:8]}"
    if not folder.is_dir():
        with writing_explained(workspace):
            return dataset.save(folder)
    found = open_dataset(folder)
    if found.fingerprint == dataset.fingerprint and holds_the_same(found, dataset):
        return found
    raise DatasetError(
        f"the folder {folder.name} holds another dataset than {dataset.name!r}",
        where=str(parent),
        fix="Delete or rename that folder, or give the dataset another name.",
    )


def _known_by_content(dataset: SequenceDataset) -> SequenceDataset:
    counts = {
        "n_users": dataset.n_users,
        "n_items": dataset.n_items,
        "n_interactions": dataset.n_interactions,
    }
    told = {"created_at": now_text()} | dataset.manifest
    known = {"name": dataset.name, "fingerprint": content_hash(dataset), "counts": counts}
    return replace(dataset, manifest=told | known, folder=None)
