"""The search service: searches in the background, trial by trial beside the queue of runs.

Each is carried out in a thread of this process or, where the setting says so, in a process of its
own, as runs are.

A search is no run: it has no folder and no place in the queue. Each of its trials takes a turn at
the device, so that a run that was queued meanwhile trains before the next trial. What a search
does stands in its study, which pages read; so one that another process carries out looks the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from bert4rec.background.search_process import Turn, search_in_a_process
from bert4rec.control import RUNNER_NAMES, Control
from bert4rec.device import choose_device
from bert4rec.errors import Bert4RecError, NotFoundError, RunError
from bert4rec.jobs import JobService
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.search.studies import LOOK_S, find_study
from bert4rec.search.study import SearchMark, Study
from bert4rec.sweep import search
from bert4rec.threads import let_others_first

_log = logging.getLogger(__name__)


class Searcher(Protocol):
    """Whoever carries out a search; returns when it has ended or was stopped."""

    def __call__(self, study: Study, control: Control, turn: Turn) -> None:
        """Carry out the search; `turn` is entered for each trial."""
        ...


def search_in_this_thread(study: Study, control: Control, turn: Turn) -> None:
    """Search in the calling thread.

    Raises:
        Bert4RecError: as `search` does.
    """
    search(study, control=control, turn=lambda mark: turn(mark.say))


SEARCHERS: Mapping[str, Searcher] = dict(
    zip(RUNNER_NAMES, (search_in_this_thread, search_in_a_process), strict=True)
)


class SearchService:
    """Carry out the searches of one workspace. All methods may be called from any thread.

    Args:
        workspace: Holds the studies.
        jobs: Whose devices the trials share with runs.
        searcher: Carries out one search; the default does so in a thread.
    """

    def __init__(
        self, workspace: Path, jobs: JobService, searcher: Searcher = search_in_this_thread
    ) -> None:
        self.workspace = workspace
        self._jobs = jobs
        self._searcher = searcher
        self._controls: dict[str, Control] = {}
        self._problems: dict[str, Bert4RecError] = {}
        self._changed = threading.Condition()

    def start(self, name: str) -> None:
        """Search on in a study, in the background.

        Raises:
            NotFoundError: there is no such study, or its dataset is gone.
            RunError: a search is at work on it.
            DeviceError: its device is not there.
        """
        found = find_study(self.workspace, name)
        if found is None:
            raise NotFoundError(f"there is no study {name!r}", where=str(self.workspace))
        with self._changed, closing(Study(found.path, LOOK_S)) as looked:
            device = self._checked_device(looked)
            # From now on its dataset is needed, though the searcher has yet to begin.
            SearchMark(looked).say("running")
            control = self._controls[name] = Control()
            self._problems.pop(name, None)
        threading.Thread(
            target=self._carry_out,
            args=(found, control, device),
            name=f"search-{name}",
            daemon=True,
        ).start()

    def _checked_device(self, study: Study) -> str:
        """Return the device of a study that may be searched on. The lock is held by the caller."""
        state = study.status(study.trials()).state
        if study.name in self._controls or state in ("queued", "running"):
            raise RunError(
                f"a search is at work on the study {study.name!r} already",
                fix="Wait until it has ended, or stop it where it was started.",
            )
        study.dataset()
        return choose_device(study.plan().base.device).device

    def stop(self, name: str) -> None:
        """End a search; the trial under way is put back and tried again when the search goes on.

        Raises:
            RunError: it is not carried out here.
        """
        with self._changed:
            control = self._controls.get(name)
        if control is None:
            raise RunError(
                f"no search is at work here on the study {name!r}",
                fix="It has ended, or another process carries it out, which alone can stop it.",
            )
        control.stop()

    def active(self) -> list[str]:
        """Return the names of the studies that are searched here."""
        with self._changed:
            return list(self._controls)

    def is_stopping(self, name: str) -> bool:
        """Whether a search of this service was asked to end and has not yet."""
        with self._changed:
            control = self._controls.get(name)
        return control is not None and control.is_stopped

    def problem(self, name: str) -> Bert4RecError | None:
        """Return what the last search of a study ended of, where it failed here."""
        with self._changed:
            return self._problems.get(name)

    def wait(self, name: str, timeout_s: float | None = None) -> bool:
        """Block until no search is at work here on a study; return whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: name not in self._controls, timeout_s)

    def _carry_out(self, study: Study, control: Control, device: str) -> None:
        @contextmanager
        def turn(say: Callable[[str], object]) -> Iterator[None]:
            is_waiting = not self._jobs.is_free(device)
            if is_waiting:
                say("queued")
            with self._jobs.turn(device, control):
                if is_waiting:
                    say("running")
                yield

        let_others_first()
        try:
            self._searcher(study, control, turn)
        except Bert4RecError as error:
            _log.warning("search %s failed: %s", study.name, error)
            self._end(study, error)
        except Exception as error:  # noqa: BLE001  a thread has nobody who would hear of it
            _log.exception("search %s failed", study.name)
            self._end(study, RunError(f"{type(error).__name__}: {error}"))
        else:
            self._end(study)
        finally:
            study.close()
            with self._changed:
                del self._controls[study.name]
                self._changed.notify_all()

    def _end(self, study: Study, problem: Bert4RecError | None = None) -> None:
        """Note how a search ended, in its study too where the searcher has not come to say so."""
        if problem is not None:
            with self._changed:
                self._problems[study.name] = problem
        with suppress(Bert4RecError):
            status = study.status(study.trials())
            if problem is not None and status.state != "failed":
                SearchMark(study).say("failed", problem.message, problem.fix or "")
            elif status.state in ACTIVE_STATES and status.is_ours():
                SearchMark(study).say("stopped")
