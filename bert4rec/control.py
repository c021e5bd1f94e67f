"""Pausing and stopping a training from another thread, or through a pipe from another process."""

from __future__ import annotations

import threading
from collections.abc import Callable

COMMANDS = ("pause", "resume", "stop", "interrupt")
# Where the runs of a dashboard may train, and what chooses.
RUNNER_NAMES = ("thread", "process")
RUNNER_VARIABLE = "BERT4REC_RUNNER"


class Control:
    """Ask a training to pause or end, from any thread; an end outlasts every pause."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_paused = False
        self._is_stopped = False
        self._is_interrupted = False
        self._relay: Callable[[str], object] | None = None

    def pause(self) -> None:
        """Let the training wait before its next step."""
        with self._changed:
            self._is_paused = True
            self._pass_on("pause")

    def resume(self) -> None:
        """Let a waiting training go on."""
        with self._changed:
            self._is_paused = False
            self._pass_on("resume")
            self._changed.notify_all()

    def stop(self) -> None:
        """End the training before its next step, paused or not; its best weights are judged."""
        with self._changed:
            self._is_stopped = True
            self._pass_on("stop")
            self._changed.notify_all()

    def interrupt(self) -> None:
        """End the training before its next step and judge nothing: somebody may take it up."""
        with self._changed:
            self._is_interrupted = True
            self._pass_on("interrupt")
            self._changed.notify_all()

    def obey(self, command: str) -> None:
        """Do what one of `COMMANDS` says; other words are passed over."""
        if command in COMMANDS:
            getattr(self, command)()

    def relay_to(self, relay: Callable[[str], object]) -> None:
        """Pass on every command from now on, beginning with what was asked already."""
        with self._changed:
            self._relay = relay
            asked = (self._is_paused, False, self._is_stopped, self._is_interrupted)
            for command, is_asked in zip(COMMANDS, asked, strict=True):
                if is_asked:
                    self._pass_on(command)

    def _pass_on(self, command: str) -> None:
        if self._relay is not None:
            self._relay(command)

    @property
    def is_paused(self) -> bool:
        """Whether the training waits or is about to."""
        return self._is_paused and not self.is_stopped

    @property
    def is_stopped(self) -> bool:
        """Whether the training was asked to end, in whatever way."""
        return self._is_stopped or self._is_interrupted

    @property
    def is_interrupted(self) -> bool:
        """Whether the training was asked to end without being judged."""
        return self._is_interrupted

    def wait(self) -> None:
        """Return once the training may go on, or must end."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_paused)
