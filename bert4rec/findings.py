"""What takes seconds to find out about a model, found in the background and kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bert4rec.calibration import calibrate
from bert4rec.errors import Bert4RecError
from bert4rec.extremes import find_extremes
from bert4rec.future_report import future_report
from bert4rec.item_losses import item_losses
from bert4rec.recommender import Recommender, load
from bert4rec.runs.folder import Run
from bert4rec.threads import let_others_first

FINDERS: dict[str, Callable[[Recommender], Any]] = {
    "extremes": find_extremes,
    "calibration": calibrate,
    "future": future_report,
    "losses": item_losses,
}
N_KEPT = 32


@dataclass(frozen=True)
class Found:
    """How far a finding is.

    Args:
        state: `running`, `done` or `failed`.
        value: What was found, None unless done.
        error: Why it failed, None unless it did.
    """

    state: str
    value: Any = None
    error: Bert4RecError | None = None


class FindingService:
    """Finds things out about runs, one after the other; what is asked for again is there at once.

    A finding belongs to a checkpoint: after further training it is found anew.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "finding", initializer=let_others_first)
        self._lock = threading.Lock()
        self._futures: OrderedDict[tuple[str, str, int], Future[Any]] = OrderedDict()

    def ask(self, run: Run, kind: str) -> Found:
        """Return a finding about a run's best checkpoint, begun where it is not under way.

        Args:
            run: The run.
            kind: One of `FINDERS`.
        """
        checkpoint = run.checkpoint("best")
        changed_at_ns = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        key = (kind, str(run.folder), changed_at_ns)
        with self._lock:
            future = self._futures.get(key)
            if future is None:
                future = self._futures[key] = self._executor.submit(_find, run, kind)
                self._forget()
            self._futures.move_to_end(key)
        return _as_found(future)

    def _forget(self) -> None:
        """Let go of what was asked for longest ago, unless it is still under way."""
        for key in list(self._futures)[: max(0, len(self._futures) - N_KEPT)]:
            if self._futures[key].done():
                del self._futures[key]


def _find(run: Run, kind: str) -> Any:
    # Its own copy of the model, so that none is kept from being let go of.
    return FINDERS[kind](load(run))


def _as_found(future: Future[Any]) -> Found:
    if not future.done():
        return Found("running")
    error = future.exception()
    if error is None:
        return Found("done", future.result())
    if isinstance(error, Bert4RecError):
        return Found("failed", error=error)
    raise error
