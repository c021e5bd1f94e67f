"""Signals that end a command as Ctrl+C does: nothing half-written stays."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED, TERMINATED, HUNG_UP = 130, 143, 129
# Often enough that nobody feels it.
LOOK_EVERY_S = 0.05


class Terminated(KeyboardInterrupt):
    """SIGTERM."""


class HungUp(KeyboardInterrupt):
    """SIGHUP: the terminal was closed."""


# By name, as Windows has no SIGHUP.
RAISED = {"SIGINT": KeyboardInterrupt, "SIGTERM": Terminated, "SIGHUP": HungUp}


def status_of(interrupt: BaseException | None) -> int:
    """Return the exit status of a command that was interrupted so."""
    if isinstance(interrupt, HungUp):
        return HUNG_UP
    return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED


@contextmanager
def signals_heard() -> Iterator[None]:
    """Let the signals that end a command raise, unless something else is to be done with them."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        waiting: set[int] = set()
        for name, raised in RAISED.items():
            number = getattr(signal, name, None)
            usual = (signal.SIG_DFL, signal.default_int_handler)
            if number is not None and signal.getsignal(number) in usual:
                before[number] = signal.signal(number, _hearing(raised, waiting))
    usual_hook = sys.unraisablehook
    if before:
        sys.unraisablehook = _sending_again(usual_hook)
    try:
        yield
    finally:
        sys.unraisablehook = usual_hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _sending_again(usual_hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return what sends a signal again whose exception was ignored.

    So Python does where a library written in C has called it back, as the compiler behind UMAP
    does: the command would go on as if nobody had pressed Ctrl+C.
    """

    def hook(ignored: Any) -> None:
        for name, raised in RAISED.items():
            if type(ignored.exc_value) is raised:
                number = getattr(signal, name)
                threading.Thread(target=_send_later, args=(number,), daemon=True).start()
                return
        usual_hook(ignored)

    return hook


def _hearing(raised: type[KeyboardInterrupt], waiting: set[int]) -> Callable[[int, Any], None]:
    def hear(number: int, _: object) -> None:
        if raised is HungUp and not hasattr(signal.getsignal(signal.SIGTERM), "ends_a_command"):
            # A server ends by itself, and knows of SIGTERM alone.
            signal.raise_signal(signal.SIGTERM)
            return
        if not is_loading("torch"):
            raise raised
        if number not in waiting:
            waiting.add(number)
            threading.Thread(target=_send_later, args=(number,), daemon=True).start()

    hear.ends_a_command = True  # type: ignore[attr-defined]
    return hear


def is_loading(package: str) -> bool:
    """Whether a package is being imported.

    An exception in the middle of torch's import goes through its C++ code, which then aborts.
    """
    spec = getattr(sys.modules.get(package), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _send_later(number: int) -> None:
    # What called back should have returned by then.
    time.sleep(LOOK_EVERY_S)
    while is_loading("torch"):
        time.sleep(LOOK_EVERY_S)
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        # To that thread, which it wakes wherever it waits.
        signal.pthread_kill(main, number)
    else:
        signal.raise_signal(number)
