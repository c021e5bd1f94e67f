"""What takes seconds to find out about a model, found in the background and kept in memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bert4rec.device import choose_device, memory_errors_explained
from bert4rec.errors import Bert4RecError, RunError
from bert4rec.held_out.calibration import calibrate
from bert4rec.held_out.extremes import find_extremes
from bert4rec.held_out.future_report import future_report
from bert4rec.held_out.item_losses import item_losses
from bert4rec.loaded_model import load_model
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.stages import Watch
from bert4rec.threads import let_others_first


class Finder(Protocol):
    """What finds something out about a model."""

    def __call__(self, recommender: Recommender, *, watch: Watch | None = None) -> Any:
        """Find it out, and tell `watch` how far that has come."""
        ...


FINDERS: dict[str, Finder] = {
    "extremes": find_extremes,
    "calibration": calibrate,
    "future": future_report,
    "losses": item_losses,
}
N_KEPT = 32
LATER = "Let what else computes there end, then try again."
_log = logging.getLogger(__name__)

# In place of a time stamp: what was begun by request, about the newest checkpoint of that moment.
BY_REQUEST = -1


@dataclass(frozen=True)
class Found:
    """How far a finding is.

    Args:
        state: `running`, `done` or `failed`.
        value: What was found, None unless done.
        error: Why it failed, None unless it did.
        doing: While it runs what is being done, if that was told.
        share: While it runs which share of it is done.
        epoch: Epochs that the model had completed, None while that is not known.
        is_newest: Whether the run has no checkpoint that is newer than that model.
    """

    state: str
    value: Any = None
    error: Bert4RecError | None = None
    doing: str = ""
    share: float = 0.0
    epoch: int | None = None
    is_newest: bool = True


@dataclass(frozen=True)
class _Result:
    value: Any
    epoch: int | None
    changed_at_ns: int


class _Work:
    """A finding that was begun, and how far it is; told by one thread, read by others."""

    def __init__(self) -> None:
        self.future: Future[_Result] = Future()
        self.doing, self.share = "", 0.0

    def tell(self, doing: str, share: float) -> None:
        self.doing, self.share = doing, share

    def found(self) -> Found:
        """Return how far it is."""
        if not self.future.done():
            return Found("running", doing=self.doing, share=self.share)
        error = self.future.exception()
        if isinstance(error, Bert4RecError):
            return Found("failed", error=error)
        result = self.future.result()
        return Found("done", result.value, epoch=result.epoch)


class FindingService:
    """Finds things out about runs, one after the other; what is asked for again is there at once.

    A finding belongs to a checkpoint: after further training it is found anew, by itself where the
    run has ended, else by request, as it takes time from a training that is under way.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "finding", initializer=let_others_first)
        self._lock = threading.Lock()
        self._works: OrderedDict[tuple[str, str, int], _Work] = OrderedDict()

    def ask(self, run: Run, kind: str) -> Found:
        """Return a finding about a run's best checkpoint, begun where it is not under way.

        One that failed stays so until a `retry`.

        Args:
            run: The run.
            kind: One of `FINDERS`.
        """
        key = _asked(run, kind)
        with self._lock:
            work = self._works.get(key)
            if work is None:
                work = self._begin(key, run, "best")
            self._works.move_to_end(key)
        return work.found()

    def retry(self, run: Run, kind: str) -> None:
        """Let go of a finding that failed: who asks next has it begun anew. See `ask`."""
        key = _asked(run, kind)
        with self._lock:
            work = self._works.get(key)
            if work is not None and work.found().state == "failed":
                del self._works[key]

    def request(self, run: Run, kind: str) -> None:
        """Begin a finding about a run's newest checkpoint, in place of the one requested before.

        See `ask`. One that is under way goes on.
        """
        key = (kind, str(run.folder), BY_REQUEST)
        with self._lock:
            before = self._works.get(key)
            if before is None or before.future.done():
                self._works.pop(key, None)
                self._begin(key, run, run.newest_checkpoint)

    def requested(self, run: Run, kind: str) -> Found | None:
        """Return the finding that was requested last, whatever the run has learned since."""
        with self._lock:
            work = self._works.get((kind, str(run.folder), BY_REQUEST))
        if work is None:
            return None
        found = work.found()
        if found.state != "done":
            return found
        newest_ns = run.checkpoint_ns(run.newest_checkpoint)
        return replace(found, is_newest=work.future.result().changed_at_ns == newest_ns)

    def _begin(self, key: tuple[str, str, int], run: Run, checkpoint: str) -> _Work:
        """Begin to find something out. The lock is held by the caller."""
        work = self._works[key] = _Work()
        work.future = self._executor.submit(_find, run, key[0], checkpoint, work.tell)
        self._forget()
        return work

    def _forget(self) -> None:
        """Let go of what was asked for longest ago, unless it is still under way."""
        for key in list(self._works)[: max(0, len(self._works) - N_KEPT)]:
            if self._works[key].future.done():
                del self._works[key]


def _asked(run: Run, kind: str) -> tuple[str, str, int]:
    return kind, str(run.folder), run.checkpoint_ns("best")


def _find(run: Run, kind: str, checkpoint: str, watch: Watch) -> _Result:
    """Find something out; whatever goes wrong is an error of ours."""
    # A training may replace the file at any time; one that is read later than this counts as older.
    changed_at_ns = run.checkpoint_ns(checkpoint)
    try:
        with memory_errors_explained(choose_device().device, fix=LATER):
            # Its own copy of the model, so that none is kept from being let go of.
            model = load_model(run, checkpoint=checkpoint)
            return _Result(FINDERS[kind](model, watch=watch), model.epoch, changed_at_ns)
    except Bert4RecError:
        raise
    # Whoever asks for the finding later is to hear of it as of any other error.
    except Exception as error:
        _log.exception("finding out about %s of run %s failed", kind, run.id)
        raise RunError(f"{type(error).__name__}: {error}") from error
