"""The datasets of a workspace: listed, found, named, noted, compared, deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bert4rec.data.dataset import SequenceDataset, open_dataset, read_manifest
from bert4rec.errors import DatasetError, FormatError, NotFoundError
from bert4rec.files import child_of, delete_folder, safe_name
from bert4rec.json_files import write_json
from bert4rec.locks import changing
from bert4rec.names import checked_name, checked_note

MANIFEST_NAME = "manifest.json"
MAX_NAME = 60
# What says nothing of where a dataset comes from and what it holds, or says it a second time.
NOT_COMPARED = {
    *("format_version", "name", "note", "folder", "created_at", "fingerprint"),
    *("reject_reasons", "rejects", "item_rejects"),
}


@dataclass(frozen=True)
class Difference:
    """One thing in which two manifests differ.

    Args:
        what: Its place in the manifest, such as `settings.min_item_count`.
        one: What the first one says, None where it says nothing.
        other: What the second one says.
    """

    what: str
    one: Any
    other: Any


def list_datasets(workspace: Path) -> list[dict[str, Any]]:
    """Return the manifests of the workspace's datasets, newest first, each with its `folder`.

    A damaged one is passed over, so that it hides no other; `damaged_datasets` tells of it.
    """
    read = (_read_manifest(path) for path in manifest_paths(workspace))
    found = [manifest for manifest in read if isinstance(manifest, dict)]
    return sorted(found, key=lambda manifest: str(manifest.get("created_at", "")), reverse=True)


def damaged_datasets(workspace: Path) -> list[FormatError]:
    """Return an error for each dataset folder whose manifest cannot be read."""
    read = (_read_manifest(path) for path in manifest_paths(workspace))
    return [manifest for manifest in read if isinstance(manifest, FormatError)]


def manifest_paths(workspace: Path) -> list[Path]:
    """Return where the manifests of the workspace's datasets lie."""
    parent = workspace / "datasets"
    return sorted(parent.glob(f"[!.]*/{MANIFEST_NAME}")) if parent.is_dir() else []


def _read_manifest(path: Path) -> dict[str, Any] | FormatError | None:
    try:
        return read_manifest(path.parent) | {"folder": path.parent.name}
    except FormatError as error:
        return error
    except NotFoundError:
        # It was deleted since the folder was looked through.
        return None


def find_manifest(workspace: Path, name: str, *, is_sole: bool = False) -> dict[str, Any]:
    """Return the manifest of a dataset by folder name, fingerprint or name, with its `folder`.

    Args:
        workspace: Where to look.
        name: What the dataset is called.
        is_sole: Refuse a name that several have, instead of taking the newest of them.

    Raises:
        NotFoundError: nothing matches; what there is gets named.
        DatasetError: several are so called, and it has to be one.
    """
    manifests = list_datasets(workspace)
    for key in ("folder", "fingerprint", "name"):
        found = [manifest for manifest in manifests if manifest.get(key) == name]
        if is_sole and len(found) > 1:
            folders = ", ".join(str(manifest["folder"]) for manifest in found)
            raise DatasetError(
                f"{len(found)} datasets are called {name!r}",
                where=str(workspace),
                fix=f"Give the folder of one of them: {folders}.",
            )
        if found:
            return found[0]
    there = ", ".join(str(manifest["folder"]) for manifest in manifests) or "none yet"
    raise NotFoundError(
        f"there is no dataset {name!r}", where=str(workspace), fix=f"Datasets here: {there}."
    )


def find_dataset(workspace: Path, name: str) -> SequenceDataset:
    """Open a dataset of the workspace by folder name, fingerprint or name.

    The newest of several with one name is taken.

    Raises:
        NotFoundError: nothing matches; what there is gets named.
    """
    return open_dataset(workspace / "datasets" / str(find_manifest(workspace, name)["folder"]))


def name_now(workspace: Path, told: Mapping[str, Any]) -> str:
    """Return what a dataset is called now that a run, a search or a comparison tells of.

    Args:
        workspace: Where it lies; where it is gone, it is called as it was.
        told: Its `name` and `fingerprint` at that time, and its `folder` where that was noted.
    """
    folder = workspace / "datasets" / Path(str(told.get("folder", ""))).name
    if (folder / MANIFEST_NAME).is_file():
        manifest = _read_manifest(folder / MANIFEST_NAME)
        if isinstance(manifest, dict) and manifest.get("fingerprint") == told["fingerprint"]:
            return str(manifest["name"])
    # Of a run from elsewhere, or of a log that was prepared anew.
    there = list_datasets(workspace)
    same = (one for one in there if one.get("fingerprint") == told["fingerprint"])
    return str(next(same, told)["name"])


def rename_dataset(workspace: Path, folder_name: str, name: str) -> None:
    """Give a dataset another name; folder and fingerprint stay, so that runs go on finding it.

    Raises:
        NotFoundError: there is no such dataset.
        DatasetError: the name is empty or too long.
    """
    shown = checked_name(name, MAX_NAME, refusal=DatasetError, where=folder_name)
    _change(workspace, folder_name, {"name": shown})


def fitting_name(text: str) -> str:
    """Return as much of a text as the name of a dataset may hold; none where there is no sign.

    Example:
        >>> fitting_name("  My   log "), len(fitting_name("x" * 90)), fitting_name("  ")
        ('My log', 60, '')
    """
    return " ".join(text.split())[:MAX_NAME].rstrip()


def dataset_folder(workspace: Path, name: str, fingerprint: str) -> Path:
    """Return the folder of the dataset of a log and a name, or a free one if there is none yet.

    One that was renamed keeps its folder, so that this says nothing of the name.
    """
    called = {
        str(manifest["folder"]): (manifest.get("fingerprint"), manifest.get("name"))
        for manifest in list_datasets(workspace)
    }
    plain = _folder_name(name, fingerprint)
    numbered = (plain if n == 1 else f"{plain}-{n}" for n in count(1))
    free = next(folder for folder in numbered if folder not in called)
    same = (folder for folder, named in called.items() if named == (fingerprint, name))
    return workspace / "datasets" / next(same, free)


def _folder_name(name: str, fingerprint: str) -> str:
    """Return the folder of a dataset: of another one where the same log was given another name."""
    plain = safe_name(name)
    if plain != name:
        # Other names become the same part of a path.
        named = f"{fingerprint} {name}".encode("utf-8", "surrogatepass")
        fingerprint = hashlib.sha256(named).hexdigest()
    return f"{plain}-{fingerprint[:8]}"


def note_dataset(workspace: Path, folder_name: str, text: str) -> None:
    """Write a note on a dataset in place of the one before; an empty one takes it away.

    Raises:
        NotFoundError: there is no such dataset.
        DatasetError: the note is too long.
    """
    note = checked_note(text, refusal=DatasetError, where=folder_name)
    _change(workspace, folder_name, {"note": note})


def change_words(workspace: Path, shown: dict[str, Any], name: str, note: str) -> None:
    """Write what a person changed of name and note, and leave what they saw and did not touch.

    Args:
        workspace: The folder with the datasets.
        shown: The manifest as it was shown, with its `folder`.
        name: The name as it was left.
        note: The note as it was left.

    Raises:
        NotFoundError: there is no such dataset.
        DatasetError: the name is empty or too long, or the note is too long.
    """
    if name != shown["name"]:
        rename_dataset(workspace, shown["folder"], name)
    if note.strip() != shown.get("note", ""):
        note_dataset(workspace, shown["folder"], note)


def _change(workspace: Path, folder_name: str, changes: dict[str, str]) -> None:
    """Change the manifest as it is now, so that what another visitor just wrote in it stays."""
    folder = _existing(workspace, folder_name)
    with changing(folder / MANIFEST_NAME, "dataset"):
        manifest = read_manifest(folder) | changes
        if not manifest.get("note"):
            manifest.pop("note", None)
        write_json(folder / MANIFEST_NAME, manifest)


def delete_dataset(workspace: Path, folder_name: str) -> None:
    """Delete one dataset folder of the workspace, whoever needs it.

    Raises:
        NotFoundError: there is no such dataset.
        UnwritableError: it cannot be deleted; it is as it was.
    """
    delete_folder(_existing(workspace, folder_name))


def _existing(workspace: Path, folder_name: str) -> Path:
    folder = child_of(workspace / "datasets", folder_name)
    if not folder.is_dir():
        raise NotFoundError(f"there is no dataset in {folder.name!r}", where=str(folder.parent))
    return folder


def versions(manifest: dict[str, Any], manifests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the other datasets that were made of a source of the same name and columns.

    The logs of the bundled samples have one name; of these it is those of the same content.
    """
    return [
        other
        for other in manifests
        if other.get("folder") != manifest.get("folder")
        and _origin(other) == _origin(manifest) != (None, None)
    ]


def _origin(manifest: dict[str, Any]) -> tuple[Any, Any]:
    source, told = manifest.get("source"), "hash" if manifest.get("simulated") else "name"
    return source.get(told) if isinstance(source, dict) else None, manifest.get("roles")


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[Difference]:
    """Return in what two datasets differ: source, columns, settings, counts, what was left out."""
    mine, theirs = dict(_facts(one)), dict(_facts(other))
    names = [*mine, *(name for name in theirs if name not in mine)]
    rows = (Difference(name, mine.get(name), theirs.get(name)) for name in names)
    return [row for row in rows if row.one != row.other]


def _facts(manifest: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in manifest.items():
        if name not in NOT_COMPARED:
            yield from _flat(name, value)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the plain values below a value of a manifest, each with its place."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _flat(f"{name}.{key}", below)
    elif isinstance(value, list) and all(isinstance(step, dict) for step in value):
        for step in value:
            yield f"{name}.{step.get('step')}", step.get("n_rows")
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value))
    else:
        yield name, value
