"""Files on disk: safe names, the workspace, what is written aside and moved in whole."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from bert4rec.errors import (
    Bert4RecError,
    NotFoundError,
    UnwritableError,
)
from bert4rec.file_locks import take

WORKSPACE_VARIABLE = "BERT4REC_WORKSPACE"
# What is temporary bears this in its name, and has a lock of the same name beside it.
TEMPORARY, TEMPORARY_LOCK = "bert4rec-", ".lock"
# No process is as long between a lock and what it locks, however the clocks of machines differ.
LONELY_LOCK_S = 24 * 3600


def find_workspace(path: str | Path | None = None) -> Path:
    """Return the workspace folder: `path`, else `BERT4REC_WORKSPACE`, else `./workspace`.

    Raises:
        UnwritableError: no folder can be there, or its name is no text.
    """
    asked = expanded(path or os.environ.get(WORKSPACE_VARIABLE) or "workspace")
    try:
        found = asked.resolve()
        found.is_dir()
        str(found).encode()
    # Links that lead in a circle are a RuntimeError before Python 3.13.
    except (OSError, RuntimeError, UnicodeError) as error:
        is_bytes = isinstance(error, UnicodeError)
        reason = getattr(error, "strerror", None) or str(error).partition(" from ")[0]
        problem = "its path is no text in UTF-8" if is_bytes else reason
        raise UnwritableError(
            f"the workspace cannot be used: {problem}",
            where=ascii(str(asked)).strip("'"),
            fix=f"Name another folder, as by --workspace or {WORKSPACE_VARIABLE}.",
        ) from error
    return found


def expanded(path: str | Path) -> Path:
    """Return a path with `~` as a home folder; that of a user who is unknown stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


MAX_SAFE_NAME = 40


def safe_name(text: str, *, fallback: str = "unnamed", max_length: int = MAX_SAFE_NAME) -> str:
    """Return `text` as a name that is safe as one part of a path.

    Only ASCII letters, digits, `-` and `_` remain; the result is never empty and never a path.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:max_length].strip("-_")
    return name or fallback


def free_safe_name(text: str, taken: Collection[str], *, fallback: str = "unnamed") -> str:
    """Return `text` as a safe name that none has yet, in whatever case, by a number if need be.

    Example:
        >>> free_safe_name("My log", {"My-log", "my-log-2"})
        'My-log-3'
    """
    known = {name.casefold() for name in taken}
    ends = chain([""], (f"-{number}" for number in count(2)))
    names = (
        safe_name(text, fallback=fallback, max_length=MAX_SAFE_NAME - len(end)) + end
        for end in ends
    )
    return next(name for name in names if name.casefold() not in known)


def child_of(parent: Path, name: str) -> Path:
    """Return `parent / name` after checking that `name` is one plain path part.

    Raises:
        NotFoundError: `name` is empty, hidden, too long or tries to leave `parent`.
    """
    # No file system that matters takes more than 255 bytes for one part.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}", name) or ".." in name:
        raise NotFoundError(
            f"{name!r} is not a valid name",
            where=str(parent.name),
            fix="Use letters, digits, '-', '_' and single dots only.",
        )
    return parent / name


def is_file(path: Path) -> bool:
    """Whether there is a file; a path that no file can have, being too long, is not there."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; a path that nothing can have is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@contextmanager
def writing_explained(folder: Path) -> Iterator[None]:
    """Turn an error of the operating system into ours, which names the folder and what to do.

    Raises:
        UnwritableError: the block could not write to `folder`.
    """
    try:
        yield
    except Bert4RecError:
        raise
    except OSError as error:
        raise UnwritableError(
            f"the folder {folder} cannot be written: {error.strerror or error}",
            fix="Make room or permit writing there, or name another folder, "
            f"as by --workspace or {WORKSPACE_VARIABLE}.",
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless it is there.

    Raises:
        UnwritableError: it cannot be made.
    """
    with writing_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)


def file_at(path: str | Path) -> Path:
    """Return the file that a path means, whatever links and `~` lead to it."""
    return Path(os.path.realpath(expanded(path)))


def file_to_write(path: str | Path) -> Path:
    """Return the file that is written where `path` is named: links and `~` lead to another one.

    Raises:
        UnwritableError: what is there is no file: a folder, a device or a pipe.
    """
    file = file_at(path)
    if is_there(file) and not is_file(file):
        raise UnwritableError(
            f"{file.name!r} is no file that could be replaced",
            where=str(file.parent),
            fix="Name another file.",
        )
    return file


def refuse_unwritable(path: Path) -> None:
    """Refuse a place of a file or folder that takes long to make, before it is made.

    Raises:
        UnwritableError: the folder around it cannot be made or written.
    """
    make_folder(path.parent)
    with temporary_beside(path):
        pass


@contextmanager
def swapped_in(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes the file `path` once the block ends without error.

    Raises:
        UnwritableError: there is something else than a file, or the folder cannot be made.
    """
    path = file_to_write(path)
    make_folder(path.parent)
    with temporary_beside(path) as temporary:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def folder_swapped_in(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` once the block ends without error.

    An existing `path` is moved aside, and deleted only once the new folder is in its place. After
    an error nothing of the new folder stays. Where another process put the same folder there
    meanwhile, that one stays, as somebody may have opened it.
    """
    before = _inode(path)
    with temporary_folder_beside(path) as temporary:
        yield temporary
        if _inode(path) in (None, before):
            _put_in_place(temporary, path)


def _put_in_place(new: Path, path: Path) -> None:
    with temporary_beside(path) as aside:
        with suppress(FileNotFoundError):
            path.rename(aside)
        try:
            new.rename(path)
        except OSError:
            # Either another process was faster, or nothing is there and the old folder goes back.
            if not path.exists():
                if aside.exists():
                    aside.rename(path)
                raise


def _inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Yield a hidden path beside `path` that nobody else has; what is there at the end goes.

    A locked file beside it says that it is in use. Host and process would not: in another
    container both may be called the same.

    Raises:
        UnwritableError: the folder cannot be written.
    """
    temporary = path.parent / f".{path.name}.{TEMPORARY}{secrets.token_hex(4)}.tmp"
    lock = temporary.with_suffix(TEMPORARY_LOCK)
    with writing_explained(path.parent):
        file = lock.open("xb")
    try:
        with file:
            # A file system without locks, as some shared ones are: there nothing is ever removed.
            with suppress(OSError):
                take(file)
            try:
                yield temporary
            finally:
                _remove(temporary)
    finally:
        lock.unlink(missing_ok=True)


@contextmanager
def temporary_folder_beside(path: Path) -> Iterator[Path]:
    """Make a temporary folder beside `path`, and the folders above it; it goes at the end.

    Raises:
        UnwritableError: it cannot be made.
    """
    make_folder(path.parent)
    with temporary_beside(path) as folder:
        make_folder(folder)
        yield folder


def move_where_free(folder: Path, parent: Path, name: str) -> Path:
    """Move a folder to `parent / name`, numbered where that is taken; return where it is now."""
    places = (parent / (name if n == 1 else f"{name}-{n}") for n in count(1))
    while True:
        place = next(path for path in places if not path.exists())
        try:
            return folder.rename(place)
        except OSError:
            # Where somebody was faster by a moment, the next number is tried.
            if not place.exists():
                raise


def remove_abandoned(folder: Path) -> None:
    """Remove what is temporary in `folder` and whose process is gone, on whatever machine.

    The locks of a shared folder have to be seen by all who share it, as those of NFS 4 are.
    """
    for path in folder.glob(f".*.{TEMPORARY}*.tmp"):
        if not _is_in_use(path):
            _remove(path)
            _remove(path.with_suffix(TEMPORARY_LOCK))
    # One killed between the two leaves a lock alone. A fresh one may be about to be taken.
    for lock in folder.glob(f".*.{TEMPORARY}*{TEMPORARY_LOCK}"):
        if not lock.with_suffix(".tmp").exists() and _is_old(lock) and not _is_in_use(lock):
            _remove(lock)


def delete_folder(folder: Path) -> None:
    """Delete a folder with all that it holds; nobody sees it half deleted.

    Raises:
        NotFoundError: somebody was faster.
        UnwritableError: it cannot be deleted; it is as it was.
    """
    remove_abandoned(folder.parent)
    with writing_explained(folder), temporary_beside(folder) as aside:
        # Of another person, it could be moved though what it holds could not be deleted.
        for part in [Path(path) for path, _, _ in os.walk(folder)]:
            if not os.access(part, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            folder.rename(aside)
        except FileNotFoundError:
            where = str(folder.parent)
            raise NotFoundError(f"{folder.name!r} is gone already", where=where) from None


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > LONELY_LOCK_S
    except FileNotFoundError:
        return False


def _is_in_use(temporary: Path) -> bool:
    """Whether a process holds what is temporary, or it cannot be told."""
    try:
        with temporary.with_suffix(TEMPORARY_LOCK).open("r+b") as file:
            take(file)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        # It may be another person's, in a folder that all write.
        with suppress(OSError):
            path.unlink()
