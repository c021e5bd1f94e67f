"""A sign of life now and then, also while nothing else happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Several fit into the time after which a silent run counts as dead.
BEAT_EVERY_S = 20.0


@contextmanager
def beating(beat: Callable[[], None], ended: threading.Event | None = None) -> Iterator[None]:
    """Call `beat` now and then from a thread of its own until the block ends.

    Args:
        beat: Gives the sign; one that cannot be written is left out.
        ended: Set at the end; its wait is the clock.
    """
    ended = ended or threading.Event()
    thread = threading.Thread(
        target=_keep_beating, args=(beat, ended), name="heartbeat", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep_beating(beat: Callable[[], None], ended: threading.Event) -> None:
    while not ended.wait(BEAT_EVERY_S):
        # Whatever went wrong with one, a full disk or a locked database, the next may succeed.
        with suppress(Exception):
            beat()
