from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import streamlit as st

from bert4rec.errors import Bert4RecError, RunError
from bert4rec.stages import Watch
from bert4rec.ui import long_making, presses
from bert4rec.ui.long_making import end_all, made_beside, share_words
from bert4rec.ui.presses import TWICE_S, is_making
from tests.waiting import LIMIT_S


class Interrupted(Exception):
    """What Streamlit raises in a drawing that another press ends."""


class Bar:
    """A place on the page that writes down which bars it showed."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, str]] = []
        self.on_show: Callable[[], object] = lambda: None

    def progress(self, share: float, text: str) -> None:
        self.shown.append((share, text))
        self.on_show()

    def empty(self) -> None:
        """Show nothing."""


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", kept)
    return kept


@pytest.fixture(autouse=True)
def bar(monkeypatch: pytest.MonkeyPatch) -> Bar:
    made = Bar()
    monkeypatch.setattr(st, "empty", lambda: made)
    monkeypatch.setattr(st, "spinner", lambda text, show_time: nullcontext())
    monkeypatch.setattr(long_making, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(long_making, "BAR_AFTER_S", 0.0)
    return made


def interrupt() -> None:
    raise Interrupted


def test_the_bar_says_what_is_done_and_which_share_of_all(bar: Bar) -> None:
    is_shown = threading.Event()
    bar.on_show = is_shown.set

    def make(watch: Watch) -> int:
        watch("reading", 0.43)
        assert is_shown.wait(LIMIT_S)
        return 7

    assert made_beside("data", "Preparing…", make) == 7
    assert bar.shown[0] == (0.43, "Reading, 43% of all.")


def test_what_is_quickly_made_shows_no_bar(bar: Bar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_making, "BAR_AFTER_S", LIMIT_S)

    def make(watch: Watch) -> int:
        watch("reading", 0.5)
        return 7

    assert made_beside("data", "Preparing…", make) == 7
    assert bar.shown == []


def test_its_share_never_falls(bar: Bar) -> None:
    told = threading.Event()

    def make(watch: Watch) -> None:
        watch("reading", 0.6)
        watch("looking again", 0.2)
        assert told.wait(LIMIT_S)

    bar.on_show = told.set
    made_beside("data", "Preparing…", make)
    assert bar.shown[0][0] == 0.6


def test_a_press_elsewhere_draws_the_page_anew_and_it_is_made_to_its_end(bar: Bar) -> None:
    may_end, made = threading.Event(), iter(range(10))

    def make(watch: Watch) -> int:
        watch("reading", 0.5)
        assert may_end.wait(LIMIT_S)
        return next(made)

    bar.on_show = interrupt
    with pytest.raises(Interrupted):
        made_beside("data", "Preparing…", make)
    assert is_making("data")
    assert not is_making("another")
    bar.on_show = may_end.set
    assert made_beside("data", "Preparing…", make) == 0
    assert not is_making("data")


def test_the_second_press_of_two_gets_what_the_first_one_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, made = [100.0], iter(range(10))
    monkeypatch.setattr(presses.time, "monotonic", lambda: now[0])

    def press() -> int:
        return made_beside("data", "Preparing…", lambda watch: next(made))

    assert press() == press() == 0
    now[0] += TWICE_S + 0.01
    assert press() == 1


def test_what_failed_says_why_once_and_the_next_press_tries_anew() -> None:
    def refuse(watch: Watch) -> int:
        raise RunError("the disk is full")

    with pytest.raises(RunError, match="the disk is full"):
        made_beside("data", "Preparing…", refuse)
    assert not is_making("data")
    assert made_beside("data", "Preparing…", lambda watch: 1) == 1


@pytest.mark.parametrize(
    ("share", "told"), [(0.0, "0%"), (0.05, "5%"), (0.29, "29%"), (0.997, "99%"), (1.0, "100%")]
)
def test_shares_are_told_in_whole_percents(share: float, told: str) -> None:
    assert share_words("reading", share) == f"Reading, {told} of all."


def test_what_is_being_made_is_ended_before_the_process_ends(
    bar: Bar, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving, ended = threading.Event(), threading.Event()
    monkeypatch.setattr(long_making, "LEAVING", leaving)
    monkeypatch.setattr(presses, "LEAVING", leaving)

    def make(watch: Watch) -> None:
        try:
            while True:
                watch("reading", 0.5)
        finally:
            ended.set()

    bar.on_show = interrupt
    with pytest.raises(Interrupted):
        made_beside("data", "Preparing…", make)
    assert not ended.is_set()
    end_all(LIMIT_S)
    assert ended.is_set()
    with pytest.raises(Bert4RecError, match="the dashboard has ended"):
        made_beside("data", "Preparing…", make)
