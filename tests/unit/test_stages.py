from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bert4rec import stages
from bert4rec.stages import Stage, rising, told_meanwhile, within
from tests.waiting import LIMIT_S


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_stage_tells_what_is_done_and_which_share_of_the_whole() -> None:
    told: list[tuple[str, float]] = []
    stage = Stage(lambda *step: told.append(step), "judging", 2000, 0.5, 0.75)
    stage.add(1000)
    stage.add(1000)
    assert told == [("judging", 0.625), ("judging", 0.75)]


def test_work_within_other_work_tells_its_share_of_the_whole() -> None:
    told: list[tuple[str, float]] = []
    part = within(lambda *step: told.append(step), 0.5, 0.75)
    part("first", 0.0)
    part("last", 1.0)
    assert told == [("first", 0.5), ("last", 0.75)]


def test_what_threads_do_side_by_side_is_counted_once() -> None:
    told: list[float] = []
    stage = Stage(lambda doing, share: told.append(share), "judging", 400)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(stage.add, [1] * 400))
    assert told == [(at + 1) / 400 for at in range(400)]


def test_a_stage_without_rows_is_told_as_begun() -> None:
    told: list[tuple[str, float]] = []
    Stage(lambda *step: told.append(step), "judging", 0).tell(0)
    assert told == [("judging", 0.0)]


def test_work_that_is_begun_again_does_not_fall_back() -> None:
    told: list[tuple[str, float]] = []
    watch = rising(lambda *step: told.append(step))
    for step in (("first", 0.5), ("again", 0.0), ("again", 0.75)):
        watch(*step)
    assert told == [("first", 0.5), ("again", 0.5), ("again", 0.75)]


def test_what_one_thread_computes_is_told_and_can_be_abandoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stages, "TELL_EVERY_S", 0.001)
    told, abandoned = threading.Event(), threading.Event()

    def compute() -> str:
        assert told.wait(LIMIT_S)
        return threading.current_thread().name

    assert told_meanwhile(compute, told.set) == "piece"
    with pytest.raises(KeyboardInterrupt):
        told_meanwhile(lambda: abandoned.wait(LIMIT_S), interrupt, abandoned.set)
    assert abandoned.is_set()
    with pytest.raises(ZeroDivisionError):
        told_meanwhile(lambda: 1 / 0, told.set)


@pytest.mark.parametrize("is_pressed_again", [False, True])
def test_what_is_abandoned_is_ended_whatever_it_begins_and_however_often_one_presses(
    is_pressed_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "TELL_EVERY_S", 0.001)
    one_ends, ended = threading.Semaphore(0), []

    def compute() -> None:
        for piece in range(3):
            assert one_ends.acquire(timeout=LIMIT_S)
            ended.append(piece)

    def abandon() -> None:
        one_ends.release()
        if is_pressed_again:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told_meanwhile(compute, interrupt, abandon)
    assert ended == [0, 1, 2]


def test_who_waits_for_what_nobody_can_end_may_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "TELL_EVERY_S", 0.001)
    left, ended = threading.Event(), threading.Event()

    def compute() -> None:
        assert left.wait(LIMIT_S)
        ended.set()

    monkeypatch.setattr(stages, "wait", lambda futures, timeout: interrupt())
    with pytest.raises(KeyboardInterrupt):
        told_meanwhile(compute, interrupt)
    left.set()
    assert ended.wait(LIMIT_S)


def test_what_was_interrupted_before_it_began_never_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = []
    start = threading.Thread.start

    def start_and_interrupt(thread: threading.Thread) -> None:
        thread_run.append(thread)
        raise KeyboardInterrupt

    thread_run: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        told_meanwhile(lambda: begun.append(1), interrupt)
    (piece,) = thread_run
    start(piece)
    piece.join()
    assert begun == []
