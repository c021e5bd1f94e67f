"""Ctrl+C during a search: it breaks into a training, but not into what is done with the study.

Python raises wherever the main thread is. Within SQLAlchemy that would leave a connection behind
that locks the file, for this process too, which could not put back the trial under way; and a trial
that has just been taken would be nobody's.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Gate:
    """What signals must pass that would raise in the main thread: where it is shut, they wait."""

    def __init__(self) -> None:
        self._is_open = True
        self._waiting: list[int] = []

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Stand before the handlers that are set, and be shut, until the block ends."""
        usual: dict[int, Any] = {}
        try:
            self._is_open = False
            if threading.current_thread() is threading.main_thread():
                # By name, as Windows has no SIGHUP.
                for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                    handler = signal.getsignal(number)
                    if callable(handler):
                        usual[number] = handler
                        signal.signal(number, self._before(handler))
            yield
        finally:
            # First of all: whatever breaks into this finds only handlers that pass it on.
            self._is_open = True
            for number, handler in usual.items():
                signal.signal(number, handler)
            self._let_in()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let signals through until the block ends, those that have waited first."""
        with self._set(is_open=True):
            yield

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Let signals wait until the block ends."""
        with self._set(is_open=False):
            yield

    @contextmanager
    def _set(self, *, is_open: bool) -> Iterator[None]:
        before, self._is_open = self._is_open, is_open
        try:
            self._let_in()
            yield
        finally:
            self._is_open = before
            self._let_in()

    def _let_in(self) -> None:
        while self._is_open and self._waiting:
            signal.raise_signal(self._waiting.pop(0))

    def _before(self, handler: Callable[[int, Any], object]) -> Callable[[int, Any], None]:
        @wraps(handler)
        def hear(number: int, frame: object) -> None:
            if self._is_open:
                handler(number, frame)
            else:
                self._waiting.append(number)

        return hear
