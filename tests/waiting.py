"""Waiting for what another thread or process brings about and tells nobody of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# The one patience of all tests: a machine that is busy with other things is slow, not wrong.
LIMIT_S = 300.0
LIMIT_MS = 1_000 * LIMIT_S
_never = threading.Event()


def wait_until(condition: Callable[[], bool], *, look_every_s: float = 0.02) -> None:
    """Return once the condition holds; it fails the test if it never does."""
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, "it did not come to pass"
        _never.wait(look_every_s)
