"""A run as one zip file, to be carried to another workspace; what comes in is checked first."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bert4rec.errors import FormatError, NotFoundError, RunError, SettingsError
from bert4rec.files import (
    free_folder,
    is_file,
    make_folder,
    safe_name,
    swapped_in,
    temporary_beside,
    writing_explained,
)
from bert4rec.runs.checkpoints import NO_TENSORS, load_checkpoint
from bert4rec.runs.folder import ACTIVE_STATES, Run

BEST, LAST = "checkpoints/best.safetensors", "checkpoints/last.safetensors"
# What an archive may hold, and how large each of it may be unpacked: a zip can claim anything.
MAX_BYTES = {
    **dict.fromkeys(("config.json", "status.json", "summary.json", "label.json"), 16 * 2**20),
    **dict.fromkeys(("metrics.jsonl", "log.txt"), 512 * 2**20),
    **dict.fromkeys((BEST, LAST), 16 * 2**30),
}
NEEDED = ("config.json", "status.json")
BLOCK_BYTES = 2**20


def export_run(run: Run, path: Path, *, with_last: bool = False) -> list[str]:
    """Write a run that has ended as a zip file; return the names of what is in it.

    Its dataset stays behind: the other workspace needs the same one to use the model.

    Args:
        run: The run.
        path: The file to write; one that is there is replaced.
        with_last: Whether the checkpoint to go on from comes along.

    Raises:
        RunError: the run is active.
        FormatError: the run is damaged.
        UnwritableError: the file cannot be written.
    """
    if run.status().state in ACTIVE_STATES:
        raise RunError(f"run {run.name!r} is still active", fix="Export it once it has ended.")
    names = [name for name in MAX_BYTES if name != LAST or with_last]
    there = [name for name in names if is_file(run.folder / name)]
    with (
        writing_explained(path.parent),
        swapped_in(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in there:
            # Weights are noise to a packer.
            packing = zipfile.ZIP_STORED if name in (BEST, LAST) else zipfile.ZIP_DEFLATED
            archive.write(run.folder / name, name, packing)
    return there


def import_run(workspace: Path, path: Path) -> Run:
    """Bring a run from a zip file into a workspace, under an id of its own.

    Nothing of it is put in place before all of it was looked at: its names, its sizes, and that
    configuration, status, summary and checkpoints can be read. Nothing in it is ever executed.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is no zip file, or not that of a whole run whose version and settings are
            known here.
        UnwritableError: the workspace cannot be written.
    """
    if not is_file(path):
        raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
    runs = workspace / "runs"
    make_folder(runs)
    temporary = temporary_beside(runs / "import")
    try:
        with writing_explained(runs):
            temporary.mkdir()
            _unpack(path, temporary)
            title = _checked_title(Run(temporary), path)
            return Run(temporary.rename(free_folder(runs, title)))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries, path)
            (folder / "checkpoints").mkdir()
            for entry in entries:
                if not _is_written(archive, entry, folder):
                    raise _refused(f"{entry.filename} is larger than it claims", path)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise _refused(f"it cannot be read ({error})", path) from error


def _check_entries(entries: Iterable[zipfile.ZipInfo], path: Path) -> None:
    """Refuse whatever a run does not consist of, before a byte of it is unpacked."""
    names = [entry.filename for entry in entries]
    strange = next((name for name in names if name not in MAX_BYTES), None)
    if strange is not None or len(set(names)) < len(names):
        raise _refused(f"it holds {strange!r}" if strange else "it holds a file twice", path)
    missing = next((name for name in NEEDED if name not in names), None)
    if missing is not None:
        raise _refused(f"it holds no {missing}", path)
    for entry in entries:
        if entry.file_size > MAX_BYTES[entry.filename]:
            raise _refused(f"{entry.filename} would be {entry.file_size:,} bytes", path)


def _is_written(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> bool:
    """Unpack one file, as far as it claimed; return whether that was all of it."""
    n_bytes = 0
    with archive.open(entry) as source, (folder / entry.filename).open("wb") as target:
        while block := source.read(BLOCK_BYTES):
            n_bytes += len(block)
            if n_bytes > entry.file_size:
                return False
            target.write(block)
    return True


def _checked_title(run: Run, path: Path) -> str:
    """Read all that a page will read of a run; return what its folder is to be called."""
    try:
        config, status = run.config(), run.status()
        run.summary()
        run.hyperparameters()
        for kind in ("best", "last"):
            with suppress(NotFoundError):
                load_checkpoint(run.checkpoint(kind), prefix=NO_TENSORS)
    except (FormatError, NotFoundError, SettingsError) as error:
        # Where it was unpacked for a look is nothing that a person should read.
        raise _refused(error.message, path) from error
    if status.state in ACTIVE_STATES:
        raise _refused(f"its run is {status.state}", path)
    try:
        created_at = datetime.fromisoformat(config["created_at"])
    except ValueError as error:
        raise _refused("its run was created at no known moment", path) from error
    return f"{created_at:%Y%m%dT%H%M%S}-{safe_name(config['name'], fallback='run')}"


def _refused(reason: str, path: Path) -> FormatError:
    return FormatError(
        f"the zip file is not that of a run: {reason}",
        where=path.name,
        fix="Take one that was written by bert4rec runs export.",
    )
