"""Whether everything that is needed is there on this machine, and what a workspace takes."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bert4rec.errors import Bert4RecError
from bert4rec.locks import LOCK
from bert4rec.runs.storage import disk_use
from bert4rec.words import size

PACKAGES = (
    *("bert4rec", "torch", "numpy", "pandas", "duckdb", "pyarrow", "pydantic", "click"),
    *("streamlit", "plotly", "scikit-learn", "umap-learn", "numba", "safetensors"),
)
# Numba's layers that several threads may enter at once, best first, and the one they may not.
THREADING_LAYERS = ("tbb", "omp", "workqueue")
# A folder of a workspace: what visitors brought, until it is prepared.
UPLOADS = "uploads"
LITTLE_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: What it is.
        state: `ok`, `warning` or `failed`.
        value: What was found.
        fix: What to do, unless it is ok.
    """

    name: str
    state: str
    value: str
    fix: str = ""


@dataclass(frozen=True)
class Part:
    """One folder of a workspace, or what lies beside its folders.

    Args:
        name: Name of the folder; empty for files beside the folders.
        n_entries: What lies directly in it, without locks and what is hidden.
        n_bytes: What all of it takes on disk.
    """

    name: str
    n_entries: int
    n_bytes: int


def workspace_parts(workspace: Path) -> list[Part]:
    """Return what a workspace takes on disk, the largest part first.

    Cost: looks at every file of the workspace once, without reading any.
    """
    if not workspace.is_dir():
        return []
    folders = [path for path in workspace.iterdir() if path.is_dir() and not path.is_symlink()]
    parts = [Part(path.name, _n_entries(path), disk_use(path)) for path in folders]
    files = [path for path in workspace.iterdir() if path.is_file()]
    if files:
        parts.append(Part("", len(files), sum(path.stat().st_size for path in files)))
    return sorted(parts, key=lambda part: -part.n_bytes)


def _n_entries(folder: Path) -> int:
    paths = [path for path in folder.iterdir() if path.suffix != LOCK]
    if folder.name == UPLOADS:
        # Each server has a folder of its own there, which goes with it.
        paths = [upload for path in paths if path.is_dir() for upload in path.iterdir()]
    return sum(not path.name.startswith(".") for path in paths)


def examine(workspace: Path) -> Iterator[Finding]:
    """Yield what is found about packages, device, workspace and samples."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()}")
    yield from map(_package, PACKAGES)
    yield from _device()
    yield _threading_layer()
    yield _workspace(workspace)
    yield _disk(workspace)
    yield _samples()


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "failed", "missing", "Install bert4rec again.")


def _device() -> Iterator[Finding]:
    from bert4rec.device import choose_device

    choice = choose_device()
    yield Finding("device", "ok", f"{choice.device}: {choice.reason}")
    yield Finding("precision", "ok", f"{choice.precision}: {choice.precision_reason}")
    yield Finding("threads", "ok", str(choice.n_threads))


def _threading_layer() -> Finding:
    name = "threads of maps"
    for layer in THREADING_LAYERS:
        if _has_layer(layer):
            # Maps are made one after the other, so that workqueue is slower but safe.
            return Finding(name, "ok", f"numba's layer {layer}")
    return Finding(name, "warning", "numba has no threads", "Install tbb for faster maps.")


def _has_layer(layer: str) -> bool:
    module = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}[layer]
    try:
        import_module(f"numba.np.ufunc.{module}")
    except ImportError:
        return False
    return True


def _workspace(workspace: Path) -> Finding:
    there = _existing(workspace)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("workspace", "failed", f"{workspace}: {reason}", "Choose --workspace.")
    made = "" if there == workspace else ", which is made when it is needed"
    return Finding("workspace", "ok", f"{workspace}{made}")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _disk(workspace: Path) -> Finding:
    free = shutil.disk_usage(_existing(workspace)).free
    value = f"{size(free)} free"
    if free < LITTLE_DISK_BYTES:
        return Finding("disk", "warning", value, "Delete runs or datasets that are not needed.")
    return Finding("disk", "ok", value)


def _samples() -> Finding:
    from bert4rec.data.samples import SAMPLES

    fix = "Install bert4rec again."
    try:
        missing = [name for name, sample in SAMPLES.items() if not sample.folder.is_dir()]
    except Bert4RecError as error:
        return Finding("samples", "warning", error.message, error.fix or fix)
    if missing:
        return Finding("samples", "warning", f"missing: {', '.join(missing)}", fix)
    return Finding("samples", "ok", ", ".join(SAMPLES))
