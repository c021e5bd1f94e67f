"""A run as one zip file, to be carried to another workspace; what comes in is checked first."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from bert4rec.errors import FormatError, NotFoundError, RunError, UnwritableError
from bert4rec.files import (
    free_folder,
    is_file,
    is_there,
    make_folder,
    safe_name,
    swapped_in,
    temporary_beside,
    writing_explained,
)
from bert4rec.runs.folder import ACTIVE_STATES, Run
from bert4rec.runs.soundness import BEST, LAST, MAX_BYTES, NEEDED, check_run

BLOCK_BYTES = 2**20
# Journals of a run shrink to a tenth; weights hardly at all.
MAX_RATIO, SMALL_BYTES = 100, 2**22
# Left free beside an import, for what trains meanwhile.
SPARE_BYTES = 64 * 2**20
MAX_SHOWN = 80


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
    """Bring a run from a zip file, or from a run's folder, into a workspace, under its own id.

    Nothing is put in place before all of it was looked at: names, sizes and contents, as
    `bert4rec.runs.soundness` says. Nothing in it is ever executed, and after a refusal nothing of
    it is left.

    Args:
        workspace: Where the run goes.
        path: A zip file that `export_run` wrote, or the folder of a run that has ended. Of a folder
            only what an export takes comes along, its last checkpoint included.

    Raises:
        NotFoundError: there is no such file or folder.
        FormatError: it is not that of a sound run whose version and settings are known here.
        UnwritableError: the workspace cannot be written, or has no room for it.
    """
    if not is_there(path):
        raise NotFoundError(f"there is no file {path.name!r}", where=str(path.parent))
    runs = workspace / "runs"
    make_folder(runs)
    temporary = temporary_beside(runs / "import")
    try:
        with writing_explained(runs):
            (temporary / "checkpoints").mkdir(parents=True)
            try:
                _copy(path, temporary) if path.is_dir() else _unpack(path, temporary)
                check_run(Run(temporary))
            except FormatError as error:
                raise _refused(error, path) from error
            return Run(temporary.rename(free_folder(runs, _title(Run(temporary)))))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _title(run: Run) -> str:
    config = run.config()
    created_at = datetime.fromisoformat(config["created_at"])
    return f"{created_at:%Y%m%dT%H%M%S}-{safe_name(config['name'], fallback='run')}"


class _Bounded:
    """A file that hands out a block at most at a time.

    A zip file lists what it holds in one piece, which a hostile one makes as large as it likes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, n_bytes: int = -1) -> bytes:
        """Read some bytes, or all that are left.

        Raises:
            BadZipFile: that is more than a block.
        """
        data = self._file.read(BLOCK_BYTES + 1 if n_bytes < 0 else min(n_bytes, BLOCK_BYTES + 1))
        if len(data) > BLOCK_BYTES:
            raise zipfile.BadZipFile("its list of contents is too long")
        return data


def _unpack(path: Path, folder: Path) -> None:
    """Unpack a zip file whose list of contents is that of a run.

    Raises:
        FormatError: it is another one, or larger than it should be.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(cast("BinaryIO", _Bounded(file))) as archive:
            entries = archive.infolist()
            _check_names([entry.filename for entry in entries])
            for entry in entries:
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise FormatError(f"{entry.filename}: it is a link")
            sizes = {entry.filename: entry.file_size for entry in entries}
            _check_sizes(sizes, folder, n_packed=path.stat().st_size)
            for entry in entries:
                with archive.open(entry) as source:
                    _write(source, folder / entry.filename, entry.file_size, entry.filename)
    except FormatError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, RuntimeError, ValueError) as why:
        raise FormatError(f"it cannot be read ({why})") from why


def _copy(path: Path, folder: Path) -> None:
    """Copy what an export would take from the folder of a run; links are not followed.

    Raises:
        FormatError: a file is missing, a link, or larger than it should be.
    """
    there = [name for name in MAX_BYTES if is_there(path / name) or (path / name).is_symlink()]
    _check_names(there)
    for name in there:
        is_plain = stat.S_ISREG((path / name).lstat().st_mode)
        if not is_plain or (path / name).parent.is_symlink():
            raise FormatError(f"{name}: it is a link, or no file")
    sizes = {name: (path / name).stat().st_size for name in there}
    _check_sizes(sizes, folder)
    for name in there:
        with (path / name).open("rb") as source:
            _write(source, folder / name, sizes[name], name)


def _check_names(names: Sequence[str]) -> None:
    """Refuse whatever a run does not consist of, before a byte of it is read."""
    strange = next((name for name in names if name not in MAX_BYTES), None)
    if strange is not None:
        raise FormatError(f"it holds {strange[:MAX_SHOWN]!r}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FormatError(f"it holds {twice} twice")
    missing = next((name for name in NEEDED if name not in names), None)
    if missing is not None:
        raise FormatError(f"it holds no {missing}")


def _check_sizes(sizes: Mapping[str, int], folder: Path, n_packed: int | None = None) -> None:
    """Refuse what would be too large; what a zip file claims is held to while it is unpacked."""
    for name, n_bytes in sizes.items():
        if n_bytes > MAX_BYTES[name]:
            raise FormatError(f"{name}: it would be {n_bytes:,} bytes, more than a run writes")
    total = sum(sizes.values())
    if n_packed is not None and total > max(SMALL_BYTES, MAX_RATIO * n_packed):
        raise FormatError(f"its {n_packed:,} bytes would become {total:,}, as those of a zip bomb")
    n_free = shutil.disk_usage(folder).free
    if total + SPARE_BYTES > n_free:
        raise UnwritableError(
            f"there is no room for the run, which takes {total:,} bytes, with {n_free:,} free",
            where=str(folder.parent),
            fix="Make room, or choose another workspace.",
        )


def _write(source: IO[bytes], target: Path, n_claimed: int, name: str) -> None:
    """Write one file, as far as it was claimed to go."""
    n_bytes = 0
    with target.open("wb") as file:
        while block := source.read(BLOCK_BYTES):
            n_bytes += len(block)
            if n_bytes > n_claimed:
                break
            file.write(block)
    if n_bytes != n_claimed:
        raise FormatError(f"{name}: it is not as large as it claims")


def _refused(error: FormatError, path: Path) -> FormatError:
    kind = "folder" if path.is_dir() else "zip file"
    fix = "Take one that was written by bert4rec runs export."
    return FormatError(
        f"the {kind} is not that of a run: {error.message}", where=path.name, fix=error.fix or fix
    )
