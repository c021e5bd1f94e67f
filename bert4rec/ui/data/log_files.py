"""Files that a visitor may bring: spooled uploads, and those in the one folder that is open."""

from __future__ import annotations

import atexit
import os
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple

from bert4rec.errors import NotFoundError
from bert4rec.examination import UPLOADS
from bert4rec.files import (
    expanded,
    remove_abandoned,
    temporary_folder_beside,
    writing_explained,
)

DATA_VARIABLE = "BERT4REC_DATA_DIR"
N_LISTED = 500
# A file's name has 255 bytes, and a letter up to four.
MAX_NAME_LENGTH = 60
UPLOAD_LIFE_S = 24 * 3600
KEY_BYTES = 16
UPLOAD_KEY = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}")


def data_folder(workspace: Path) -> Path:
    """Return the only folder that files on the server are read from."""
    return expanded(os.environ.get(DATA_VARIABLE) or workspace / "inbox").resolve()


class DataFiles(NamedTuple):
    """What lies below the open folder, as relative paths; hidden ones are left out.

    Args:
        files: The first `N_LISTED` files. A link is one only if it leads to one below the folder.
        folders: The first `N_LISTED` folders whose files may be read together, with a slash at the
            end: those of several files, and those above partitions. One that holds
            a link out of the open folder is none.
        n_files: How many files there are.
    """

    files: list[str]
    folders: list[str]
    n_files: int


def list_data(folder: Path) -> DataFiles:
    """Return what may be chosen below the open folder.

    Cost: one walk through it.
    """
    root = folder.resolve()
    files: list[PurePath] = []
    with_way_out: set[PurePath] = set()
    for entry in _below(root):
        path = PurePath(entry.path[len(str(root)) + 1 :])
        if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
            with_way_out.update(path.parents)
        elif entry.is_file() and "/." not in f"/{path.as_posix()}":
            files.append(path)
    found = sorted(path.as_posix() for path in files)
    together = sorted(f"{place.as_posix()}/" for place in _read_together(files) - with_way_out)
    return DataFiles(found[:N_LISTED], together[:N_LISTED], len(found))


def _below(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Yield what lies below a folder, at any depth; links are not followed."""
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path)


def _read_together(files: list[PurePath]) -> set[PurePath]:
    """Return the folders of several files, and those of partitions such as day=2024-05-17."""
    n_files = Counter(file.parent for file in files)
    found = {place for place, n in n_files.items() if n > 1}
    found |= {_above_partitions(file.parent) for file in files if "=" in file.parent.name}
    return {place for place in found if place.parts}


def _above_partitions(place: PurePath) -> PurePath:
    return _above_partitions(place.parent) if "=" in place.name else place


def _holds_no_way_out(path: Path, root: Path) -> bool:
    return all(child.resolve().is_relative_to(root) for child in path.rglob("*"))


def data_path(folder: Path, relative: str) -> Path:
    """Return the path of a file in the open folder, links followed; of a folder after a slash.

    Raises:
        NotFoundError: it is not there, or leads out of the folder.
    """
    root = folder.resolve()
    # What a browser sends need not be what the page offered, so it is checked here.
    path = (root / relative).resolve() if "\0" not in relative else root
    is_there = path.is_file()
    if relative.endswith("/"):
        is_there = path.is_dir() and path != root and _holds_no_way_out(path, root)
    if not path.is_relative_to(root) or not is_there:
        raise NotFoundError(
            f"there is no file {relative!r} in the folder that is open to the dashboard",
            where=str(folder),
            fix=f"Put the file there, or name another folder in {DATA_VARIABLE}.",
        )
    return path


def spooled(key: str, workspace: Path) -> Path | None:
    """Return the upload of this server that an address names; None where it is gone.

    Args:
        key: What it was spooled under; whatever else stands in an address is no key.
        workspace: Where it lies.
    """
    folder = _uploads_of_process(workspace) / key
    if not UPLOAD_KEY.fullmatch(key) or not folder.is_dir():
        return None
    return next((path for path in folder.iterdir() if path.is_file()), None)


def spool(upload: BinaryIO, name: str, workspace: Path) -> Path:
    """Write an upload below the workspace and return its path; uploads left behind go.

    The file keeps its name, made safe, in a folder of its own, whose name nobody can guess: by it
    an address finds the file after a reload. It goes with the process at the latest.

    Raises:
        UnwritableError: the workspace cannot be written, or is full; nothing of the upload stays.
    """
    remove_abandoned(workspace / UPLOADS)
    ours = _uploads_of_process(workspace)
    forget_old_uploads(ours, time.time())
    path = ours / secrets.token_hex(KEY_BYTES) / safe_file_name(name)
    upload.seek(0)
    with writing_explained(workspace):
        path.parent.mkdir(parents=True)
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(upload, file, 1 << 20)
        except OSError:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
    return path


@cache
def _uploads_of_process(workspace: Path) -> Path:
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(temporary_folder_beside(workspace / UPLOADS / "of"))


def safe_file_name(name: str) -> str:
    """Return a file name that is one plain path part and keeps its letters and endings.

    Datasets whose sources are called the same are taken for versions of each other.

    Example:
        >>> safe_file_name("../my ratings.csv.gz"), safe_file_name("音楽.csv")
        ('my-ratings.csv.gz', '音楽.csv')
    """
    plain = re.sub(r"[^\w.-]+", "-", name.replace("\\", "/").rpartition("/")[2])
    return plain.lstrip(".-")[-MAX_NAME_LENGTH:].lstrip(".-") or "log"


def forget_upload(path: Path, workspace: Path) -> None:
    """Delete a spooled upload; any other path is left alone."""
    if path.parent.parent.parent == workspace / UPLOADS:
        shutil.rmtree(path.parent, ignore_errors=True)


def forget_old_uploads(uploads: Path, now_s: float) -> None:
    """Delete uploads that nobody came back for within a day."""
    for folder in uploads.iterdir() if uploads.is_dir() else ():
        if folder.is_dir() and now_s - folder.stat().st_mtime > UPLOAD_LIFE_S:
            shutil.rmtree(folder, ignore_errors=True)
