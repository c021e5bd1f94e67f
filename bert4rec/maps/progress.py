"""How far work in the background has come, and a way to call it off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tqdm import tqdm

from bert4rec.errors import Bert4RecError
from bert4rec.stages import Watch


class Cancelled(Bert4RecError, RuntimeError):
    """Work that was called off before its end."""


class Progress:
    """What is being done and how far it has come; written by one thread, read by others.

    Args:
        watch: Told of it as well, by the thread that writes.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch
        self.stage = ""
        self.share = 0.0
        self._is_cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end; it does so when it next tells where it is."""
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody asked it to end."""
        return self._is_cancelled.is_set()

    def tell(self, stage: str, share: float) -> None:
        """Say where the work is.

        Args:
            stage: What is being done, as the rest of a sentence.
            share: Of the whole work, 0 to 1.

        Raises:
            Cancelled: it was called off.
        """
        self.stage, self.share = stage, min(max(share, 0.0), 1.0)
        if self.is_cancelled:
            raise Cancelled("the map was called off", fix="Start it again when you want it.")
        if self._watch is not None:
            self._watch(stage, self.share)


class Span:
    """A part of the work, from one share of the whole to another.

    Args:
        progress: Of the whole.
        stage: What is being done.
        start: Share of the whole at its beginning.
        end: Share of the whole at its end.
    """

    def __init__(self, progress: Progress, stage: str, start: float, end: float) -> None:
        self.progress, self.stage, self.start, self.end = progress, stage, start, end

    def tell(self, done: float) -> None:
        """Say which share of this part is done; raises `Cancelled` if it was called off."""
        share = self.start + (self.end - self.start) * done
        self.progress.tell(self.stage, share)

    def tqdm_options(self, n: int) -> dict[str, object]:
        """Return options with which tqdm tells each of `n` rounds here instead of on a screen."""
        return {
            "file": _Rounds(self, n),
            "bar_format": "{n_fmt}",
            "mininterval": 0,
            "miniters": 1,
            "disable": False,
            "leave": False,
        }


@contextmanager
def letting_tqdm_go() -> Iterator[None]:
    """Release tqdm's lock where work is called off, as tqdm (4.70) does not: others would hang."""
    try:
        yield
    except Cancelled:
        lock = tqdm.get_lock()
        # As often as it was taken; a thread that does not hold it is refused.
        with suppress(RuntimeError, AssertionError):
            while True:
                lock.release()
        raise


class _Rounds:
    """A file to which tqdm writes the number of the round that it has come to."""

    def __init__(self, span: Span, n: int) -> None:
        self.span, self.n = span, max(n, 1)

    def write(self, text: str) -> None:
        """Take note of a round; whatever else tqdm writes is passed over."""
        if (told := text.strip()).isdigit():
            self.span.tell(int(told) / self.n)

    def flush(self) -> None:
        """Do nothing: all that was written has been read."""
