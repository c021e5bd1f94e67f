from __future__ import annotations

import queue
import threading

import pytest

from bert4rec.errors import FormatError
from bert4rec.runs.heartbeat import BEAT_EVERY_S, beating
from bert4rec.runs.status import HEARTBEAT_LIMIT_S
from tests.waiting import LIMIT_S


class Ticks(threading.Event):
    """An event whose time passes when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self._ticks: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.waiting: list[threading.Thread] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == BEAT_EVERY_S
        self.waiting.append(threading.current_thread())
        return self._ticks.get(timeout=LIMIT_S)

    def tick(self) -> None:
        self._ticks.put(False)

    def set(self) -> None:
        super().set()
        self._ticks.put(True)

    def assert_over(self) -> None:
        """Only the thread that waited here: other tests may have left one that is about to end."""
        (beater,) = set(self.waiting)
        assert not beater.is_alive()


def test_it_beats_whenever_the_time_has_come_and_no_more_after_the_end() -> None:
    ticks, beats = Ticks(), threading.Semaphore(0)
    with beating(beats.release, ticks):
        for _ in range(3):
            assert not beats.acquire(blocking=False)
            ticks.tick()
            assert beats.acquire(timeout=LIMIT_S)
    assert not beats.acquire(blocking=False)
    ticks.assert_over()


@pytest.mark.parametrize(
    "error", [OSError(28, "no space"), FormatError("damaged"), RuntimeError("locked")]
)
def test_a_beat_that_fails_is_followed_by_others(error: Exception) -> None:
    ticks, tries = Ticks(), threading.Semaphore(0)

    def fail() -> None:
        tries.release()
        raise error

    with beating(fail, ticks):
        for _ in range(2):
            ticks.tick()
            assert tries.acquire(timeout=LIMIT_S)


def test_it_ends_with_an_error_of_the_block() -> None:
    ticks = Ticks()
    with pytest.raises(ZeroDivisionError), beating(lambda: None, ticks):
        raise ZeroDivisionError
    ticks.assert_over()


def test_a_run_may_miss_some_beats_before_it_counts_as_dead() -> None:
    assert 3 * BEAT_EVERY_S < HEARTBEAT_LIMIT_S
