"""One training, or one change of a file, at a time, in whatever thread or process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO

from bert4rec.errors import NotFoundError, RunError
from bert4rec.files import writing_explained

LOCK_NAME = "run.lock"
CHANGE_LOCK_NAME = "label.lock"
# The threads of this process wait here, the other processes at the file.
CHANGING = Lock()

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

    def _wait_for(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _wait_for(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run's folder alone; the system lets go of it as well when the process dies.

    The file stays: were it deleted, two might hold files of that name at the same time.

    Raises:
        RunError: another thread or process holds it.
        NotFoundError: the folder is gone.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no run {folder.name!r}", where=str(folder.parent))
    with writing_explained(folder):
        file = (folder / LOCK_NAME).open("ab")
    with file:
        try:
            _take(file)
        except BlockingIOError as error:
            raise RunError(
                f"run {folder.name!r} is active elsewhere",
                fix="Wait until it has ended there, or stop it there.",
            ) from error
        except OSError:
            # A file system without locks, as some shared ones are: the status has to do.
            pass
        yield


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Wait until nobody else changes a run's label; a training under way does not matter.

    Raises:
        NotFoundError: the folder is gone.
        UnwritableError: it cannot be written.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no run {folder.name!r}", where=str(folder.parent))
    with CHANGING, writing_explained(folder), (folder / CHANGE_LOCK_NAME).open("ab") as file:
        # A file system without locks, as some shared ones are: the threads' lock has to do.
        with suppress(OSError):
            _wait_for(file)
        yield
