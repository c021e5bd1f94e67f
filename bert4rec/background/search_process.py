"""A search in a process of its own: a trial that kills it is tried again, and then passed over.

The child carries out the search and asks its parent, who knows the queue of runs, for a turn at the
device before each trial: it writes `turn`, hears what to say of itself meanwhile and then `go`, and
writes `done`. All else stands in the study.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from bert4rec.background.child_process import (
    TOLD,
    end_on_request,
    how_it_ended,
    listen,
    send,
    start_child,
)
from bert4rec.control import COMMANDS, Control
from bert4rec.errors import Bert4RecError, RunError
from bert4rec.search.study import SearchMark, Study, quiet
from bert4rec.sweep import search

TURN, GO, DONE = "turn", "go", "done"
# Holds the device; is given what says `queued` and `running` in the study.
Turn = Callable[[Callable[[str], object]], AbstractContextManager[object]]

_log = logging.getLogger(__name__)


def search_in_a_process(study: Study, control: Control, turn: Turn) -> None:
    """Search in a process of its own; one that dies of a trial is followed by another.

    A trial whose process is gone is tried again a few times, see `Study.retry`, and then counts as
    failed, so that this comes to an end.

    Args:
        study: What was tried before counts.
        control: Stops it; the trial under way is put back.
        turn: Entered for each trial.

    Raises:
        RunError: the search failed as a whole, or its process died where it did not train.
    """
    while (exit_status := _wait_for_child(study, control, turn)) != TOLD:
        how = how_it_ended(exit_status)
        _log.warning("the process of the search %s %s", study.name, how)
        with quiet(), study.explained():
            is_of_trial = study.take_up() > 0
        if control.is_stopped:
            return
        if not is_of_trial:
            raise RunError(
                f"its process {how}",
                fix="See what it printed where the dashboard was started, then go on with it.",
            )
    status = study.status(study.trials())
    if status.state == "failed":
        raise RunError(status.message, fix=status.fix or None)


def _wait_for_child(study: Study, control: Control, turn: Turn) -> int:
    try:
        child = start_child(__name__, study.path, is_heard=True)
    except OSError as error:
        raise RunError(
            f"its process could not be started: {error.strerror or error}",
            fix="Look at this machine with bert4rec doctor, then go on with the search.",
        ) from error
    assert child.stdin is not None
    assert child.stdout is not None
    tell = partial(send, child.stdin)
    # What a child that died had taken is given back.
    with child, ExitStack() as held:
        control.relay_to(tell)
        for line in child.stdout:
            word = line.decode().strip()
            if word == TURN:
                held.enter_context(turn(tell))
                tell(GO)
            elif word == DONE:
                held.close()
    return child.returncode


class _Parent:
    """The parent, as its child knows it: gives turns at the device, and ends the search."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self.control = Control()
        self._say = say
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def hear(self, word: str) -> None:
        """Take in a word of the parent's."""
        if word in COMMANDS:
            self.control.obey(word)
        else:
            self._heard.put(word)

    def gone(self) -> None:
        """End the search, as nobody could any more; who waits for a turn need not wait on."""
        self.control.stop()
        self._heard.put(GO)

    @contextmanager
    def turn(self, mark: SearchMark) -> Iterator[None]:
        """Hold the device until the block ends."""
        self._say(TURN)
        while (word := self._heard.get()) != GO:
            mark.say(word)
        try:
            yield
        finally:
            self._say(DONE)


def main() -> int:
    """Search on in the study whose file the command line names, in this process."""
    # What libraries print must not be taken for a word.
    words = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    parent = _Parent(partial(send, words))
    end_on_request(parent.control.stop)
    listen(parent.hear, parent.gone)
    # How it failed stands in the study.
    with closing(Study(Path(sys.argv[1]))) as study, suppress(Bert4RecError):
        search(study, control=parent.control, turn=parent.turn)
    return TOLD


if __name__ == "__main__":
    sys.exit(main())
