"""Who carries out a run: the thread that asks for it, or a process of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from bert4rec.background.process_runner import run_in_a_process
from bert4rec.control import RUNNER_NAMES, RUNNER_VARIABLE, Control
from bert4rec.errors import Bert4RecError, SettingsError
from bert4rec.pipeline import execute
from bert4rec.runs.folder import Run
from bert4rec.runs.recorder import explained, tell_end

_log = logging.getLogger(__name__)


class Runner(Protocol):
    """Whoever carries out a run; returns when it has ended, however it ended."""

    def __call__(self, run: Run, control: Control) -> None:
        """Carry out the run; `control` pauses and stops it from other threads."""
        ...


def run_in_this_thread(run: Run, control: Control) -> None:
    """Carry out a run in the calling thread; its failure stands in the run's status."""
    try:
        execute(run, control=control)
    except Bert4RecError as error:
        _log.warning("run %s failed: %s", run.id, error)
        # One whose folder could not even be taken has told nobody.
        message, fix = explained(error, run.folder)
        with suppress(Bert4RecError):
            tell_end(run, state="failed", message=message, fix=fix, error=type(error).__name__)
    except Exception:  # noqa: BLE001  whatever a run dies of, the next one must still start
        _log.exception("run %s failed", run.id)


RUNNERS: Mapping[str, Runner] = dict(
    zip(RUNNER_NAMES, (run_in_this_thread, run_in_a_process), strict=True)
)


def runner_name() -> str:
    """Return the name of the runner that `BERT4REC_RUNNER` chooses, by default the thread's.

    Raises:
        SettingsError: there is none of that name.
    """
    name = os.environ.get(RUNNER_VARIABLE) or RUNNER_NAMES[0]
    if name not in RUNNERS:
        raise SettingsError(
            [f"there is no runner {name!r}"],
            where=RUNNER_VARIABLE,
            fix=f"Use one of {', '.join(RUNNERS)}.",
        )
    return name
