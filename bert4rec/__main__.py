"""The command itself, also as `python -m bert4rec` where it is not on the path."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

# As in `cli/signals.py`, which takes the whole command line to load.
INTERRUPTED = 130


def main() -> None:
    """Carry out the command line; Ctrl+C ends it as cleanly while it is still being loaded."""
    is_ours = threading.current_thread() is threading.main_thread()
    usual = signal.getsignal(signal.SIGINT)
    if is_ours and usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from bert4rec.cli import main as door

    if is_ours:
        signal.signal(signal.SIGINT, usual)
    try:
        door()
    except KeyboardInterrupt:
        # A moment before the command hears of signals, or after it.
        _tell()
        sys.exit(INTERRUPTED)


def _leave(*_: Any) -> None:
    """End the process: nothing is begun, and no exception has to find its way out of an import."""
    _tell()
    os._exit(INTERRUPTED)


def _tell() -> None:
    # None where it is closed; and nothing depends on it.
    with suppress(OSError, AttributeError):
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
