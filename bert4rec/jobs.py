"""The job service: runs train in the background, one a device, the others wait in a queue.

Each runs in a thread of this process or, where the setting says so, in a process of its own.
Neither calls the page; it writes the run's folder, and pages read that. One service serves all.
Who is no run, such as a trial of a search, takes a turn at the device while no run waits for it.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bert4rec.background.runners import Runner, run_in_this_thread
from bert4rec.control import Control
from bert4rec.device import choose_device
from bert4rec.errors import Bert4RecError, FormatError, RunError
from bert4rec.files import writing_explained
from bert4rec.runs.folder import Run
from bert4rec.runs.heartbeat import beating
from bert4rec.runs.lock import held
from bert4rec.runs.resumption import check_resumable
from bert4rec.runs.status import RESUMABLE_STATES
from bert4rec.threads import let_others_first

# A turn that is waited for looks this often whether it is still wanted.
LOOK_EVERY_S = 0.5
TAKEN_OUT = {"state": "stopped", "message": "taken out of the queue"}


@dataclass(frozen=True)
class Place:
    """A run of the service and where it stands: 0 while it runs, else its number in the queue."""

    run: Run
    device: str
    position: int


@dataclass(eq=False)
class _Job:
    run: Run
    device: str
    control: Control = field(default_factory=Control)
    is_running: bool = False
    is_discarded: bool = False


@dataclass(eq=False)
class _Turn:
    device: str
    is_taken: bool = False


class JobService:
    """Queue and carry out the runs of one workspace. All methods may be called from any thread.

    Args:
        workspace: Holds the runs.
        runner: Carries out one run; the default does so in the worker's own thread.
    """

    def __init__(self, workspace: Path, runner: Runner = run_in_this_thread) -> None:
        self.workspace = workspace
        self._runner = runner
        self._jobs: list[_Job] = []
        self._turns: list[_Turn] = []
        self._changed = threading.Condition()

    def submit(self, run: Run) -> None:
        """Queue a new run, or one that can be resumed; it starts once its device is free.

        Raises:
            RunError: it is here already, is active elsewhere, or cannot go on.
            DeviceError: its device is not there.
            UnwritableError: its folder cannot be written.
        """
        device = choose_device(run.hyperparameters().device).device
        with self._changed:
            if self._find(run.id) is not None:
                raise RunError(f"run {run.name!r} is queued or running already")
            # Whoever trains it holds its folder, whatever its status says.
            with held(run.folder), writing_explained(run.folder):
                _refuse_to_start(run)
                run.set_status(state="queued", message="", fix="", error="")
            self._jobs.append(_Job(run, device))
            self._start_next(device)

    def make_and_submit(self, device: str, make: Callable[[], Run]) -> Run:
        """Make a new run and queue it; where that is refused nothing is left behind.

        Args:
            device: The device of its settings, which is looked for before it is made.
            make: Makes it.

        Raises:
            DeviceError: its device is not there.
            Bert4RecError: it cannot be made or queued.
        """
        choose_device(device)
        run = make()
        try:
            self.submit(run)
        except Bert4RecError:
            shutil.rmtree(run.folder, ignore_errors=True)
            raise
        return run

    def pause(self, run_id: str) -> None:
        """Let a running run wait before its next step."""
        with self._changed:
            self._running(run_id).control.pause()

    def resume(self, run_id: str) -> None:
        """Let a paused run go on."""
        with self._changed:
            self._running(run_id).control.resume()

    def stop(self, run_id: str) -> None:
        """End a run and keep its best weights; a queued one ends without having begun."""
        with self._changed:
            job = self._find(run_id)
            if job is None:
                raise _not_here(run_id)
            if job.is_running:
                job.control.stop()
            else:
                self._let_go(job, **TAKEN_OUT)

    def take_out(self, run_id: str) -> None:
        """End a run that waits without letting it begin.

        Raises:
            RunError: it does not wait here, it may have begun.
        """
        with self._changed:
            self._let_go(self._waiting(run_id), **TAKEN_OUT)

    def discard(self, run_id: str) -> None:
        """End a run and delete its folder, once its thread has let go of it."""
        with self._changed:
            job = self._find(run_id)
            if job is None:
                raise _not_here(run_id)
            job.is_discarded = True
            job.control.interrupt()
            if not job.is_running:
                self._remove(job)

    def interrupt(self) -> None:
        """End all, as the process is about to: what runs saves where it is, what waits is kept."""
        with self._changed:
            for job in list(self._jobs):
                job.control.interrupt()
                if not job.is_running:
                    self._let_go(
                        job,
                        state="interrupted",
                        message="it waited in the queue of a dashboard that has ended",
                        fix="Start it again.",
                    )

    def active(self) -> list[str]:
        """Return the ids of the runs that are running or queued, running ones first."""
        with self._changed:
            ordered = sorted(self._jobs, key=lambda job: not job.is_running)
            return [job.run.id for job in ordered if not job.is_discarded]

    def position(self, run_id: str) -> int | None:
        """Return 0 for a running run, 1 and up for a place in its device's queue, else None."""
        with self._changed:
            job = self._find(run_id)
            if job is None:
                return None
            if job.is_running:
                return 0
            waiting = [one for one in self._here(job.device) if not one.is_running]
            return waiting.index(job) + 1

    def queue(self) -> list[Place]:
        """Return what runs and what waits, device by device, in the order in which it starts."""
        with self._changed:
            devices = dict.fromkeys(job.device for job in self._jobs)
            ordered = [job for device in devices for job in self._here(device)]
            return [
                Place(job.run, job.device, self.position(job.run.id) or 0)
                for job in ordered
                if not job.is_discarded
            ]

    def move(self, run_id: str, position: int) -> None:
        """Let a waiting run change its place in its device's queue; 1 starts next.

        Raises:
            RunError: it does not wait here, it may have begun.
        """
        with self._changed:
            job = self._waiting(run_id)
            waiting = [one for one in self._here(job.device) if not one.is_running]
            waiting.remove(job)
            waiting.insert(max(0, position - 1), job)
            others = [one for one in self._jobs if one not in waiting]
            self._jobs = others + waiting

    def is_paused(self, run_id: str) -> bool:
        """Whether a run of this service waits on request."""
        with self._changed:
            job = self._find(run_id)
            return job is not None and job.control.is_paused

    def is_stopping(self, run_id: str) -> bool:
        """Whether a run of this service was asked to end and has not yet."""
        with self._changed:
            job = self._find(run_id)
            return job is not None and job.control.is_stopped

    def wait(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Block until `condition` holds after a job has left; return whether it does."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    @contextmanager
    def turn(self, device: str, control: Control) -> Iterator[None]:
        """Hold a device until the block ends; before that, wait until no run wants it.

        Turns that wait get it in their order, runs before all of them.

        Args:
            device: As `choose_device` names it.
            control: Once it is stopped the block is entered at once, without the device.
        """
        mine = _Turn(device)
        with self._changed:
            self._turns.append(mine)
            while not control.is_stopped and not self._may_take(mine):
                self._changed.wait(LOOK_EVERY_S)
            mine.is_taken = not control.is_stopped
        try:
            with beating(partial(self._beat_for_waiting, device)):
                yield
        finally:
            with self._changed:
                self._turns.remove(mine)
                self._start_next(device)
                self._changed.notify_all()

    def is_free(self, device: str) -> bool:
        """Whether a turn at the device would begin at once."""
        with self._changed:
            jobs = any(job.device == device for job in self._jobs)
            return not jobs and not any(turn.device == device for turn in self._turns)

    def _may_take(self, turn: _Turn) -> bool:
        """Whether nobody has the device and nobody is before. The lock is held by the caller."""
        if any(job.device == turn.device for job in self._jobs):
            return False
        return next(other for other in self._turns if other.device == turn.device) is turn

    def _find(self, run_id: str) -> _Job | None:
        return next((job for job in self._jobs if job.run.id == run_id), None)

    def _here(self, device: str) -> list[_Job]:
        """Return the jobs of a device, the running one first. The lock is held by the caller."""
        here = [job for job in self._jobs if job.device == device]
        return sorted(here, key=lambda job: not job.is_running)

    def _running(self, run_id: str) -> _Job:
        job = self._find(run_id)
        if job is None or not job.is_running:
            raise _not_here(run_id)
        return job

    def _waiting(self, run_id: str) -> _Job:
        job = self._find(run_id)
        if job is None or job.is_running:
            raise RunError(
                f"run {run_id!r} does not wait in the queue",
                fix="Look at it again: it is training by now, or it has ended.",
            )
        return job

    def _let_go(self, job: _Job, **ending: str) -> None:
        """Forget a job that waits, also where its end cannot be written, which its run remembers.

        The lock is held by the caller.
        """
        with suppress(OSError, FormatError):
            job.run.set_status(**ending)
        self._remove(job)

    def _start_next(self, device: str) -> None:
        """Start the first waiting job of a free device. The lock is held by the caller."""
        here = self._here(device)
        is_taken = any(turn.is_taken for turn in self._turns if turn.device == device)
        if is_taken or not here or here[0].is_running:
            return
        job, name = here[0], f"job-{device}"
        job.is_running = True
        threading.Thread(target=self._carry_out, args=(job,), name=name, daemon=True).start()

    def _carry_out(self, job: _Job) -> None:
        let_others_first()
        try:
            with beating(partial(self._beat_for_waiting, job.device)):
                self._runner(job.run, job.control)
        finally:
            with self._changed:
                self._remove(job)
                self._start_next(job.device)

    def _beat_for_waiting(self, device: str) -> None:
        """Show on a shared workspace that the runs in a queue are not forgotten."""
        with self._changed:
            for job in self._jobs:
                if job.device == device and not job.is_running:
                    job.run.set_status(state="queued")

    def _remove(self, job: _Job) -> None:
        """Forget a job that has ended or never began. The lock is held by the caller."""
        self._jobs.remove(job)
        if job.is_discarded:
            shutil.rmtree(job.run.folder, ignore_errors=True)
        self._changed.notify_all()


def _refuse_to_start(run: Run) -> None:
    status = run.status()
    if status.state not in ("queued", *RESUMABLE_STATES):
        raise RunError(
            f"run {run.name!r} is {status.state} and cannot be started",
            fix="Only new, stopped, failed and interrupted runs can.",
        )
    if status.state == "queued" and not status.is_ours():
        raise RunError(
            f"run {run.name!r} is active elsewhere: it waits in the queue of another process",
            fix="Take it out of the queue there, or wait until it has ended.",
        )
    check_resumable(run)


def _not_here(run_id: str) -> RunError:
    return RunError(
        f"run {run_id!r} is not running here",
        fix="It has ended, or it runs in another process, which alone can steer it.",
    )
