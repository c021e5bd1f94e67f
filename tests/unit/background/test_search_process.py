"""What a process of its own adds to the tests that every searcher passes: its deaths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from bert4rec.background import search_process
from bert4rec.background.search_process import search_in_a_process
from bert4rec.background.searches import SearchService
from bert4rec.control import Control
from bert4rec.errors import Bert4RecError
from bert4rec.jobs import JobService
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study
from bert4rec.search.study import Study
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S, wait_until

ROOT = Path(__file__).resolve().parents[3]
LONG = 100_000

pytestmark = pytest.mark.slow


@pytest.fixture
def service(workspace: Path) -> SearchService:
    return SearchService(workspace, JobService(workspace), search_in_a_process)


@pytest.fixture
def new_study(workspace: Path) -> Callable[..., Study]:
    dataset = saved_dataset(workspace, ring_dataset(n_items=12, n_users=40))

    def make(n_trials: int = 2, n_epochs: int = 2) -> Study:
        space = parse_space({"mask_rate": "0.2,0.3,0.4"})
        plan = SearchPlan(small_settings(n_epochs=n_epochs), space, Budget(n_trials))
        return create_study(workspace, dataset, checked_plan(plan), name="one")

    return make


def pid_of(study: Study) -> int:
    return int(study.facts()["search"]["pid"])


def ended_of(service: SearchService) -> Bert4RecError:
    """What a search ended of."""
    service.start("one")
    assert service.wait("one", LIMIT_S)
    problem = service.problem("one")
    assert problem is not None
    return problem


def died(patch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each process of a search do something else first."""
    begins = "from bert4rec.background.search_process import main\nmain()"
    code = f"import os, signal, sys\n{patch}\n{begins}"

    def start(_: str, path: Path, **__: Any) -> subprocess.Popen[bytes]:
        pipe: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        return subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, **pipe)

    monkeypatch.setattr(search_process, "start_child", start)


def test_a_search_whose_process_is_killed_goes_on_in_another(
    service: SearchService, new_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first trial waits after its first validation, so that it cannot be over before the kill.
    died(
        "import optuna, threading\n"
        "report = optuna.Trial.report\n"
        "def halt(trial, *rest):\n"
        "    report(trial, *rest)\n"
        "    return trial.number == 0 and threading.Event().wait()\n"
        "optuna.Trial.report = halt",
        monkeypatch,
    )
    study = new_study(1)
    service.start("one")
    wait_until(lambda: any(trial.curve for trial in study.trials()))
    first = pid_of(study)
    assert first != os.getpid()
    os.kill(first, signal.SIGKILL)
    assert service.wait("one", LIMIT_S)
    assert [trial.state for trial in study.trials()] == ["interrupted", "finished"]
    assert study.trials()[1].values == study.trials()[0].values
    assert study.status(study.trials()).state == "finished"
    assert pid_of(study) != first
    assert service.problem("one") is None


def test_a_trial_that_kills_each_process_fails_and_the_search_passes_on(
    service: SearchService, new_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    died(
        "from bert4rec import sweep\n"
        "score = sweep._score\n"
        "def die(judge, *rest):\n"
        "    first = judge.trial.study.trials[0].params\n"
        "    is_first = judge.trial.params == first\n"
        "    return os.kill(os.getpid(), 9) if is_first else score(judge, *rest)\n"
        "sweep._score = die",
        monkeypatch,
    )
    study = new_study(2)
    service.start("one")
    assert service.wait("one", LIMIT_S)
    states = [trial.state for trial in study.trials()]
    assert states[:3] == ["interrupted", "interrupted", "failed"]
    assert study.trials()[2].reason == "its process ended again and again"
    assert study.status(study.trials()).state == "finished"
    assert service.problem("one") is None


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("sys.exit(3)", "its process ended with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "its process was killed"),
        (
            "from bert4rec import sweep\n"
            "from bert4rec.errors import RunError\n"
            "def full(*_): raise RunError('the disk is full', fix='Make room.')\n"
            "sweep._wants_more = full",
            "the disk is full",
        ),
    ],
)
def test_a_search_that_does_not_get_to_train_says_why(
    service: SearchService,
    new_study: Callable[..., Study],
    monkeypatch: pytest.MonkeyPatch,
    patch: str,
    message: str,
) -> None:
    died(patch, monkeypatch)
    new_study()
    problem = ended_of(service)
    assert message in problem.message
    assert problem.fix


def test_what_a_library_prints_is_no_word(
    service: SearchService, new_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    died(
        "from bert4rec import sweep\n"
        "tell = sweep._wants_more\n"
        "def loud(*rest):\n"
        "    os.write(1, b'turn\\ndone\\n')\n"
        "    return tell(*rest)\n"
        "sweep._wants_more = loud",
        monkeypatch,
    )
    study = new_study(1)
    service.start("one")
    assert service.wait("one", LIMIT_S)
    assert study.status(study.trials()).state == "finished"


def test_a_process_that_cannot_be_started_fails_the_search(
    service: SearchService, new_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_study()
    monkeypatch.setattr("bert4rec.background.child_process.sys.executable", "/nowhere/python")
    assert "could not be started: No such file" in ended_of(service).message


PARENT = """
import sys
from contextlib import nullcontext
from pathlib import Path
from bert4rec.control import Control
from bert4rec.errors import Bert4RecError
from bert4rec.background.search_process import search_in_a_process
from bert4rec.search.study import Study

search_in_a_process(Study(Path(sys.argv[1])), Control(), lambda say: nullcontext())
"""


@pytest.mark.parametrize("is_parent", [True, False])
def test_a_search_whose_parent_is_gone_or_that_is_asked_to_end_puts_its_trial_back(
    new_study: Callable[..., Study], *, is_parent: bool
) -> None:
    study = new_study(1, LONG)
    with subprocess.Popen([sys.executable, "-c", PARENT, str(study.path)], cwd=ROOT) as parent:
        wait_until(lambda: any(trial.curve for trial in study.trials()))
        child = psutil.Process(pid_of(study))
        # What Ctrl+C in a terminal sends is not meant for it.
        child.send_signal(signal.SIGINT)
        end = parent.kill if is_parent else partial(child.send_signal, signal.SIGTERM)
        end()
        assert child.wait(LIMIT_S) in (0, None)
    assert [trial.state for trial in study.trials()] == ["interrupted", "waiting"]
    assert study.status(study.trials()).state == "stopped"


def test_a_device_that_a_killed_search_had_taken_is_free_again(
    workspace: Path, service: SearchService, new_study: Callable[..., Study]
) -> None:
    study = new_study(1, LONG)
    jobs = service._jobs
    service.start("one")
    wait_until(lambda: any(trial.curve for trial in study.trials()))
    assert not jobs.is_free("cpu")
    # Halted first: it might hear of the stop, and end by itself.
    child = pid_of(study)
    os.kill(child, signal.SIGSTOP)
    service.stop("one")
    os.kill(child, signal.SIGKILL)
    assert service.wait("one", LIMIT_S)
    with jobs.turn("cpu", Control()):
        assert not jobs.is_free("cpu")
    assert jobs.is_free("cpu")
