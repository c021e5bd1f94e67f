"""A model that left its workspace: one zip file with all that is needed to use it, and its card.

`bundle.json` names run, policy and the SHA-256 of each other file; `weights.safetensors`,
`settings.json`, `policy.yaml`, `vocabulary.json` and `README.md` are the rest. Histories and users
stay behind. Nothing in a bundle is ever executed, and its sizes, hashes and shapes are looked at
before a number of it is used.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open

from bert4rec.bundle.vocabulary_file import BundledItems, read_vocabulary
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.device import choose_device
from bert4rec.errors import Bert4RecError, FormatError, NotFoundError
from bert4rec.files import expanded, is_file, is_there
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.json_files import check_format, read_json
from bert4rec.loaded_model import load_model
from bert4rec.parcels import Expected
from bert4rec.policy import Policy, load_policy
from bert4rec.recommender import Recommender
from bert4rec.runs.checkpoints import load_checkpoint
from bert4rec.runs.folder import Run, open_run
from bert4rec.sasrec import new_network
from bert4rec.setting_checks import parse_settings
from bert4rec.temperatures import Temperatures, of_documents
from bert4rec.training_part import TrainingPart

KIND, FORMAT_VERSION = "bert4rec bundle", 1
MANIFEST, CARD, WEIGHTS = "bundle.json", "README.md", "weights.safetensors"
SETTINGS, POLICY, VOCABULARY = "settings.json", "policy.yaml", "vocabulary.json"
MAX_BYTES = {
    **dict.fromkeys((MANIFEST, CARD, SETTINGS, POLICY), 2**20),
    VOCABULARY: 2**30,
    WEIGHTS: 16 * 2**30,
}
EXPECTED = Expected("a bundle", MAX_BYTES, tuple(MAX_BYTES))
PREFIX = "network."
MAX_NAME = 1_000
FIX = "Export the run again: bert4rec export RUN --out FILE.zip."
Found = TypeVar("Found")


@dataclass(frozen=True)
class Bundle:
    """What was exported of a run.

    Args:
        id: The run's id.
        name: The run's name.
        kind: What the run is for.
        settings: The run's own.
        removes_seen: Whether seen items leave recommendations by default.
        run_temperatures: What divides the scores, by what is shown, where that pays; None where
            nobody looked for it.
    """

    id: str
    name: str
    kind: Any
    settings: Hyperparameters
    removes_seen: bool
    run_temperatures: Temperatures | None

    def temperatures(self) -> Temperatures | None:
        """Return what divides the run's scores where that pays; None where nobody looked for it."""
        return self.run_temperatures

    def policy(self) -> Policy:
        """Return what the run is for, with its settings."""
        return Policy(self.kind, self.settings)


def is_bundle(path: Path) -> bool:
    """Whether a path is that of a bundle, or of a zip file that has to be one."""
    return is_file(path / MANIFEST) or (path.suffix == ".zip" and is_file(path))


def load(
    run: Run | str | Path,
    *,
    checkpoint: str = "best",
    device: str = "auto",
    n_threads: int | None = None,
) -> Recommender:
    """Load a trained model, ready to use.

    Args:
        run: A run, the path of its folder, or the path of a bundle, as a zip file or unpacked.
        checkpoint: `best`, or `last` for a run that is still training.
        device: Where to compute, in the precision that the run's settings ask for.
        n_threads: Threads; None means every core that this process may use.

    Raises:
        NotFoundError: the run, its dataset, its checkpoint or the bundle is not there.
        FormatError: a file is damaged or does not fit the others.
    """
    if isinstance(run, Run):
        model = load_model(run, checkpoint=checkpoint, device=device, n_threads=n_threads)
        return model.calibrated() if checkpoint == "best" else model
    path = expanded(run).resolve()
    if is_bundle(path):
        return load_bundle(path, device=device, n_threads=n_threads)
    return load(open_run(path), checkpoint=checkpoint, device=device, n_threads=n_threads)


def load_bundle(path: Path, *, device: str = "auto", n_threads: int | None = None) -> Recommender:
    """Load the model of a bundle. It has no users: it is asked about sequences alone.

    Args:
        path: The zip file, or a folder with its files.
        device: Where to compute, in the precision that the settings ask for.
        n_threads: Threads; None means every core that this process may use.

    Raises:
        NotFoundError: there is no such file or folder.
        FormatError: it is no bundle, is damaged, or its parts do not fit each other.
    """
    if not is_there(path):
        raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
    try:
        if path.is_dir():
            return _opened(path, device, n_threads)
        temporary = Path(tempfile.mkdtemp(prefix="bert4rec-bundle-"))
        try:
            EXPECTED.unpack(path, temporary)
            return _opened(temporary, device, n_threads)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except FormatError as error:
        raise FormatError(
            f"this is not a sound bundle: {error.message}", where=path.name, fix=error.fix or FIX
        ) from error


def check_bundle(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Open what was written as whoever gets it will, without the numbers of the weights.

    Args:
        folder: The files of a bundle.
        weights: What its weights were written from, by their names in the network.

    Raises:
        FormatError: it could not be opened.
    """
    settings, _, items = _opened_parts(folder)
    _check_shapes(folder / WEIGHTS, len(items.vocabulary), settings)
    _check_numbers(weights)


def _opened(folder: Path, device: str, n_threads: int | None) -> Recommender:
    settings, bundle, (vocabulary, training_counts) = _opened_parts(folder)
    choice = choose_device(device, settings.precision, n_threads)
    network = new_network(len(vocabulary), settings)
    network.load_state_dict(_weights(folder / WEIGHTS, len(vocabulary), settings))
    dataset = _without_users(vocabulary, bundle)
    opened = Recommender(network.to(choice.device), dataset, settings, choice, bundle)
    opened.training = TrainingPart.of(dataset, settings, training_counts)
    return opened.calibrated()


def _opened_parts(folder: Path) -> tuple[Hyperparameters, Bundle, BundledItems]:
    """Read all but the weights, and hold the files against their hashes."""
    manifest = _read(MANIFEST, lambda: _read_manifest(folder))
    _check_files(folder, manifest["files"])
    settings = _read(SETTINGS, lambda: _settings(folder / SETTINGS))
    policy = _read(POLICY, lambda: _policy(folder / POLICY))
    bundle = _bundle(manifest, settings, policy)
    items = _read(VOCABULARY, lambda: read_vocabulary(folder / VOCABULARY))
    if (n_items := len(items.vocabulary)) != manifest["n_items"]:
        raise _bad(VOCABULARY, f"it has {n_items:,} items, not {manifest['n_items']:,}")
    # What was decided by the data is not asked of it again.
    seen = "remove" if bundle.removes_seen else "keep"
    return settings.model_copy(update={"seen_items": seen}), bundle, items


def _without_users(vocabulary: Vocabulary, bundle: Bundle) -> SequenceDataset:
    """Return a dataset of the items alone."""
    return SequenceDataset(
        items=np.empty(0, dtype=np.int32),
        offsets=np.zeros(1, dtype=np.int64),
        vocabulary=vocabulary,
        users=pd.DataFrame({"user_id": pd.Series([], dtype=str)}),
        manifest={"name": f"{bundle.name} (a bundle, which has none)"},
    )


def _read(name: str, read: Callable[[], Found]) -> Found:
    """Read a file of the bundle; a refusal names it, and not where it was unpacked."""
    try:
        return read()
    except NotFoundError as error:
        raise _bad(name, "it is missing") from error
    except Bert4RecError as error:
        raise _bad(
            name, error.message, error.fix if "version" in error.message else None
        ) from error


def _bad(name: str, reason: str, fix: str | None = None) -> FormatError:
    return FormatError(f"{name}: {reason}", fix=fix or FIX)


def _read_manifest(folder: Path) -> dict[str, Any]:
    _check_size(folder / MANIFEST)
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise FormatError("it is not that of a bundle")
    check_format(manifest, FORMAT_VERSION, folder)
    run, files = manifest.get("run"), manifest.get("files")
    is_whole = (
        isinstance(run, dict)
        and all(_is_name(run.get(key)) for key in ("id", "name"))
        and isinstance(files, dict)
        and type(manifest.get("removes_seen")) is bool
        and type(manifest.get("n_items")) is int
        and isinstance(manifest.get("given_settings"), list)
    )
    if not is_whole:
        raise FormatError("it is not what an export writes")
    return manifest


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME


def _check_size(path: Path) -> None:
    if is_file(path) and path.stat().st_size > MAX_BYTES[path.name]:
        raise FormatError("it is larger than that of a bundle")


def _check_files(folder: Path, told: Mapping[str, Any]) -> None:
    """Hold each file against its hash before anything of it is read."""
    for name in MAX_BYTES:
        if name == MANIFEST:
            continue
        if not is_file(folder / name):
            raise _bad(name, "it is missing")
        _read(name, lambda name=name: _check_size(folder / name))  # type: ignore[misc]
        entry = told.get(name)
        if not isinstance(entry, dict) or entry.get("sha256") != sha256(folder / name):
            raise _bad(
                name,
                "it is not the file that was exported (SHA-256 differs)",
                "Take the bundle from where it came again.",
            )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settings(path: Path) -> Hyperparameters:
    values = read_json(path)
    if not isinstance(values, dict):
        raise FormatError("it holds no settings")
    return parse_settings(values)


def _policy(path: Path) -> Policy:
    return load_policy(path.read_text(encoding="utf-8", errors="replace"))


def _bundle(manifest: Mapping[str, Any], settings: Hyperparameters, policy: Policy) -> Bundle:
    given = {name for name in manifest["given_settings"] if isinstance(name, str)}
    own = Hyperparameters.model_construct(given & settings.model_fields_set, **dict(settings))
    run = manifest["run"]
    # Of a run of which nobody looked for any there are none.
    kept = manifest.get("temperatures")
    temperatures = None if kept is None else _read(MANIFEST, lambda: of_documents(kept))
    return Bundle(run["id"], run["name"], policy.kind, own, manifest["removes_seen"], temperatures)


def _weights(path: Path, n_items: int, settings: Hyperparameters) -> dict[str, torch.Tensor]:
    """Read the weights once their names, types and shapes are those of the settings' network."""
    _check_shapes(path, n_items, settings)
    weights, _ = _read(path.name, lambda: load_checkpoint(path, prefix=PREFIX))
    _check_numbers(weights)
    return weights


def _check_shapes(path: Path, n_items: int, settings: Hyperparameters) -> None:
    with torch.device("meta"):
        network = new_network(n_items, settings)
    expected = {PREFIX + key: tuple(one.shape) for key, one in network.state_dict().items()}
    found = _read(path.name, lambda: _shapes(path))
    if found != expected:
        wrong = sorted(set(found.items()) ^ set(expected.items()))[0][0]
        raise _bad(path.name, f"{wrong[:80]} is not that of the network of its settings")


def _check_numbers(weights: Mapping[str, torch.Tensor]) -> None:
    strange = [key for key, one in weights.items() if not bool(torch.isfinite(one).all())]
    if strange:
        raise _bad(WEIGHTS, f"{strange[0]} holds what is no number")


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            if any(one.get_dtype() != "F32" for one in slices.values()):
                raise FormatError("its numbers are not 32-bit floats")
            return {name: tuple(one.get_shape()) for name, one in slices.items()}
    except SafetensorError as error:
        raise FormatError(f"it cannot be read: {error}") from error
