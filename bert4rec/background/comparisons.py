"""Comparisons in the background, one after the other, kept in the workspace when they are done."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

from bert4rec.comparing.compare import carry_out, find_kept
from bert4rec.comparing.judging import CancelledError, Step
from bert4rec.comparing.plan import Plan
from bert4rec.control import Control
from bert4rec.errors import Bert4RecError, RunError
from bert4rec.threads import let_others_first

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Job:
    """One comparison that was asked for."""

    plan: Plan
    control: Control = field(default_factory=Control)
    step: Step | None = None
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Progress:
    """How a comparison that was asked for stands.

    Args:
        comparison_id: Its id.
        title: The runs in it.
        state: `waiting`, `running`, `stopped` or `failed`.
        share: Share that is done, 0 to 1.
        doing: What is being done, in words.
        is_stopping: Whether a stop was asked for.
        problem: What it failed of.
    """

    comparison_id: str
    title: str
    state: str
    share: float = 0.0
    doing: str = ""
    is_stopping: bool = False
    problem: Bert4RecError | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is still to be done."""
        return self.state in ("waiting", "running")


class ComparisonService:
    """Carry out comparisons of one workspace. All methods may be called from any thread.

    It takes no turn at the device: a comparison is short beside a training, which goes on slowly.

    Args:
        workspace: Where they are kept.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        # Those that wait or are under way; with a job its data is let go of.
        self._jobs: dict[str, _Job] = {}
        # How those ended of which nothing was kept.
        self._endings: dict[str, Progress] = {}
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        self._worker: threading.Thread | None = None

    def start(self, plan: Plan) -> str:
        """Begin a comparison, unless it is there or under way, and return its id."""
        comparison_id = plan.id
        with self._lock:
            if comparison_id not in self._jobs and find_kept(plan, self.workspace) is None:
                self._endings.pop(comparison_id, None)
                job = self._jobs[comparison_id] = _Job(plan)
                self._queue.put(job)
                self._begin_work()
        return comparison_id

    def _begin_work(self) -> None:
        """Start the thread that carries them out, the first time. The caller holds the lock."""
        if self._worker is None:
            # As a daemon, so that a server that ends waits for no comparison.
            self._worker = threading.Thread(target=self._work, name="comparisons", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        let_others_first()
        while True:
            # Held by no name here, where the next one may be long in coming.
            self._carry_out(self._queue.get())

    def stop(self, comparison_id: str) -> None:
        """End a comparison that waits or is under way; nothing of it is kept."""
        with self._lock:
            job = self._jobs.get(comparison_id)
            if job is not None:
                job.control.stop()

    def progress(self, comparison_id: str) -> Progress | None:
        """Return how a comparison stands that was asked for here; None of one that is kept."""
        with self._lock:
            job = self._jobs.get(comparison_id)
            return self._endings.get(comparison_id) if job is None else _progress(job)

    def active(self) -> list[Progress]:
        """Return the comparisons that wait or are under way, the first to be done first."""
        with self._lock:
            return [_progress(job) for job in self._jobs.values()]

    def wait(self, comparison_id: str, timeout_s: float | None = None) -> None:
        """Block until a comparison has ended."""
        with self._lock:
            job = self._jobs.get(comparison_id)
        if job is not None:
            job.ended.wait(timeout_s)

    def _carry_out(self, job: _Job) -> None:
        problem = self._tried(job)
        with self._lock:
            if problem is not None:
                state = "stopped" if isinstance(problem, CancelledError) else "failed"
                ending = replace(_progress(job), state=state, problem=problem)
                self._endings[job.plan.id] = ending
            del self._jobs[job.plan.id]
        job.ended.set()

    def _tried(self, job: _Job) -> Bert4RecError | None:
        """Carry a comparison out and return what it failed of."""

        def watch(step: Step) -> None:
            job.step = step

        try:
            carry_out(job.plan, self.workspace, control=job.control, watch=watch)
        except Bert4RecError as error:
            # The frames that it came through hold the data, and so do those of its causes.
            error.__cause__ = error.__context__ = None
            return error.with_traceback(None)
        except Exception as error:  # noqa: BLE001  a thread has nobody who would hear of it
            _log.exception("comparison %s failed", job.plan.id)
            return RunError(f"{type(error).__name__}: {error}")
        return None


def _progress(job: _Job) -> Progress:
    step = job.step
    return Progress(
        comparison_id=job.plan.id,
        title=", ".join(run.name for run in job.plan.runs),
        state="waiting" if step is None else "running",
        share=0.0 if step is None else step.share,
        doing="" if step is None else step.doing,
        is_stopping=job.control.is_stopped,
    )
