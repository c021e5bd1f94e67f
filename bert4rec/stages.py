"""How far work has come that takes long, in one piece of somebody else's too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import nullcontext, suppress
from typing import TypeVar

Found = TypeVar("Found")
# Is told what is being done, and which share of the whole is done, from 0 to 1.
Watch = Callable[[str, float], None]

TELL_EVERY_S = 0.2


def tell_nobody(doing: str, share: float) -> None:
    """Hear how far work has come and do nothing."""


def within(watch: Watch, start: float, end: float) -> Watch:
    """Return what hears of work that is a part of another one, from one share of it to the next."""
    return lambda doing, share: watch(doing, start + (end - start) * share)


def rising(watch: Watch) -> Watch:
    """Return what hears of work some of which may be done twice: its share never falls."""
    reached = 0.0

    def tell(doing: str, share: float) -> None:
        nonlocal reached
        reached = max(reached, share)
        watch(doing, reached)

    return tell


class Stage:
    """A part of some work, whose rows several threads may do.

    Args:
        watch: Told after each batch of rows, by one thread at a time.
        doing: What is being done.
        n_rows: Rows of this part.
        start: Share of the whole that is done before it.
        end: Share of the whole that is done after it.
    """

    def __init__(
        self, watch: Watch, doing: str, n_rows: int, start: float = 0.0, end: float = 1.0
    ) -> None:
        self._watch, self._doing, self._n_rows = watch, doing, n_rows
        self._start, self._end = start, end
        self._n_done, self._counting = 0, threading.Lock()

    def add(self, n: int) -> None:
        """Say that so many more rows are done."""
        with self._counting:
            self._n_done += n
            self.tell(self._n_done)

    def tell(self, n_done: int) -> None:
        """Say how many rows are done in all."""
        done = n_done / max(self._n_rows, 1)
        share = self._start + (self._end - self._start) * done
        # No count of rows: beside a share of the whole it would be read as one.
        self._watch(self._doing, share)


def told_meanwhile(
    compute: Callable[[], Found],
    tell: Callable[[], object],
    abandon: Callable[[], object] | None = None,
) -> Found:
    """Return what a thread of its own computes, while this one tells now and then that it goes on.

    For what takes long in one piece of somebody else's code. Whatever `tell` raises, or Ctrl+C, is
    raised here once that thread has ended.

    Args:
        compute: Computes it.
        tell: Called every `TELL_EVERY_S`.
        abandon: Called where nobody wants the result any more, and again until `compute` has
            ended: it may have begun another piece since. Without it the end is waited for.
    """
    found: Future[Found] = Future()
    piece = threading.Thread(target=_compute, args=(compute, found), name="piece")
    try:
        piece.start()
        while not wait([found], TELL_EVERY_S).done:
            tell()
    except BaseException:
        _end(found, abandon)
        raise
    return found.result()


def _end(found: Future[Found], abandon: Callable[[], object] | None) -> None:
    # Pressed again, Ctrl+C ends nothing sooner that is about to end.
    pressed_again = nullcontext() if abandon is None else suppress(KeyboardInterrupt)
    # What has not begun never will.
    while not (found.cancel() or found.done()):
        with pressed_again:
            if abandon is not None:
                abandon()
            wait([found], TELL_EVERY_S)


def _compute(compute: Callable[[], Found], found: Future[Found]) -> None:
    if not found.set_running_or_notify_cancel():
        return
    try:
        found.set_result(compute())
    except BaseException as error:  # noqa: BLE001  raised where the caller waits
        found.set_exception(error)
