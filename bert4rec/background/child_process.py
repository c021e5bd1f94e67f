"""A process of its own that is steered by words, one a line, through its standard input.

It is started anew, with nothing inherited and nothing pickled: all else stands in files. Where its
input ends, the parent is gone (decisions 0017, 0031).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO

# What a child says by its exit status: how it ended stands in its files, or nobody told.
TOLD, UNTOLD = 0, 1


def start_child(
    module: str, path: Path, *, log: IO[bytes] | None = None, is_heard: bool = False
) -> subprocess.Popen[bytes]:
    """Start a module of this package as a program, in a process of its own.

    Args:
        module: Its full name.
        path: What it is about: its one argument.
        log: Where its libraries print to; by default where those of this process do.
        is_heard: Whether its standard output is a pipe to this process.

    Raises:
        OSError: it cannot be started.
    """
    # In a session of its own: Ctrl+C in a terminal is meant for the parent.
    return subprocess.Popen(
        [sys.executable, "-P", "-X", "faulthandler", "-m", module, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if is_heard else log,
        stderr=log,
        bufsize=0,
        env=_environment(),
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    """Return the environment in which the child finds the package that the parent runs."""
    above = str(Path(__file__).parents[2])
    others = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (above, others)))}


def send(pipe: IO[bytes], word: str) -> None:
    """Write a word; whoever has just ended hears nothing, and nothing is lost by that."""
    with suppress(OSError, ValueError):
        pipe.write(f"{word}\n".encode())
        pipe.flush()


def listen(hear: Callable[[str], object], gone: Callable[[], object]) -> None:
    """Hear the parent's words in a thread of its own; `gone` is called where there is none more."""

    def keep_listening() -> None:
        for line in words:
            hear(line.decode().strip())
        gone()

    # Unbuffered: the lock of a buffer that a thread still reads would abort the process at its end.
    words = FileIO(sys.stdin.fileno(), closefd=False)
    threading.Thread(target=keep_listening, name="commands", daemon=True).start()


def end_on_request(end: Callable[[], object]) -> None:
    """Let `end` be called where this process is asked to end, and pass over Ctrl+C."""
    # Whoever ends all processes of a service means this one too.
    signal.signal(signal.SIGTERM, lambda *_: end())
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def signal_of(exit_status: int) -> str:
    """Return the name of the signal that a process died of; nothing where it was none."""
    return signal.Signals(-exit_status).name if exit_status < 0 else ""


def how_it_ended(exit_status: int) -> str:
    """Return in words how a process ended that did not tell."""
    name = signal_of(exit_status)
    if name == "SIGKILL":
        return "was killed, by somebody or by the system for want of memory"
    if name == "SIGTERM":
        return "was asked to end"
    return f"died of {name}" if name else f"ended with status {exit_status}"
