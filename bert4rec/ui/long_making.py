"""What a press asks for and takes long: made beside the page, which shows how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import streamlit as st

from bert4rec.stages import Watch, rising
from bert4rec.ui.presses import TWICE_S
from bert4rec.words import sentence

T = TypeVar("T")

# Whatever is made sooner needs no bar, which would only flash.
BAR_AFTER_S = 0.7
LOOK_EVERY_S = 0.2
_BEGINNING = threading.Lock()


class _Making:
    """What is being made, and how far it is; told by threads that make it, read by a page."""

    def __init__(self) -> None:
        self.future: Future[Any] = Future()
        self.doing, self.share = "", 0.0
        self.ended_at: float | None = None
        self.is_taken = False

    def tell(self, doing: str, share: float) -> None:
        self.doing, self.share = doing, share

    def begin(self, make: Callable[[Watch], object]) -> None:
        # As a daemon, so that a server that ends waits for nobody.
        threading.Thread(target=self._carry_out, args=(make,), name="making", daemon=True).start()

    def _carry_out(self, make: Callable[[Watch], object]) -> None:
        try:
            made = make(rising(self.tell))
        except BaseException as error:  # noqa: BLE001  raised again where the page waits
            self.future.set_exception(error)
        else:
            self.ended_at = time.monotonic()
            self.future.set_result(made)

    @property
    def is_to_be_taken(self) -> bool:
        """Whether who asks again means this one: unseen so far, or the second press of two."""
        is_fresh = self.ended_at is not None and time.monotonic() - self.ended_at <= TWICE_S
        return not self.is_taken or is_fresh


def is_making(key: str) -> bool:
    """Return whether a visitor has asked for something and not been shown what came of it.

    A press elsewhere draws the page anew, and what is being made goes on meanwhile.
    """
    making: _Making | None = st.session_state.get(_name(key))
    return making is not None and not making.is_taken


def made_beside(key: str, text: str, make: Callable[[Watch], T]) -> T:
    """Make something in a thread of its own, and show how far it is until it is there.

    What is pressed twice is made once. Where the page is drawn anew meanwhile, as at a press
    elsewhere, it is made to its end all the same: see `is_making`.

    Args:
        key: What is made, and of what.
        text: What is said while it is made.
        make: Makes it, and tells how far it is. It asks nothing of the page. What it raises is
            raised here, and the next press has it made anew.
    """
    making = _begun(_name(key), make)
    with st.spinner(text, show_time=True):
        _show_until_ended(making)
    making.is_taken = True
    made: T = making.future.result()
    return made


def _name(key: str) -> str:
    return f"made_beside_{key}"


def _begun(name: str, make: Callable[[Watch], object]) -> _Making:
    with _BEGINNING:
        making: _Making | None = st.session_state.get(name)
        if making is None or not making.is_to_be_taken:
            making = st.session_state[name] = _Making()
            making.begin(make)
        return making


def _show_until_ended(making: _Making) -> None:
    bar = st.empty()
    began = time.monotonic()
    while not _has_ended(making.future):
        if making.doing and time.monotonic() - began >= BAR_AFTER_S:
            # Also where nothing is new: a press elsewhere is heard of here.
            bar.progress(making.share, text=share_words(making.doing, making.share))
    bar.empty()


def _has_ended(future: Future[Any]) -> bool:
    try:
        future.exception(timeout=LOOK_EVERY_S)
    except TimeoutError:
        return False
    return True


def share_words(doing: str, share: float) -> str:
    """Return what is being done and which share of all is done, as a bar says it."""
    # Whole percents, and the last one only for the whole.
    return sentence(f"{doing}, {int(100 * share + 1e-9)}% of all")
