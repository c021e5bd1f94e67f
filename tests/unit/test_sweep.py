from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from bert4rec import sweep
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import FormatError, RunError
from bert4rec.pipeline import train
from bert4rec.runs.registry import list_runs
from bert4rec.search.plan import Budget, SearchPlan, checked_plan
from bert4rec.search.space import parse_space
from bert4rec.search.studies import create_study, find_study, study_for
from bert4rec.search.study import Study
from bert4rec.search.trials import Trial, best_trial, distributions, is_exhausted
from bert4rec.sweep import search
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S, wait_until

Begin = Callable[[], subprocess.Popen[bytes]]
SPACE = {"learning_rate": "log:1e-3..3e-2", "mask_rate": "0.1..0.5:0.1", "n_layers": "1,2"}
CHILD = """
import signal, sys
from pathlib import Path
from bert4rec.search.studies import find_study
from bert4rec.sweep import search
# A shell that starts the tests in the background has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
search(find_study(Path(sys.argv[1]), "ring"))
"""


def small_plan(
    n_trials: int = 4, space: dict[str, Any] | None = None, **changes: Any
) -> SearchPlan:
    base = small_settings(n_epochs=4, **changes)
    return checked_plan(SearchPlan(base, parse_space(space or SPACE), Budget(n_trials)))


@pytest.fixture
def dataset(workspace: Path) -> SequenceDataset:
    return saved_dataset(workspace, ring_dataset(n_items=12, n_users=60))


def states(study: Study) -> list[str]:
    return [trial.state for trial in study.trials()]


def points(study: Study) -> list[dict[str, Any]]:
    return [trial.values for trial in study.trials()]


def test_a_search_tries_its_base_first_and_ends_with_its_budget(
    workspace: Path, dataset: SequenceDataset
) -> None:
    study = create_study(workspace, dataset, small_plan())
    told: list[Trial] = []
    search(study, watch=told.append)
    trials = study.trials()
    assert [trial.number for trial in told] == [0, 1, 2, 3]
    assert trials[0].values == study.plan().first_point()
    assert all(trial.state in ("finished", "pruned") for trial in trials)
    assert [epoch for epoch, _ in trials[0].curve] == [1, 2, 3, 4]
    best = best_trial(trials)
    assert best is not None
    assert best.score == max(value for _, value in best.curve)


def test_a_search_tells_and_writes_how_far_each_validation_has_come(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "JUDGED_EVERY_S", 0.0)
    study = create_study(workspace, dataset, small_plan(1, eval_batch_size=20, n_threads=1))
    told: list[tuple[int, str, int, int]] = []
    seen: list[tuple[int, int] | None] = []

    def judging(*far: Any) -> None:
        told.append(far)
        seen.extend(trial.judged for trial in study.trials())

    search(study, judging=judging)
    n_rows = told[0][3]
    assert told[:3] == [(0, "validation", n, n_rows) for n in (20, 40, 60)]
    # Who looks at the file alone sees it as well, while it goes on.
    assert seen[:3] == [(n, n_rows) for n in (20, 40, 60)]
    assert [trial.judged for trial in study.trials()] == [None]


def test_a_search_whose_file_takes_no_word_of_it_goes_on(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "JUDGED_EVERY_S", 0.0)
    usual = optuna.Trial.set_user_attr

    def refuse(trial: optuna.Trial, key: str, value: Any) -> None:
        if key == "judged":
            raise optuna.exceptions.StorageInternalError("database is locked")
        usual(trial, key, value)

    monkeypatch.setattr(optuna.Trial, "set_user_attr", refuse)
    study = create_study(workspace, dataset, small_plan(1))
    search(study)
    assert states(study) == ["finished"]


def test_the_best_trial_trained_as_a_run_gives_the_score_of_the_search(
    workspace: Path, dataset: SequenceDataset
) -> None:
    study = create_study(workspace, dataset, small_plan(2))
    search(study)
    best = best_trial(study.trials())
    assert best is not None
    run = train(dataset, study.plan().settings(best.values), workspace=workspace)
    assert run.status().best_score == best.score
    # Nothing is kept of the trials but the study.
    assert list_runs(workspace) == [run]


def test_a_search_that_was_stopped_and_goes_on_draws_the_points_of_one_that_was_not(
    workspace: Path, dataset: SequenceDataset
) -> None:
    whole = create_study(workspace, dataset, small_plan(), name="whole")
    search(whole)
    halves = create_study(workspace, dataset, small_plan(2), name="halves")
    search(halves)
    again = study_for(workspace, dataset, small_plan(), name="halves")
    search(again)
    assert points(again) == points(whole)


def test_a_search_ends_once_every_point_has_been_tried_once(
    workspace: Path, dataset: SequenceDataset
) -> None:
    plan = small_plan(20, {"n_layers": "1,2", "mask_rate": "0.2..0.4:0.1"})
    study = create_study(workspace, dataset, plan)
    search(study)
    tried = [tuple(values.values()) for values in points(study)]
    assert len(tried) == len(set(tried)) == 6
    assert study.status(study.trials()).state == "finished"
    assert is_exhausted(study.trials(), plan)
    # Nothing is left to go on with, however large the budget.
    study.widen(Budget(50))
    search(study)
    assert len(points(study)) == 6


def test_a_point_that_was_tried_twice_before_takes_no_other_ones_place(
    workspace: Path, dataset: SequenceDataset
) -> None:
    study = create_study(workspace, dataset, small_plan(9, {"n_layers": "1,2,3"}))
    study.optuna_study.enqueue_trial({"n_layers": 2})
    study.optuna_study.enqueue_trial({"n_layers": 2})
    search(study)
    assert sorted(values["n_layers"] for values in points(study)) == [1, 2, 2, 3]


def test_a_trial_that_is_stopped_is_tried_again(workspace: Path, dataset: SequenceDataset) -> None:
    study, control = create_study(workspace, dataset, small_plan(2)), Control()
    search(study, control=control, watch=lambda _: control.stop())
    assert states(study) == ["finished"]
    control = Control()
    control.pause()
    control.stop()
    study.widen(Budget(3))
    search(study, control=control)
    assert states(study) == ["finished"]
    search(study)
    assert len(states(study)) == 3


def test_a_point_that_cannot_be_trained_fails_alone(
    workspace: Path, dataset: SequenceDataset
) -> None:
    plan = small_plan(3, {"learning_rate": [3e-3, 1e30]}, grad_clip=0.0)
    study = create_study(workspace, dataset, plan)
    study.optuna_study.enqueue_trial({"learning_rate": 1e30})
    search(study)
    failed = [trial for trial in study.trials() if trial.state == "failed"]
    assert failed
    assert "loss became" in failed[0].reason
    assert best_trial(study.trials()) is not None


def test_a_trial_that_falls_behind_is_pruned_and_costs_less(
    workspace: Path, dataset: SequenceDataset
) -> None:
    plan = small_plan(8, {"learning_rate": [1e-2, 1e-9]})
    study = create_study(workspace, dataset, plan)
    for rate in (1e-2, 1e-2, 1e-2, 1e-2, 1e-9, 1e-9):
        study.optuna_study.enqueue_trial({"learning_rate": rate})
    search(study)
    pruned = [trial for trial in study.trials() if trial.state == "pruned"]
    assert pruned
    assert all(trial.values == {"learning_rate": 1e-9} for trial in pruned)
    assert all(len(trial.curve) < 4 for trial in pruned)
    assert "behind the others" in pruned[0].reason


def test_a_trial_that_is_behind_after_its_last_epoch_is_finished(
    workspace: Path, dataset: SequenceDataset
) -> None:
    # Its only validation comes when all of it is trained, so that nothing is saved.
    plan = small_plan(6, {"learning_rate": "log:1e-9..1e-2"}, eval_step=4)
    study = create_study(workspace, dataset, plan)
    for rate in (1e-2, 9e-3, 8e-3, 7e-3, 1e-9, 2e-9):
        study.optuna_study.enqueue_trial({"learning_rate": rate})
    search(study)
    assert states(study).count("finished") == 6


def test_a_study_of_something_else_is_not_gone_on_with(
    workspace: Path, dataset: SequenceDataset
) -> None:
    study_for(workspace, dataset, small_plan(), name="one")
    with pytest.raises(RunError, match="another space"):
        study_for(workspace, dataset, small_plan(space={"n_layers": "1,2"}), name="one")
    with pytest.raises(RunError, match="another settings or metric"):
        study_for(workspace, dataset, small_plan(valid_metric="hr@10"), name="one")
    study_for(workspace, dataset, small_plan(dropout_rate=0.1), name="two")
    # The number of the default, which is another one than what would train had it not been given.
    given = small_plan(dropout_rate=0.1, hidden_dropout_prob=0.2)
    with pytest.raises(RunError, match="another settings or metric"):
        study_for(workspace, dataset, given, name="two")
    other = saved_dataset(workspace, replace(ring_dataset(n_users=30), folder=None))
    with pytest.raises(RunError, match="another dataset"):
        study_for(workspace, other, small_plan(), name="one")
    with pytest.raises(RunError, match="already"):
        create_study(workspace, dataset, small_plan(), name="one")


def test_a_study_is_found_by_name_and_a_damaged_one_says_so(
    workspace: Path, dataset: SequenceDataset
) -> None:
    assert find_study(workspace, "one") is None
    made = create_study(workspace, dataset, small_plan(), name="one")
    found = find_study(workspace, "one")
    assert found is not None
    assert found.path == made.path
    broken = workspace / "studies" / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(FormatError, match="damaged"):
        Study(broken).plan()


def test_optunas_own_tools_read_a_study(workspace: Path, dataset: SequenceDataset) -> None:
    study = create_study(workspace, dataset, small_plan(2))
    search(study)
    storage = optuna.storages.RDBStorage(f"sqlite:///{study.path}")
    loaded = optuna.load_study(study_name=study.name, storage=storage)
    assert len(loaded.trials) == 2
    assert loaded.user_attrs["dataset"]["fingerprint"] == dataset.fingerprint
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def begin(workspace: Path) -> Iterator[Begin]:
    """Begins the search in a process of its own, which no failure leaves behind."""
    with ExitStack() as begun:

        def start() -> subprocess.Popen[bytes]:
            command = [sys.executable, "-c", CHILD, str(workspace)]
            child = begun.enter_context(subprocess.Popen(command))
            begun.callback(child.kill)
            return child

        yield start


def wait_until_training(study: Study) -> None:
    wait_until(lambda: any(trial.curve for trial in study.trials()))


def interrupt(child: subprocess.Popen[bytes], study: Study) -> int:
    """Press Ctrl+C, again only where it trains on: one that falls into a finalizer is lost, as
    Python passes on no exception of it, and a second one would break into what the first began."""

    def n_validated() -> int:
        return sum(len(trial.curve) for trial in study.trials())

    while child.poll() is None:
        n_more = n_validated() + 3
        child.send_signal(signal.SIGINT)
        wait_until(lambda: child.poll() is not None or n_validated() > n_more)  # noqa: B023
    return child.returncode


@contextmanager
def ctrl_c_raising() -> Iterator[None]:
    """Hear Ctrl+C as a command does that was not started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_killed_search_goes_on_with_the_trial_that_was_under_way(
    workspace: Path, dataset: SequenceDataset, begin: Begin
) -> None:
    # More epochs than the test waits for.
    plan = small_plan(2)
    long = replace(plan, base=plan.base.model_copy(update={"n_epochs": 3000}))
    study = create_study(workspace, dataset, long)
    child = begin()
    wait_until_training(study)
    child.send_signal(signal.SIGKILL)
    child.wait(LIMIT_S)
    assert states(study) == ["interrupted"]
    assert study.take_up() == 1
    assert states(study) == ["interrupted", "waiting"]
    assert points(study)[0] == points(study)[1]
    assert study.take_up() == 0


def test_an_interrupted_search_puts_the_point_under_way_back(
    workspace: Path, dataset: SequenceDataset, begin: Begin
) -> None:
    plan = small_plan(2)
    long = replace(plan, base=plan.base.model_copy(update={"n_epochs": 3000}))
    study = create_study(workspace, dataset, long)
    child = begin()
    wait_until_training(study)
    assert interrupt(child, study) != 0
    assert states(study) == ["interrupted", "waiting"]
    assert study.trials()[0].reason == "stopped on request"
    assert points(study)[0] == points(study)[1]


@pytest.mark.parametrize("operation", ["ask", "report", "set_user_attr", "tell"])
def test_ctrl_c_breaks_into_nothing_that_is_done_with_the_study(
    workspace: Path,
    dataset: SequenceDataset,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    study = create_study(workspace, dataset, small_plan(1, schedule="constant"))
    owner: Any = optuna.Study if operation in ("ask", "tell") else optuna.Trial
    real = getattr(owner, operation)
    heard = []

    def pressed_meanwhile(*words: Any, **options: Any) -> Any:
        if not heard:
            heard.append(operation)
            signal.raise_signal(signal.SIGINT)
        return real(*words, **options)

    monkeypatch.setattr(owner, operation, pressed_meanwhile)
    with ctrl_c_raising(), pytest.raises(KeyboardInterrupt):
        search(study)
    monkeypatch.undo()
    if operation == "tell":
        # It had been trained to its end.
        assert states(study) == ["finished"]
        return
    assert states(study) == ["interrupted", "waiting"]
    assert len(study.trials()[0].curve) == (operation == "report")


def test_a_point_that_kills_its_process_again_and_again_is_given_up(
    workspace: Path, dataset: SequenceDataset
) -> None:
    study = create_study(workspace, dataset, small_plan(1))
    for _ in range(3):
        number = study.optuna_study.ask(distributions(study.plan())).number
        study.retry(study.optuna_study.trials[number])
    assert states(study) == ["interrupted", "interrupted", "failed"]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_trial_that_another_process_ended_meanwhile_is_passed_over(
    workspace: Path, dataset: SequenceDataset, monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    study, control, score = create_study(workspace, dataset, small_plan(2)), Control(), sweep._score

    def ended_elsewhere(judge: sweep._Judge, *rest: Any) -> float:
        if judge.trial.number == 0:
            study.optuna_study.tell(0, 0.25)
            if is_stopped:
                control.stop()
        return score(judge, *rest)

    monkeypatch.setattr(sweep, "_score", ended_elsewhere)
    search(study, control=control)
    assert states(study) == ["finished"] * (1 if is_stopped else 2)
    assert study.trials()[0].score == 0.25


def test_two_processes_share_the_work_of_a_study(
    workspace: Path, dataset: SequenceDataset, begin: Begin
) -> None:
    study = create_study(workspace, dataset, small_plan(6))
    children = [begin(), begin()]
    assert [child.wait(LIMIT_S) for child in children] == [0, 0]
    counted = [trial for trial in study.trials() if trial.state in ("finished", "pruned")]
    assert len(counted) == 6
    drawn = [tuple(trial.values.items()) for trial in counted]
    assert len(set(drawn)) == len(drawn)
