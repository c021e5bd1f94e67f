"""What is done by one at a time, in whatever thread or process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from bert4rec.errors import NotFoundError
from bert4rec.file_locks import wait_for
from bert4rec.files import writing_explained

# The threads of this process wait here, the other processes at the file.
CHANGING = Lock()
LOCK = ".lock"


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
            wait_for(lock)
        yield
