"""What a press was refused for: kept while the page is drawn anew, then shown once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.ui import state
from bert4rec.ui.redrawing import fixed_place, tell_once


def carry_out(key: str, action: Callable[..., object], *args: Any) -> None:
    """Do what a button asks for; a refusal is kept under a key, for the page to show."""
    try:
        action(*args)
    except Bert4RecError as error:
        keep_refusal(key, error)


def keep_refusal(key: str, error: Bert4RecError) -> None:
    """Keep a refusal until it is shown."""
    st.session_state[key] = error


def show_refusal(key: str) -> None:
    """Draw what the last press was refused for, once; with or without it takes one place."""
    with fixed_place():
        if refusal := tell_once(key):
            state.show_error(refusal)
