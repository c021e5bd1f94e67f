"""Why a run ended, and what to do next."""

from __future__ import annotations

import streamlit as st

from bert4rec.errors import RunError
from bert4rec.runs.folder import Run
from bert4rec.runs.resumption import check_resumable
from bert4rec.runs.status import ACTIVE_STATES, Status
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import titled
from bert4rec.view.state_words import state_word
from bert4rec.words import sentence


def draw_ending(run: Run, status: Status, now: str) -> None:
    """Say why a run ended; nothing while it is active.

    Args:
        run: The run.
        status: What it says of itself.
        now: Its state as it is shown.
    """
    if now in ("failed", "interrupted"):
        draw = st.error if now == "failed" else st.warning
        reason = escape(sentence(titled(status.message or "it ended without saying why")))
        fix = _what_to_do(run, status, now)
        fix = f"\n\nWhat to do: {escape(sentence(titled(fix)))}" if fix else ""
        draw(f"**{reason}**{fix}", icon=state_word(now).icon)
    elif status.message and now not in ACTIVE_STATES:
        st.markdown(f"Why it ended: {escape(sentence(titled(status.message)))}")


def _what_to_do(run: Run, status: Status, now: str) -> str:
    if now != "interrupted" or run.checkpoint("last").exists():
        return status.fix
    try:
        check_resumable(run)
    except RunError as error:
        return error.fix or ""
    return "Start it again; there is no checkpoint yet, so it begins with its first step."
