"""What a reader presses twice is made once.

A second press may come while what the first one asks for is being made: by a double click, or out
of impatience. Streamlit then ends the drawing that the first one began, as soon as that next asks
for anything of the page, and begins another one, in which the button is pressed as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")

# Two presses that somebody means as one are a fifth of a second apart. A server that has just
# begun to train on two cores hears of the second one half a second after the first, or later.
TWICE_S = 3.0


@dataclass
class _Made:
    lock: threading.Lock = field(default_factory=threading.Lock)
    what: Any = None
    at: float | None = None


def once(key: str, make: Callable[[], T]) -> T:
    """Make something, or return what the same visitor had made under this key just before.

    Whoever presses while it is being made waits for it and gets it too; for some seconds more it is
    what a second press gets, unless it is forgotten.

    Args:
        key: What is made, and of what.
        make: Makes it. It asks nothing of the page, so that it comes to its end. What it raises is
            raised here, and the next press has it made anew.
    """
    name = _name(key)
    if name not in st.session_state:
        st.session_state[name] = _Made()
    made: _Made = st.session_state[name]
    with made.lock:
        if made.at is None or time.monotonic() - made.at > TWICE_S:
            made.what = make()
            made.at = time.monotonic()
        what: T = made.what
        return what


def forget_press(key: str) -> None:
    """Let the next press make another, as of one who has begun anew since the last."""
    st.session_state.pop(_name(key), None)


def _name(key: str) -> str:
    return f"made_once_{key}"
