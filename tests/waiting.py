"""Waiting for what another thread or process brings about and tells nobody of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Long enough for a machine that is busy with other things.
LIMIT_S = 240.0
_never = threading.Event()


def wait_until(condition: Callable[[], bool], *, look_every_s: float = 0.02) -> None:
    """Return once the condition holds; it fails the test if it never does."""
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, "it did not come to pass"
        _never.wait(look_every_s)
