"""Standard output, on which a command depends, and standard error, on which none does."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bert4rec.errors import UnwritableError


class Needed:
    """Standard output: what it does not take is an error of ours.

    Args:
        stream: Where everything goes.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.has_failed = False

    def __getattr__(self, name: str) -> Any:
        """Return whatever else a stream has."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text.

        Raises:
            UnwritableError: it cannot be written.
            BrokenPipeError: nobody reads it any more, which is no mishap.
        """
        try:
            self._stream.write(text)
        except UnicodeEncodeError as error:
            sign = error.object[error.start : error.start + 1]
            raise UnwritableError(
                f"standard output, in {error.encoding}, has no sign for {sign!r}",
                fix="Set PYTHONIOENCODING=utf-8, or write a file with --out.",
            ) from error
        except OSError as error:
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Write what is still held back; raises what `write` does."""
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.has_failed = True
        if isinstance(error, BrokenPipeError):
            raise error
        is_closed = error.errno == errno.EBADF
        raise UnwritableError(
            f"standard output cannot be written: {error.strerror or error}",
            fix="Send it somewhere; to /dev/null where nobody wants it."
            if is_closed
            else "Make room where it goes, or send it elsewhere.",
        ) from error


class Heedless(Needed):
    """Standard error: what it does not take is lost, as on a full disk or a closed terminal."""

    def _fail(self, error: OSError) -> None:
        self.has_failed = True


class Closed(io.TextIOBase):
    """A stream that was closed before the command began, as by `>&-`: it takes nothing."""

    # As streams have them that can be written.
    encoding, errors = "utf-8", "strict"

    def write(self, text: str) -> int:
        """Write nothing.

        Raises:
            TypeError: bytes are not what it would take either.
            OSError: there is something to write.
        """
        if not isinstance(text, str):
            raise TypeError(text)
        if text:
            raise OSError(errno.EBADF, "it is closed")
        return 0


@contextmanager
def streams_explained() -> Iterator[None]:
    """Have failures of the standard streams said, or passed over, as suits each."""
    before = sys.stdout, sys.stderr
    _take_closed_places()
    # Windows starts programs without a window so, which is no mishap.
    output = None if sys.stdout is None and os.name == "nt" else Needed(sys.stdout or Closed())
    # A process that was started without one has none.
    told = None if sys.stderr is None else Heedless(sys.stderr)
    sys.stdout, sys.stderr = output, told
    try:
        yield
    finally:
        sys.stdout = before[0]
        # What is held back would fail again when Python ends, and change the exit status.
        if told is not None and not told.has_failed:
            sys.stderr = before[1]


def _take_closed_places() -> None:
    """Let no file that is opened later on take the place of a standard stream that is closed."""
    if os.name == "nt" or None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (taken := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(taken)
