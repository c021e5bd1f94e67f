"""One training at a time in a run's folder, in whatever thread or process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bert4rec.errors import NotFoundError, RunError
from bert4rec.file_locks import take
from bert4rec.files import writing_explained

LOCK_NAME = "run.lock"


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
            take(file)
        except BlockingIOError as error:
            raise RunError(
                f"run {folder.name!r} is active elsewhere",
                fix="Wait until it has ended there, or stop it there.",
            ) from error
        except OSError:
            # A file system without locks, as some shared ones are: the status has to do.
            pass
        yield
