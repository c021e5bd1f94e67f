"""The background in which maps are made, one after the other."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bert4rec.errors import Bert4RecError
from bert4rec.maps.progress import Cancelled, Progress
from bert4rec.maps.tasks import Task
from bert4rec.threads import let_others_first


@dataclass(frozen=True, eq=False)
class _Work:
    future: Future[None]
    progress: Progress


class MapService:
    """Make maps in the background, one after the other; each is kept as a file."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "maps", initializer=let_others_first)
        self._lock = threading.Lock()
        self._works: dict[Path, _Work] = {}

    def start(self, task: Task) -> None:
        """Begin a map, unless it is there or under way."""
        path = task.path
        with self._lock:
            if self.state(task) not in ("running", "done"):
                progress = Progress()
                is_free = all(work.future.done() for work in self._works.values())
                progress.stage = "getting ready" if is_free else "waiting for another map"
                future = self._executor.submit(task.make, progress)
                self._works[path] = _Work(future, progress)

    def state(self, task: Task) -> str:
        """Return `missing`, `running`, `done`, `failed` or `cancelled`."""
        path = task.path
        work = self._works.get(path)
        if work is not None and not work.future.done():
            return "running"
        error = work.future.exception() if work is not None else None
        if error is not None:
            return "cancelled" if isinstance(error, Cancelled) else "failed"
        return "missing" if task.read() is None else "done"

    def progress(self, task: Task) -> Progress:
        """Return how far a map is; that of one that is not under way says nothing."""
        work = self._works.get(task.path)
        return work.progress if work is not None else Progress()

    def cancel(self, task: Task) -> None:
        """Call off a map that is under way or waits."""
        self.progress(task).cancel()

    def failure(self, task: Task) -> str:
        """Return why a map failed, or nothing."""
        work = self._works.get(task.path)
        error = work.future.exception() if work is not None and work.future.done() else None
        return (error.message if isinstance(error, Bert4RecError) else str(error)) if error else ""

    def wait(self, task: Task) -> None:
        """Wait until a map that was begun is done, has failed or was called off."""
        work = self._works.get(task.path)
        if work is not None:
            work.future.exception()
