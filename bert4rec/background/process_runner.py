"""A run in a process of its own: what kills it, memory that ran out above all, kills only it.

The parent starts `python -m bert4rec.background.process_runner FOLDER` and sends its commands; all
else stands in the run's folder. Once the parent is gone the child saves where it is and ends
(decision 0017).
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from bert4rec.background.child_process import (
    TOLD,
    UNTOLD,
    end_on_request,
    how_it_ended,
    listen,
    send,
    signal_of,
    start_child,
)
from bert4rec.control import Control
from bert4rec.errors import Bert4RecError
from bert4rec.pipeline import execute
from bert4rec.runs.folder import Run, open_run
from bert4rec.runs.recorder import tell_end
from bert4rec.runs.status import ACTIVE_STATES

_log = logging.getLogger(__name__)


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
            fix="Look at the machine with bert4rec doctor, then let the run go on.",
        )
        return
    if exit_status != TOLD:
        _tell(run, **_ending(exit_status))


def _wait_for_child(run: Run, control: Control) -> int:
    with (run.folder / "log.txt").open("ab") as log:
        child = start_child(__name__, run.folder, log=log)
    assert child.stdin is not None
    with child.stdin as commands:
        control.relay_to(partial(send, commands))
        return child.wait()


def _ending(exit_status: int) -> dict[str, str]:
    """Return how a run ended, and the way on, whose process ended without a word."""
    name, message = signal_of(exit_status), f"its process {how_it_ended(exit_status)}"
    if name == "SIGKILL":
        return {
            "state": "interrupted",
            "error": "ProcessKilled",
            "message": message,
            "fix": "Resume it; if it is killed again, start it with a smaller batch_size.",
        }
    if name == "SIGTERM":
        return {
            "state": "interrupted",
            "error": "ProcessDied",
            "message": message,
            "fix": "Resume it to go on.",
        }
    return {
        "state": "failed",
        "error": "ProcessDied",
        "message": message,
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
    end_on_request(control.interrupt)
    listen(control.obey, gone=control.interrupt)
    # What went wrong stands in the run's status and log.
    with suppress(Exception):
        execute(run, control=control)
    return UNTOLD if run.status().state in ACTIVE_STATES else TOLD


if __name__ == "__main__":
    sys.exit(main())
