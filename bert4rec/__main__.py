"""The command itself, also as `python -m bert4rec` where it is not on the path.

Until `main` hears of Ctrl+C, Python answers it with a traceback: little is loaded before.
"""

from __future__ import annotations

import os
import signal
import sys

# As in `cli/signals.py`, which takes the whole command line to load.
INTERRUPTED = 130


def main() -> None:
    """Carry out the command line; Ctrl+C ends it as cleanly while it is still being loaded."""
    usual = signal.getsignal(signal.SIGINT)
    is_ours = usual is signal.default_int_handler and _hears_of_it()
    from bert4rec.cli import main as door

    if is_ours:
        signal.signal(signal.SIGINT, usual)
    try:
        door()
    except KeyboardInterrupt:
        # A moment before the command hears of signals, or after it.
        _tell()
        sys.exit(INTERRUPTED)


def _hears_of_it() -> bool:
    """Have Ctrl+C end the process; no thread but the first can."""
    try:
        signal.signal(signal.SIGINT, _leave)
    except ValueError:
        return False
    return True


def _leave(*_: object) -> None:
    """End the process: nothing is begun, and no exception has to find its way out of an import."""
    _tell()
    os._exit(INTERRUPTED)


def _tell() -> None:
    from contextlib import suppress

    # None where it is closed; and nothing depends on it.
    with suppress(OSError, AttributeError):
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
