"""How far work has come that takes long: what is being done, and which share of all is done."""

from __future__ import annotations

import threading
from collections.abc import Callable

# Is told what is being done, and which share of the whole is done, from 0 to 1.
Watch = Callable[[str, float], None]


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
