from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bert4rec import jobs as jobs_module
from bert4rec.background.runners import run_in_this_thread
from bert4rec.control import Control
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import DeviceError, RunError
from bert4rec.jobs import JobService
from bert4rec.json_files import read_json, write_json
from bert4rec.pipeline import train
from bert4rec.policy import Policy
from bert4rec.runs.folder import Run
from bert4rec.runs.lock import held
from bert4rec.runs.registry import create_run, list_runs
from bert4rec.runs.status import STATES
from tests.factories import ring_dataset, saved_dataset, small_settings
from tests.waiting import LIMIT_S


class Desk:
    """A runner whose runs begin and end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.controls: dict[str, Control] = {}
        self._changed = threading.Condition()
        self._may_end: set[str] = set()

    def __call__(self, run: Run, control: Control) -> None:
        run.set_status(state="running")
        with self._changed:
            self.begun.append(run.name)
            self.controls[run.name] = control
            self._changed.notify_all()
            assert self._changed.wait_for(
                lambda: run.name in self._may_end or control.is_stopped, LIMIT_S
            )
        run.set_status(state="stopped" if control.is_stopped else "finished")

    def wait_until_begun(self, *names: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: set(names) <= set(self.begun), LIMIT_S)

    def end(self, *names: str) -> None:
        with self._changed:
            self._may_end |= set(names)
            self._changed.notify_all()

    def notice(self) -> None:
        """Let waiting runs look at their control."""
        with self._changed:
            self._changed.notify_all()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SequenceDataset:
    return saved_dataset(tmp_path_factory.mktemp("jobs"), ring_dataset(n_users=40))


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.end("a", "b", "c")


@pytest.fixture
def service(workspace: Path, desk: Desk) -> JobService:
    return JobService(workspace, desk)


@pytest.fixture
def new_run(workspace: Path, dataset: SequenceDataset) -> Callable[..., Run]:
    def make(name: str, **changes: object) -> Run:
        policy = Policy("scoring_policy", small_settings(**changes))
        return create_run(workspace, dataset, policy, name=name)

    return make


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def wait_until_idle(service: JobService) -> None:
    assert service.wait(lambda: not service.active(), LIMIT_S)


def test_one_run_a_device_trains_and_the_others_wait_in_order(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b, c = (new_run(name) for name in "abc")
    for run in (a, b, c):
        service.submit(run)
    desk.wait_until_begun("a")
    assert desk.begun == ["a"]
    assert service.active() == [a.id, b.id, c.id]
    assert [service.position(run.id) for run in (a, b, c)] == [0, 1, 2]
    assert [run.status().state for run in (a, b, c)] == ["running", "queued", "queued"]
    desk.end("a")
    desk.wait_until_begun("b")
    assert [service.position(run.id) for run in (a, b, c)] == [None, 0, 1]
    desk.end("b", "c")
    wait_until_idle(service)
    assert desk.begun == ["a", "b", "c"]
    assert a.status().state == "finished"


def test_devices_train_side_by_side(
    service: JobService,
    desk: Desk,
    new_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs_module, "choose_device", lambda device: SimpleNamespace(device=device))
    a, b, c = (
        new_run("a", device="cuda:0"),
        new_run("b", device="cuda:1"),
        new_run("c", device="cuda:0"),
    )
    for run in (a, b, c):
        service.submit(run)
    desk.wait_until_begun("a", "b")
    assert [service.position(run.id) for run in (a, b, c)] == [0, 0, 1]
    assert service.active() == [a.id, b.id, c.id]
    desk.end("b")
    assert service.wait(lambda: service.position(b.id) is None, LIMIT_S)
    assert service.position(c.id) == 1


def test_a_waiting_run_changes_its_place_and_starts_in_the_new_order(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b, c, d = runs = [new_run(name) for name in "abcd"]
    for run in runs:
        service.submit(run)
    desk.wait_until_begun("a")
    service.move(d.id, 1)
    assert [service.position(run.id) for run in runs] == [0, 2, 3, 1]
    service.move(d.id, 2)
    service.move(b.id, 99)
    assert [place.run.name for place in service.queue()] == ["a", "d", "c", "b"]
    assert [place.position for place in service.queue()] == [0, 1, 2, 3]
    service.move(c.id, 0)
    for refused in (a.id, "nothing"):
        with pytest.raises(RunError, match="does not wait in the queue"):
            service.move(refused, 1)
    desk.end(*"abcd")
    wait_until_idle(service)
    assert desk.begun == ["a", "c", "d", "b"]


def test_a_move_on_one_device_leaves_the_others_alone(
    service: JobService,
    desk: Desk,
    new_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs_module, "choose_device", lambda device: SimpleNamespace(device=device))
    runs = [new_run(name, device=f"cuda:{i % 2}") for i, name in enumerate("abcdef")]
    for run in runs:
        service.submit(run)
    desk.wait_until_begun("a", "b")
    service.move(runs[4].id, 1)
    told = [(place.run.name, place.device, place.position) for place in service.queue()]
    assert told == [
        *(("a", "cuda:0", 0), ("e", "cuda:0", 1), ("c", "cuda:0", 2)),
        *(("b", "cuda:1", 0), ("d", "cuda:1", 1), ("f", "cuda:1", 2)),
    ]
    desk.end(*"abcdef")
    wait_until_idle(service)
    assert desk.begun.index("e") < desk.begun.index("c")


# What each action does to a run in each state: the state after it, or a part of the refusal.
TRANSITIONS = {
    ("running", "pause"): "paused",
    ("running", "resume"): "running",
    ("running", "stop"): "stopped",
    ("running", "discard"): "gone",
    ("running", "submit"): "queued or running already",
    ("running", "move"): "does not wait in the queue",
    ("running", "take_out"): "does not wait in the queue",
    ("paused", "pause"): "paused",
    ("paused", "resume"): "running",
    ("paused", "stop"): "stopped",
    ("paused", "discard"): "gone",
    ("paused", "submit"): "queued or running already",
    ("paused", "move"): "does not wait in the queue",
    ("paused", "take_out"): "does not wait in the queue",
    ("queued", "pause"): "is not running here",
    ("queued", "resume"): "is not running here",
    ("queued", "stop"): "stopped",
    ("queued", "discard"): "gone",
    ("queued", "submit"): "queued or running already",
    ("queued", "move"): "queued",
    ("queued", "take_out"): "stopped",
    **{
        (ended, action): "is not running here"
        for ended in ("finished", "stopped", "failed", "interrupted")
        for action in ("pause", "resume", "stop", "discard")
    },
    ("finished", "submit"): "is finished and cannot be started",
    ("stopped", "submit"): "queued",
    ("failed", "submit"): "queued",
    ("interrupted", "submit"): "queued",
    **{
        (ended, action): "does not wait in the queue"
        for ended in ("finished", "stopped", "failed", "interrupted")
        for action in ("move", "take_out")
    },
}


def test_the_table_of_transitions_knows_every_state_and_action() -> None:
    actions = ("pause", "resume", "stop", "discard", "submit", "move", "take_out")
    assert TRANSITIONS.keys() == {(state, action) for state in STATES for action in actions}


@pytest.mark.parametrize(("before", "action"), TRANSITIONS)
def test_every_action_in_every_state_does_what_the_table_says(
    service: JobService, desk: Desk, new_run: Callable[..., Run], before: str, action: str
) -> None:
    first, run = new_run("first"), new_run("a")
    if before in ("running", "paused"):
        service.submit(run)
        desk.wait_until_begun("a")
        if before == "paused":
            service.pause(run.id)
            run.set_status(state="paused")
    else:
        service.submit(first)
        desk.wait_until_begun("first")
        if before == "queued":
            service.submit(run)
        else:
            run.set_status(state=before)

    def act() -> None:
        target = run if action == "submit" else run.id
        getattr(service, action)(target, *([1] if action == "move" else []))

    after = TRANSITIONS[before, action]
    if after not in (*STATES, "gone"):
        with pytest.raises(RunError, match=after):
            act()
        assert run.status().state == before
    else:
        act()
        desk.notice()
        is_left = after in ("stopped", "gone")
        assert not is_left or service.wait(lambda: service.position(run.id) is None, LIMIT_S)
        assert state_of(service, run) == after
    desk.end("first", "a")
    wait_until_idle(service)


def state_of(service: JobService, run: Run) -> str:
    """What a page shows: a pause that the run has yet to notice is taken as done."""
    if not run.folder.exists():
        return "gone"
    if service.position(run.id) == 0:
        return "paused" if service.is_paused(run.id) else "running"
    return run.status().state


def test_a_queued_run_can_be_taken_out(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b, c = (new_run(name) for name in "abc")
    for run in (a, b, c):
        service.submit(run)
    service.take_out(b.id)
    assert b.status().state == "stopped"
    assert service.active() == [a.id, c.id]
    assert service.position(c.id) == 1
    desk.end("a", "c")
    wait_until_idle(service)
    assert desk.begun == ["a", "c"]


@pytest.mark.parametrize("end", ["take_out", "stop"])
def test_a_waiting_run_leaves_the_queue_of_a_full_disk(
    end: str,
    service: JobService,
    desk: Desk,
    new_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = new_run("a"), new_run("b")
    service.submit(a)
    desk.wait_until_begun("a")
    service.submit(b)
    with monkeypatch.context() as patch:
        patch.setattr("bert4rec.runs.status.write_json", no_room)
        getattr(service, end)(b.id)
        assert service.position(b.id) is None
        assert b.status().state == "stopped"
    desk.end("a")
    wait_until_idle(service)
    assert desk.begun == ["a"]


def test_a_service_that_ends_on_a_full_disk_waits_for_what_runs(
    service: JobService, desk: Desk, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = new_run("a"), new_run("b")
    service.submit(a)
    desk.wait_until_begun("a")
    service.submit(b)
    with monkeypatch.context() as patch:
        patch.setattr("bert4rec.runs.status.write_json", no_room)
        service.interrupt()
        assert service.active() == [a.id]
        assert b.status().state == "interrupted"
    assert desk.controls["a"].is_interrupted
    desk.end("a")
    wait_until_idle(service)


def test_a_run_whose_last_checkpoint_is_gone_is_not_queued(
    service: JobService, new_run: Callable[..., Run]
) -> None:
    run = new_run("a")
    run.journal.append({"event": "checkpoint", "step": 5})
    run.set_status(state="interrupted", epoch=1)
    with pytest.raises(RunError, match="has no last checkpoint to go on from"):
        service.submit(run)
    assert run.status().state == "interrupted"
    assert service.active() == []


def test_a_running_run_can_be_stopped_and_the_next_one_starts(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b = new_run("a"), new_run("b")
    service.submit(a)
    service.submit(b)
    desk.wait_until_begun("a")
    service.stop(a.id)
    desk.notice()
    desk.wait_until_begun("b")
    assert a.status().state == "stopped"
    assert a.folder.exists()


def test_a_run_is_stopping_until_it_has_ended_and_no_more_once_it_goes_on(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a = new_run("a")
    assert not service.is_stopping(a.id)
    service.submit(a)
    desk.wait_until_begun("a")
    assert not service.is_stopping(a.id)
    service.stop(a.id)
    assert service.is_stopping(a.id)
    desk.notice()
    wait_until_idle(service)
    service.submit(a)
    assert not service.is_stopping(a.id)


def test_pause_and_resume_reach_the_run(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b = new_run("a"), new_run("b")
    service.submit(a)
    service.submit(b)
    desk.wait_until_begun("a")
    service.pause(a.id)
    assert service.is_paused(a.id)
    assert desk.controls["a"].is_paused
    assert not service.is_paused(b.id)
    service.resume(a.id)
    assert not desk.controls["a"].is_paused
    with pytest.raises(RunError, match="is not running here"):
        service.pause(b.id)


def test_discarding_deletes_a_queued_run_at_once_and_a_running_one_after_its_end(
    service: JobService, desk: Desk, new_run: Callable[..., Run], workspace: Path
) -> None:
    a, b = new_run("a"), new_run("b")
    service.submit(a)
    service.submit(b)
    desk.wait_until_begun("a")
    service.discard(b.id)
    assert not b.folder.exists()
    service.discard(a.id)
    assert service.active() == []
    desk.notice()
    assert service.wait(lambda: service.position(a.id) is None, LIMIT_S)
    assert list_runs(workspace) == []


def test_a_runner_that_fails_does_not_stop_the_queue(
    workspace: Path, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    n_died = threading.Semaphore(0)
    monkeypatch.setattr(threading, "excepthook", lambda _: n_died.release())

    def failing(run: Run, control: Control) -> None:
        begun.append(run.name)
        raise ZeroDivisionError(run.name)

    service = JobService(workspace, failing)
    for name in "abc":
        service.submit(new_run(name))
    wait_until_idle(service)
    assert begun == ["a", "b", "c"]
    assert all(n_died.acquire(timeout=LIMIT_S) for _ in begun)


def test_what_is_here_already_or_has_ended_is_not_taken(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a = new_run("a")
    service.submit(a)
    with pytest.raises(RunError, match="queued or running already"):
        service.submit(a)
    desk.end("a")
    wait_until_idle(service)
    with pytest.raises(RunError, match="is finished and cannot be started"):
        service.submit(a)
    b = new_run("b")
    # As another process would have it.
    b.set_status(state="running")
    with pytest.raises(RunError, match="is running and cannot be started"):
        service.submit(b)


def put_owner(run: Run, pid: int, started_at: float) -> None:
    """Write the status as another process would have."""
    document = read_json(run.folder / "status.json")
    owner = {"pid": pid, "process_started_at": started_at}
    write_json(run.folder / "status.json", document | owner)


def test_a_run_in_the_queue_of_another_process_is_not_taken(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a = new_run("a")
    parent = psutil.Process(os.getppid())
    put_owner(a, parent.pid, parent.create_time())
    with pytest.raises(RunError, match="is active elsewhere: it waits in the queue"):
        service.submit(a)
    # Once that process is gone, its queue is gone too.
    put_owner(a, parent.pid, parent.create_time() - 3600)
    service.submit(a)
    desk.wait_until_begun("a")


def test_a_run_whose_folder_is_held_is_not_taken(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a = new_run("a")
    with held(a.folder), pytest.raises(RunError, match="is active elsewhere"):
        service.submit(a)
    assert service.active() == []
    service.submit(a)
    desk.wait_until_begun("a")


@pytest.mark.parametrize("act", ["stop", "discard"])
def test_whoever_waits_is_told_of_a_run_that_leaves_the_queue(
    service: JobService, desk: Desk, new_run: Callable[..., Run], act: str
) -> None:
    a, b = new_run("a"), new_run("b")
    service.submit(a)
    service.submit(b)
    desk.wait_until_begun("a")
    is_asking, seen = threading.Event(), threading.Event()

    def has_left() -> bool:
        is_asking.set()
        return service.position(b.id) is None

    def wait() -> None:
        if service.wait(has_left, LIMIT_S / 2):
            seen.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert is_asking.wait(LIMIT_S)
    getattr(service, act)(b.id)
    waiter.join(LIMIT_S / 4)
    assert seen.is_set()


@pytest.fixture
def beat(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets all that give signs of life give one now, and only now."""
    beats: list[Callable[[], None]] = []

    @contextmanager
    def keep(beat: Callable[[], None]) -> Iterator[None]:
        beats.append(beat)
        yield

    monkeypatch.setattr(jobs_module, "beating", keep)

    def all_beat() -> None:
        for one in beats:
            one()

    return all_beat


def test_runs_in_the_queue_give_signs_of_life(
    service: JobService, desk: Desk, new_run: Callable[..., Run], beat: Callable[[], None]
) -> None:
    a, b, c = (new_run(name) for name in "abc")
    for run in (a, b, c):
        service.submit(run)
    desk.wait_until_begun("a")
    for run in (a, b, c):
        write_json(run.folder / "status.json", asdict(run.status()) | {"heartbeat_at": ""})
    service.discard(c.id)
    beat()
    assert a.status().heartbeat_at == ""
    assert b.status().heartbeat_at > ""
    assert b.status().state == "queued"
    assert not c.folder.exists()


def test_runs_that_wait_behind_a_turn_give_signs_of_life(
    service: JobService, new_run: Callable[..., Run], beat: Callable[[], None]
) -> None:
    a = new_run("a")
    with service.turn("cpu", Control()):
        service.submit(a)
        write_json(a.folder / "status.json", asdict(a.status()) | {"heartbeat_at": ""})
        beat()
        assert a.status().heartbeat_at > ""
        service.take_out(a.id)


def test_a_device_that_is_not_there_is_told_at_once(
    service: JobService, new_run: Callable[..., Run]
) -> None:
    with pytest.raises(DeviceError):
        service.submit(new_run("a", device="cuda:97"))
    assert service.active() == []


def test_a_run_that_cannot_be_queued_is_not_made_or_leaves_nothing_behind(
    workspace: Path, service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    with pytest.raises(DeviceError):
        service.make_and_submit("cuda:97", lambda: pytest.fail("it was made"))
    # What the settings ask for may have gone between the two.
    with pytest.raises(DeviceError):
        service.make_and_submit("cpu", lambda: new_run("a", device="cuda:97"))
    assert list((workspace / "runs").iterdir()) == []
    made = service.make_and_submit("cpu", lambda: new_run("a"))
    desk.wait_until_begun("a")
    assert service.active() == [made.id]


@pytest.mark.parametrize("act", ["pause", "resume", "stop", "discard"])
def test_a_run_that_is_not_here_cannot_be_steered(service: JobService, act: str) -> None:
    with pytest.raises(RunError, match="'nothing' is not running here"):
        getattr(service, act)("nothing")
    assert service.position("nothing") is None
    assert not service.is_paused("nothing")


@pytest.mark.parametrize("state", ["stopped", "failed", "interrupted"])
def test_a_run_that_ended_early_can_be_taken_up(
    service: JobService, desk: Desk, new_run: Callable[..., Run], state: str
) -> None:
    a = new_run("a")
    a.set_status(state=state, message="why", fix="what", error="Error")
    service.submit(a)
    desk.wait_until_begun("a")
    status = a.status()
    assert (status.state, status.message, status.fix, status.error) == ("running", "", "", "")


def test_the_service_may_be_used_from_many_threads(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    runs = [new_run(f"n{number}") for number in range(8)]
    threads = [threading.Thread(target=service.submit, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert sorted(service.active()) == sorted(run.id for run in runs)
    assert sorted(service.position(run.id) or 0 for run in runs) == list(range(8))
    desk.end(*(run.name for run in runs))
    wait_until_idle(service)
    assert sorted(desk.begun) == sorted(run.name for run in runs)


def test_the_real_runner_trains_stops_and_goes_on_to_the_end(
    workspace: Path, dataset: SequenceDataset
) -> None:
    local = saved_dataset(workspace, dataset)
    settings = small_settings(batch_size=8, n_epochs=4)
    run = create_run(workspace, local, Policy("scoring_policy", settings))
    may_begin = threading.Event()

    def once_it_may(run: Run, control: Control) -> None:
        assert may_begin.wait(LIMIT_S)
        run_in_this_thread(run, control)

    service = JobService(workspace, once_it_may)
    service.submit(run)
    service.pause(run.id)
    service.stop(run.id)
    may_begin.set()
    wait_until_idle(service)
    assert run.status().state == "stopped"
    assert run.checkpoint("best").exists()
    service.submit(run)
    wait_until_idle(service)
    assert run.status().state == "finished"
    summary, whole = run.summary(), train(local, settings, workspace=workspace).summary()
    assert summary is not None
    assert whole is not None
    assert summary["test"] == whole["test"]


def test_a_run_that_fails_for_real_says_so_and_the_next_one_trains(
    workspace: Path, dataset: SequenceDataset
) -> None:
    local = saved_dataset(workspace, dataset)
    bad = small_settings(learning_rate=1e30, grad_clip=0)
    runs = [
        create_run(workspace, local, Policy("scoring_policy", settings))
        for settings in (bad, small_settings(n_epochs=1))
    ]
    service = JobService(workspace)
    for run in runs:
        service.submit(run)
    wait_until_idle(service)
    assert [run.status().state for run in runs] == ["failed", "finished"]


def take_turns(service: JobService, n: int, began: list[str], may_go: threading.Event) -> None:
    for number in range(n):
        with service.turn("cpu", Control()):
            began.append(f"turn {number}")
            assert may_go.wait(LIMIT_S)


def test_a_run_that_waits_trains_before_the_next_turn(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b = new_run("a"), new_run("b")
    may_go = threading.Event()
    with service.turn("cpu", Control()):
        assert not service.is_free("cpu")
        service.submit(a)
        service.submit(b)
        assert [service.position(run.id) for run in (a, b)] == [1, 2]
        other = threading.Thread(target=take_turns, args=(service, 2, desk.begun, may_go))
        other.start()
        assert desk.begun == []
    desk.wait_until_begun("a")
    desk.end("a")
    desk.wait_until_begun("b")
    assert desk.begun == ["a", "b"]
    may_go.set()
    desk.end("b")
    other.join(LIMIT_S)
    assert desk.begun == ["a", "b", "turn 0", "turn 1"]
    assert service.is_free("cpu")


def test_a_turn_that_is_no_longer_wanted_waits_no_longer_and_holds_nothing(
    service: JobService, desk: Desk, new_run: Callable[..., Run]
) -> None:
    a, b, control = new_run("a"), new_run("b"), Control()
    service.submit(a)
    service.submit(b)
    desk.wait_until_begun("a")
    control.stop()
    with service.turn("cpu", control):
        desk.end("a")
        desk.wait_until_begun("b")
    assert service.position(b.id) == 0


def test_devices_take_turns_of_their_own(service: JobService) -> None:
    with service.turn("cpu", Control()), service.turn("cuda:0", Control()):
        assert not service.is_free("cpu")
        assert service.is_free("cuda:1")
