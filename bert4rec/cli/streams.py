"""Standard output, on which a command depends, and standard error, on which none does."""

from __future__ import annotations

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
        raise UnwritableError(
            f"standard output cannot be written: {error.strerror or error}",
            fix="Make room where it goes, or send it elsewhere.",
        ) from error


class Heedless(Needed):
    """Standard error: what it does not take is lost, as on a full disk or a closed terminal."""

    def _fail(self, error: OSError) -> None:
        self.has_failed = True


@contextmanager
def streams_explained() -> Iterator[None]:
    """Have failures of the standard streams said, or passed over, as suits each."""
    before = sys.stdout, sys.stderr
    # A process that was started without one has none.
    output = None if sys.stdout is None else Needed(sys.stdout)
    told = None if sys.stderr is None else Heedless(sys.stderr)
    sys.stdout, sys.stderr = output, told
    try:
        yield
    finally:
        sys.stdout = before[0]
        # What is held back would fail again when Python ends, and change the exit status.
        if told is not None and not told.has_failed:
            sys.stderr = before[1]
