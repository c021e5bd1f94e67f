"""Comparisons in the background, one after the other, kept in the workspace when they are done."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
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
    problem: Bert4RecError | None = None
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Progress:
    """How a comparison that was asked for stands.

    Args:
        comparison_id: Its id.
        title: The runs in it.
        state: `waiting`, `running`, `done`, `stopped` or `failed`.
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
        self._jobs: dict[str, _Job] = {}
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        self._worker: threading.Thread | None = None

    def start(self, plan: Plan) -> str:
        """Begin a comparison, unless it is there or under way, and return its id."""
        comparison_id = plan.id
        with self._lock:
            there = self._jobs.get(comparison_id)
            is_active = there is not None and _progress(there).is_active
            if not is_active and find_kept(plan, self.workspace) is None:
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
            job = self._queue.get()
            self._carry_out(job)
            job.ended.set()

    def stop(self, comparison_id: str) -> None:
        """End a comparison that waits or is under way; nothing of it is kept."""
        with self._lock:
            job = self._jobs.get(comparison_id)
            if job is not None:
                job.control.stop()

    def progress(self, comparison_id: str) -> Progress | None:
        """Return how a comparison stands that was asked for here, or None."""
        with self._lock:
            job = self._jobs.get(comparison_id)
        return None if job is None else _progress(job)

    def active(self) -> list[Progress]:
        """Return the comparisons that wait or are under way, the first to be done first."""
        with self._lock:
            jobs = list(self._jobs.values())
        return [found for job in jobs if (found := _progress(job)).is_active]

    def forget(self, comparison_id: str) -> None:
        """Let go of a comparison that has ended."""
        with self._lock:
            job = self._jobs.get(comparison_id)
            if job is not None and not _progress(job).is_active:
                del self._jobs[comparison_id]

    def wait(self, comparison_id: str, timeout_s: float | None = None) -> None:
        """Block until a comparison has ended."""
        with self._lock:
            job = self._jobs.get(comparison_id)
        if job is not None:
            job.ended.wait(timeout_s)

    def _carry_out(self, job: _Job) -> None:
        def watch(step: Step) -> None:
            job.step = step

        try:
            carry_out(job.plan, self.workspace, control=job.control, watch=watch)
        except Bert4RecError as error:
            job.problem = error
        except Exception as error:  # noqa: BLE001  a thread has nobody who would hear of it
            _log.exception("comparison %s failed", job.plan.id)
            job.problem = RunError(f"{type(error).__name__}: {error}")


def _progress(job: _Job) -> Progress:
    step, is_over = job.step, job.ended.is_set()
    state = "waiting" if step is None else "running"
    if is_over:
        state = "done"
    if is_over and job.problem is not None:
        state = "stopped" if isinstance(job.problem, CancelledError) else "failed"
    return Progress(
        comparison_id=job.plan.id,
        title=", ".join(run.name for run in job.plan.runs),
        state=state,
        share=0.0 if step is None else step.share,
        doing="" if step is None else step.doing,
        is_stopping=job.control.is_stopped,
        problem=job.problem,
    )
