"""The button that calibrates a run from before, for all that is told of it from then on."""

from __future__ import annotations

import streamlit as st

from bert4rec.errors import Bert4RecError
from bert4rec.held_out.calibration import Calibration
from bert4rec.held_out.kept_temperatures import keep_temperatures, may_keep
from bert4rec.runs.folder import Run
from bert4rec.stages import Watch
from bert4rec.ui import state
from bert4rec.ui.long_making import made_beside
from bert4rec.ui.presses import is_making


def offer_keeping(run: Run, *, found: Calibration | None = None) -> None:
    """Draw a button that finds temperatures and keeps them, where the end of a run found none.

    Args:
        run: The run.
        found: Its calibration, where that is known already; else it is found at the press.
    """
    if not may_keep(run):
        return
    is_pressed = st.button(
        "Calibrate this run" if found is None else "Keep it for this run",
        icon=":material/balance:",
        key=f"keep_calibration_{run.id}",
        help="All pages, commands and reports then tell calibrated probabilities of this run, where"
        f" that pays. As a command: `bert4rec calibration {run.id} --keep`.",
    )
    making = f"calibration_{run.id}"

    def make(watch: Watch) -> None:
        keep_temperatures(run, found=found, watch=watch)

    if not (is_pressed or is_making(making)):
        return
    try:
        made_beside(making, "Calibrating probabilities…", make)
    except Bert4RecError as error:
        state.show_error(error)
        return
    st.rerun()
