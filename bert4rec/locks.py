"""Locks of the operating system: what is done by one at a time, in whatever thread or process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO

from bert4rec.errors import NotFoundError
from bert4rec.files import writing_explained

# The threads of this process wait here, the other processes at the file.
CHANGING = Lock()
LOCK = ".lock"

if sys.platform == "win32":
    import msvcrt

    def take(file: IO[bytes]) -> None:
        """Lock an open file until it is closed; a BlockingIOError says that another has it."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

    def _wait_for(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def take(file: IO[bytes]) -> None:
        """Lock an open file until it is closed; a BlockingIOError says that another has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _wait_for(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def changing(file: Path, noun: str) -> Iterator[None]:
    """Wait until nobody else changes a file that is read, changed and swapped in again.

    The lock is a file beside it, which stays: were it deleted, two might hold files of that name.

    Args:
        file: What is changed.
        noun: What its folder holds, for messages.

    Raises:
        NotFoundError: the folder is gone.
        UnwritableError: it cannot be written.
    """
    folder = file.parent
    if not folder.is_dir():
        raise NotFoundError(f"there is no {noun} {folder.name!r}", where=str(folder.parent))
    with CHANGING, writing_explained(folder), file.with_suffix(LOCK).open("ab") as lock:
        # A file system without locks, as some shared ones are: the threads' lock has to do.
        with suppress(OSError):
            _wait_for(lock)
        yield
