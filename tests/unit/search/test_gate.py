from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bert4rec.search.gate import NAMES, Gate


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """What the handlers heard that stood there before; each raises nothing."""
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        heard.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list[Any]:
    return [signal.getsignal(getattr(signal, name)) for name in NAMES]


def test_where_the_gate_is_shut_signals_wait_in_the_order_in_which_they_came(
    heard: list[int],
) -> None:
    gate = Gate()
    with gate.guarding():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert heard == []
        with gate.opened():
            assert heard == [signal.SIGTERM, signal.SIGINT]
            signal.raise_signal(signal.SIGINT)
            assert len(heard) == 3
            with gate.shut():
                signal.raise_signal(signal.SIGINT)
                assert len(heard) == 3
            assert len(heard) == 4
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 4
    assert len(heard) == 5


def test_the_handlers_of_before_are_back_whatever_breaks_in() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found, gate = handlers(), Gate()
        done = []

        def press() -> None:
            with gate.guarding():
                signal.raise_signal(signal.SIGINT)
                done.append("after the press")
                with gate.opened():
                    done.append("never")

        with pytest.raises(KeyboardInterrupt):
            press()
        assert done == ["after the press"]
        assert handlers() == found
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_mark_that_a_handler_bears_is_borne_before_it_too(heard: list[int]) -> None:
    marked: Any = signal.getsignal(signal.SIGINT)
    marked.ends_a_command = True
    with Gate().guarding():
        assert hasattr(signal.getsignal(signal.SIGINT), "ends_a_command")
    assert heard == []


def test_another_thread_leaves_the_handlers_alone() -> None:
    found: list[Any] = []

    def look() -> None:
        with Gate().guarding():
            found.extend(handlers())

    usual = handlers()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == usual
