"""Open files locked by the operating system, which lets go when their process dies."""

from __future__ import annotations

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def take(file: IO[bytes]) -> None:
        """Lock an open file until it is closed; a BlockingIOError says that another has it."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

    def wait_for(file: IO[bytes]) -> None:
        """Lock an open file until it is closed, once no other has it."""
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def take(file: IO[bytes]) -> None:
        """Lock an open file until it is closed; a BlockingIOError says that another has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait_for(file: IO[bytes]) -> None:
        """Lock an open file until it is closed, once no other has it."""
        fcntl.flock(file, fcntl.LOCK_EX)
