"""What a press asks for and takes long: made beside the page, which shows how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import TypeVar

import streamlit as st

from bert4rec.stages import Watch
from bert4rec.ui.presses import LEAVING, Making, begun
from bert4rec.words import sentence

T = TypeVar("T")

# Whatever is made sooner needs no bar, which would only flash.
BAR_AFTER_S = 0.7
LOOK_EVERY_S = 0.2
THREAD = "making"


def made_beside(key: str, text: str, make: Callable[[Watch], T]) -> T:
    """Make something in a thread of its own, and show how far it is until it is there.

    What is pressed twice is made once. Where the page is drawn anew meanwhile, as at a press
    elsewhere, it is made to its end all the same: see `presses.is_making`.

    Args:
        key: What is made, and of what.
        text: What is said while it is made.
        make: Makes it, and tells how far it is. It asks nothing of the page. What it raises is
            raised here, and the next press has it made anew.
    """

    def begin(making: Making) -> None:
        # As a daemon, so that a server that ends waits for nobody.
        threading.Thread(target=making.carry_out, args=(make,), name=THREAD, daemon=True).start()

    making = begun(key, begin)
    with st.spinner(text, show_time=True):
        _show_until_ended(making)
    made: T = making.take()
    return made


def end_all(limit_s: float) -> None:
    """End what is being made, before the process ends.

    A thread that the end of the process meets in a library written in C would abort it.

    Args:
        limit_s: How long each is waited for at most; it ends where it next tells how far it is.
    """
    LEAVING.set()
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(limit_s)


def _show_until_ended(making: Making) -> None:
    bar = st.empty()
    began = time.monotonic()
    while not wait([making.future], LOOK_EVERY_S).done:
        if making.doing and time.monotonic() - began >= BAR_AFTER_S:
            # Also where nothing is new: a press elsewhere is heard of here.
            bar.progress(making.share, text=share_words(making.doing, making.share))
    bar.empty()


def share_words(doing: str, share: float) -> str:
    """Return what is being done and which share of all is done, as a bar says it."""
    # Whole percents, and the last one only for the whole.
    return sentence(f"{doing}, {int(100 * share + 1e-9)}% of all")
