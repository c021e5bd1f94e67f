"""Pausing and stopping a training from another thread."""

from __future__ import annotations

import threading


class Control:
    """Ask a training to pause or stop, from any thread; a stop outlasts every pause."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_paused = False
        self._is_stopped = False

    def pause(self) -> None:
        """Let the training wait before its next step."""
        with self._changed:
            self._is_paused = True

    def resume(self) -> None:
        """Let a waiting training go on."""
        with self._changed:
            self._is_paused = False
            self._changed.notify_all()

    def stop(self) -> None:
        """End the training before its next step, paused or not."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    @property
    def is_paused(self) -> bool:
        """Whether the training waits or is about to."""
        return self._is_paused and not self._is_stopped

    @property
    def is_stopped(self) -> bool:
        """Whether the training was asked to end."""
        return self._is_stopped

    def wait(self) -> None:
        """Return once the training may go on, or must end."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_paused)
