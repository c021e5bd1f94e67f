"""Writing a bundle: the best model of a run that has ended, with its card, as one zip file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bert4rec.bundle.model_card import model_card
from bert4rec.bundle.reading import (
    CARD,
    FORMAT_VERSION,
    KIND,
    MANIFEST,
    MAX_BYTES,
    POLICY,
    PREFIX,
    SETTINGS,
    VOCABULARY,
    WEIGHTS,
    check_bundle,
    sha256,
)
from bert4rec.bundle.vocabulary_file import write_vocabulary
from bert4rec.data.collection import find_manifest
from bert4rec.errors import FormatError, NotFoundError, RunError
from bert4rec.files import (
    file_to_write,
    is_file,
    remove_abandoned,
    swapped_in,
    temporary_folder_beside,
    writing_explained,
)
from bert4rec.loaded_model import load_model
from bert4rec.moments import now_text
from bert4rec.policy import dump_policy
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import save_checkpoint
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.stages import Watch, tell_nobody
from bert4rec.temperatures import as_documents


def export_bundle(run: Run, path: str | Path, *, watch: Watch | None = None) -> dict[str, int]:
    """Write the best model of a run that has ended as a bundle.

    Args:
        run: The run; its dataset has to be there, for the items' names.
        path: The zip file; one that is there is replaced.
        watch: Told how far it has come.

    Returns:
        The names of its files with their sizes.

    Raises:
        RunError: the run is active.
        NotFoundError: its dataset or its model is not there.
        FormatError: it is damaged, or its items are more than a bundle holds.
        UnwritableError: the file cannot be written.
    """
    if run.status().state in ACTIVE_STATES:
        raise RunError(f"run {run.name!r} is still active", fix="Export it once it has ended.")
    path = file_to_write(path)
    remove_abandoned(path.parent)
    watch = watch or tell_nobody
    watch("loading the model", 0.0)
    model = load_model(run, device="cpu")
    watch("writing its files", 0.2)
    with writing_explained(path.parent), temporary_folder_beside(path) as folder:
        _write_files(run, model, folder)
        files = {
            file: {"sha256": sha256(folder / file), "bytes": (folder / file).stat().st_size}
            for file in MAX_BYTES
            if file != MANIFEST
        }
        _write_document(folder / MANIFEST, _manifest(run, model) | {"files": files})
        watch("opening what was written", 0.5)
        _open_once(folder, run, model)
        watch("packing", 0.7)
        with swapped_in(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for file in MAX_BYTES:
                # Weights are noise to a packer.
                packing = zipfile.ZIP_STORED if file == WEIGHTS else zipfile.ZIP_DEFLATED
                (folder / file).chmod(0o644)
                archive.write(folder / file, file, packing)
        return {file: (folder / file).stat().st_size for file in MAX_BYTES}


def lacking(run: Run) -> str:
    """Return in words what a run lacks for a bundle; nothing where it can be exported.

    Cost: the manifests of the workspace's datasets are read, the data is not.
    """
    if run.status().state in ACTIVE_STATES:
        return "The run has not ended yet."
    if not is_file(run.checkpoint("best")):
        return "The run has no model."
    try:
        find_manifest(run.workspace, run.config()["dataset"]["fingerprint"])
    except NotFoundError:
        return "Its dataset, which names the items, is not in this workspace."
    return ""


def _write_files(run: Run, model: Recommender, folder: Path) -> None:
    weights = model.scorer.network.state_dict()
    save_checkpoint(folder / WEIGHTS, {PREFIX + key: one for key, one in weights.items()}, {})
    _write_document(folder / SETTINGS, model.settings.in_effect())
    (folder / POLICY).write_text(dump_policy(run.policy()), encoding="utf-8")
    write_vocabulary(model.vocabulary, folder / VOCABULARY, model.training.counts)
    card = model_card(run, model.dataset, version("bert4rec"))
    (folder / CARD).write_text(card, encoding="utf-8")


def _open_once(folder: Path, run: Run, model: Recommender) -> None:
    """Open the files as whoever gets them will: what nobody can use is not handed out."""
    try:
        check_bundle(folder, model.scorer.network.state_dict())
    except FormatError as error:
        raise FormatError(
            error.message, where=run.name, fix="Prepare its dataset with a smaller item table."
        ) from error


def _manifest(run: Run, model: Recommender) -> dict[str, Any]:
    config, kept = run.config(), run.temperatures()
    return {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "version": version("bert4rec"),
        "exported_at": now_text(),
        "run": {"id": run.id, "name": run.name, "created_at": config["created_at"]},
        "policy": config["policy"],
        "dataset": {"name": run.data_name, "fingerprint": config["dataset"]["fingerprint"]},
        "n_items": len(model.vocabulary),
        "removes_seen": model.removes_seen,
        "given_settings": sorted(config["settings"]),
        **({} if kept is None else {"temperatures": as_documents(kept)}),
    }


def _write_document(path: Path, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
