"""A run in a process of its own: what kills it, memory that ran out above all, kills only it.

The parent starts `python -m bert4rec.process_runner FOLDER` and writes its commands, a word a line,
into that process's standard input. All else stands in the run's folder. Where the input ends, the
parent is gone: the child saves where it is and ends, see docs/decisions/0017.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import IO

from bert4rec.control import Control
from bert4rec.errors import Bert4RecError
from bert4rec.pipeline import execute
from bert4rec.runs.folder import ACTIVE_STATES, Run, open_run
from bert4rec.runs.recorder import tell_end

_log = logging.getLogger(__name__)
# What the child says by its exit status; how a run ended stands in its folder.
TOLD, UNTOLD = 0, 1


def run_in_a_process(run: Run, control: Control) -> None:
    """Carry out a run in a process of its own; returns when that has ended, however it ended."""
    try:
        exit_status = _wait_for_child(run, control)
    except OSError as error:
        _tell(
            run,
            state="failed",
            error="ProcessDied",
            message=f"its process could not be started: {error.strerror or error}",
            fix="Look at the workspace and at this machine with bert4rec doctor, then resume it.",
        )
        return
    if exit_status != TOLD:
        _tell(run, **_ending(exit_status))


def _wait_for_child(run: Run, control: Control) -> int:
    command = [sys.executable, "-P", "-X", "faulthandler", "-m", __name__, str(run.folder)]
    with (run.folder / "log.txt").open("ab") as log:
        # In a session of its own: Ctrl+C in a terminal is meant for the parent.
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            bufsize=0,
            env=_environment(),
            start_new_session=True,
        )
    assert child.stdin is not None
    with child.stdin as commands:
        control.relay_to(partial(_send, commands))
        return child.wait()


def _environment() -> dict[str, str]:
    """Return the environment in which the child finds the package that the parent runs."""
    above = str(Path(__file__).parents[1])
    others = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (above, others)))}


def _send(commands: IO[bytes], command: str) -> None:
    # A child that has just ended hears nothing, and nothing is lost by that.
    with suppress(OSError, ValueError):
        commands.write(f"{command}\n".encode())
        commands.flush()


def _ending(exit_status: int) -> dict[str, str]:
    """Return how a run ended, and the way on, whose process ended without a word."""
    name = signal.Signals(-exit_status).name if exit_status < 0 else ""
    if name == "SIGKILL":
        return {
            "state": "interrupted",
            "error": "ProcessKilled",
            "message": "its process was killed, by somebody or by the system for want of memory",
            "fix": "Resume it; if it is killed again, start it with a smaller batch_size.",
        }
    if name == "SIGTERM":
        return {
            "state": "interrupted",
            "error": "ProcessDied",
            "message": "its process was asked to end",
            "fix": "Resume it to go on.",
        }
    how = f"died of {name}" if name else f"ended with status {exit_status}"
    return {
        "state": "failed",
        "error": "ProcessDied",
        "message": f"its process {how}",
        "fix": "See the run's log.txt; resume it to go on from its last checkpoint.",
    }


def _tell(run: Run, **ending: str) -> None:
    """Put down how a run ended whose process could not do so."""
    _log.warning("run %s %s: %s", run.id, ending["state"], ending["message"])
    with suppress(Bert4RecError):
        tell_end(run, **ending)


def main() -> int:
    """Carry out the run whose folder the command line names, in this process."""
    run, control = open_run(Path(sys.argv[1])), Control()
    # Whoever ends all processes of a service means this one too.
    signal.signal(signal.SIGTERM, lambda *_: control.interrupt())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unbuffered: the lock of a buffer that a thread still reads would abort the process at its end.
    commands = FileIO(sys.stdin.fileno(), closefd=False)
    threading.Thread(target=_obey, args=(commands, control), name="commands", daemon=True).start()
    # What went wrong stands in the run's status and log.
    with suppress(Exception):
        execute(run, control=control)
    return UNTOLD if run.status().state in ACTIVE_STATES else TOLD


def _obey(commands: Iterable[bytes], control: Control) -> None:
    for line in commands:
        control.obey(line.decode().strip())
    control.interrupt()


if __name__ == "__main__":
    sys.exit(main())
