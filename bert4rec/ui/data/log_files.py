"""Files that a visitor may bring: spooled uploads, and those in the one folder that is open."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bert4rec.errors import NotFoundError
from bert4rec.files import expanded, writing_explained

DATA_VARIABLE = "BERT4REC_DATA_DIR"
N_LISTED = 500
MAX_NAME_LENGTH = 80
UPLOAD_LIFE_S = 24 * 3600


def data_folder(workspace: Path) -> Path:
    """Return the only folder that files on the server are read from."""
    return expanded(os.environ.get(DATA_VARIABLE) or workspace / "inbox").resolve()


def list_data_files(folder: Path) -> list[str]:
    """Return the files below the open folder, as relative paths; hidden ones are left out.

    A link is listed only if what it leads to lies in the folder as well.
    """
    return sorted(_walk(folder.resolve()))[:N_LISTED]


def list_data_folders(folder: Path) -> list[str]:
    """Return the folders below the open folder whose several files may be read together.

    Each ends with a slash. One that holds a link out of the open folder is left out.
    """
    root = folder.resolve()
    parents = Counter(PurePosixPath(name).parent for name in _walk(root))
    found = (name.as_posix() for name, n in parents.items() if n > 1 and name.parts)
    return sorted(f"{name}/" for name in found if _holds_no_way_out(root / name, root))[:N_LISTED]


def _holds_no_way_out(path: Path, root: Path) -> bool:
    return all(child.resolve().is_relative_to(root) for child in path.rglob("*"))


def _walk(root: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(parent, name)
            if not name.startswith(".") and path.resolve().is_relative_to(root):
                yield path.relative_to(root).as_posix()


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


def spool(upload: BinaryIO, name: str, workspace: Path) -> Path:
    """Write an upload below the workspace and return its path; uploads left behind go.

    The file keeps its name, made safe, in a folder of its own.

    Raises:
        UnwritableError: the workspace cannot be written, or is full; nothing of the upload stays.
    """
    uploads = workspace / "uploads"
    forget_old_uploads(uploads, time.time())
    path = uploads / secrets.token_hex(8) / safe_file_name(name)
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


def safe_file_name(name: str) -> str:
    """Return a file name that is one plain path part and keeps its endings.

    Example:
        >>> safe_file_name("../my ratings.csv.gz"), safe_file_name("...")
        ('my-ratings.csv.gz', 'log')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace("\\", "/").rpartition("/")[2])
    return plain.lstrip(".-")[-MAX_NAME_LENGTH:].lstrip(".-") or "log"


def forget_upload(path: Path, workspace: Path) -> None:
    """Delete a spooled upload; any other path is left alone."""
    if path.parent.parent == workspace / "uploads":
        shutil.rmtree(path.parent, ignore_errors=True)


def forget_old_uploads(uploads: Path, now_s: float) -> None:
    """Delete uploads that nobody came back for within a day."""
    for folder in uploads.iterdir() if uploads.is_dir() else ():
        if folder.is_dir() and now_s - folder.stat().st_mtime > UPLOAD_LIFE_S:
            shutil.rmtree(folder, ignore_errors=True)
