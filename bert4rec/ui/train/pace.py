"""How often the pages that watch a run look at it.

Whoever looks takes time from the training. So a page looks often at a young run and seldom at an
old one, and the more pages watch on the cores of the server, the less often each of them looks.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from bert4rec.device import n_usable_cores
from bert4rec.moments import utc_now
from bert4rec.runs.curves import Curves

# By a run's age in seconds: seconds between two looks at its figures, and at its curves, which cost
# a browser more. What an old run tells in a second hardly shows on its curves.
PACES = ((15.0, (1.0, 2.0)), (300.0, (2.0, 6.0)), (math.inf, (5.0, 10.0)))
# Seconds between two looks at what else goes with a run: a list, a checkpoint, a story.
LOOK_EVERY_S = 2.0
# Nobody waits longer, and who has not looked for twice as long is gone.
LONGEST_S = 30.0


class Pace(NamedTuple):
    """Seconds between two looks at figures and at curves; None where nothing changes."""

    figures: float | None
    curves: float | None


STILL = Pace(None, None)


class Watchers:
    """Who watches runs now, for as long as they go on looking; safe to ask from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, watcher: str) -> int:
        """Note that someone looks, and return how many watch, this one included."""
        with self._lock:
            now = self._clock()
            self._looked[watcher] = now
            for each, at in list(self._looked.items()):
                if now - at > 2 * LONGEST_S:
                    del self._looked[each]
            return len(self._looked)


@st.cache_resource(show_spinner=False)
def _watchers() -> Watchers:
    return Watchers()


def note_watcher() -> int:
    """Note that the visitor of this page looks, and return how many watch on this server."""
    context = get_script_run_ctx()
    return _watchers().note(context.session_id if context else "")


def pace_of(curves: Curves, n_watching: int) -> Pace:
    """Return how often a page looks at an active run, given how many pages do."""
    began = curves.started.get("at")
    age_s = (utc_now() - datetime.fromisoformat(began)).total_seconds() if began else 0.0
    usual = next(pace for until_s, pace in PACES if age_s < until_s)
    shared = math.ceil(n_watching / n_usable_cores())
    return Pace(*(min(shared * seconds, LONGEST_S) for seconds in usual))
