from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import streamlit as st

from bert4rec.errors import RunError
from bert4rec.ui import presses
from bert4rec.ui.presses import forget_press, once
from tests.waiting import LIMIT_S


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one visitor's session keeps."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", kept)
    return kept


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(presses.time, "monotonic", lambda: now[0])
    return now


def test_a_second_press_gets_what_the_first_one_made(clock: list[float]) -> None:
    made = iter(range(10))
    assert once("run", lambda: next(made)) == 0
    clock[0] += presses.TWICE_S
    assert once("run", lambda: next(made)) == 0
    assert once("another", lambda: next(made)) == 1


def test_a_later_press_makes_another(clock: list[float]) -> None:
    made = iter(range(10))
    assert once("run", lambda: next(made)) == 0
    clock[0] += presses.TWICE_S + 0.01
    assert once("run", lambda: next(made)) == 1


def test_who_begins_anew_makes_another_however_soon(clock: list[float]) -> None:
    made = iter(range(10))
    forget_press("run")
    assert once("run", lambda: next(made)) == 0
    forget_press("run")
    assert once("run", lambda: next(made)) == 1


def test_who_presses_while_it_is_made_waits_for_it_however_long() -> None:
    begun, may_end, made = threading.Event(), threading.Event(), iter(range(10))

    def make() -> int:
        begun.set()
        assert may_end.wait(LIMIT_S)
        return next(made)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(once, "run", make)
        assert begun.wait(LIMIT_S)
        second = pool.submit(once, "run", make)
        may_end.set()
        assert (first.result(LIMIT_S), second.result(LIMIT_S)) == (0, 0)


def test_what_was_refused_is_tried_anew_by_the_next_press(clock: list[float]) -> None:
    def refuse() -> int:
        raise RunError("the disk is full")

    with pytest.raises(RunError, match="the disk is full"):
        once("run", refuse)
    assert once("run", lambda: 1) == 1


def test_another_visitor_makes_their_own(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter(range(10))
    assert once("run", lambda: next(made)) == 0
    monkeypatch.setattr(st, "session_state", {})
    assert once("run", lambda: next(made)) == 1
