"""What a reader presses twice is made once.

A second press may come while what the first one asks for is being made: by a double click, or out
of impatience. Streamlit then ends the drawing that the first one began, as soon as that next asks
for anything of the page, and begins another one, in which the button is pressed as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.stages import Watch, rising

T = TypeVar("T")

# Two presses that somebody means as one are a fifth of a second apart. A server that has just
# begun to train on two cores hears of the second one half a second after the first, or later.
TWICE_S = 3.0
_BEGINNING = threading.Lock()
# Set where the process ends: nobody waits any more for what is being made.
LEAVING = threading.Event()


class Making:
    """What a press has asked for: how far it is, and what came of it."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()
        self.doing, self.share = "", 0.0
        self.ended_at: float | None = None
        self.is_taken = False

    def carry_out(self, make: Callable[[Watch], object]) -> None:
        """Make it, in whatever thread this is called."""
        try:
            made = make(rising(self._tell))
        except BaseException as error:  # noqa: BLE001  raised again where it is taken
            self.future.set_exception(error)
        else:
            self.ended_at = time.monotonic()
            self.future.set_result(made)

    def _tell(self, doing: str, share: float) -> None:
        if LEAVING.is_set():
            raise Bert4RecError("the dashboard has ended", fix="Ask again once it is there.")
        self.doing, self.share = doing, share

    def take(self) -> Any:
        """Return what was made once it is there, or raise what it was refused for."""
        try:
            return self.future.result()
        finally:
            self.is_taken = True

    @property
    def refusal(self) -> Bert4RecError | None:
        """What it was refused for, None while it is being made or where it was not."""
        error = self.future.exception() if self.future.done() else None
        return error if isinstance(error, Bert4RecError) else None

    @property
    def is_meant_again(self) -> bool:
        """Whether who asks again means this one: unseen so far, or the second press of two."""
        is_fresh = self.ended_at is not None and time.monotonic() - self.ended_at <= TWICE_S
        return not self.is_taken or is_fresh


def begun(key: str, begin: Callable[[Making], object]) -> Making:
    """Return what the same visitor has begun under this key, or begin another one.

    Args:
        key: What is made, and of what.
        begin: Begins it, where nothing is under way that a press may mean; see `is_meant_again`.
    """
    name = _name(key)
    with _BEGINNING:
        making: Making | None = st.session_state.get(name)
        if making is not None and making.is_meant_again:
            return making
        making = st.session_state[name] = Making()
    begin(making)
    return making


def is_making(key: str) -> bool:
    """Return whether a visitor has asked for something and not been shown what came of it.

    A press elsewhere draws the page anew, and what is being made goes on meanwhile.
    """
    making: Making | None = st.session_state.get(_name(key))
    return making is not None and not making.is_taken


def once(key: str, make: Callable[[], T]) -> T:
    """Make something, or return what the same visitor had made under this key just before.

    Whoever presses while it is being made waits for it and gets it too; for some seconds more it is
    what a second press gets, unless it is forgotten. What takes long is made beside the page
    instead, see `long_making`.

    Args:
        key: What is made, and of what.
        make: Makes it. It asks nothing of the page, so that it comes to its end. What it raises is
            raised here, and the next press has it made anew.
    """
    made: T = begun(key, lambda making: making.carry_out(lambda _: make())).take()
    return made


def forget_press(key: str) -> Making | None:
    """Let the next press make another, as of one who has begun anew since the last.

    Returns:
        What had been begun, which goes on all the same.
    """
    making: Making | None = st.session_state.pop(_name(key), None)
    return making


def _name(key: str) -> str:
    return f"made_{key}"
