"""The checks of a dataset as a list, each with what to do and, where it can be mended, a button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from bert4rec.data.check import Check
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.refine import refine
from bert4rec.errors import Bert4RecError
from bert4rec.stages import Watch
from bert4rec.ui import state
from bert4rec.ui.data.page_top import begin_at_top
from bert4rec.ui.long_making import made_beside
from bert4rec.ui.presses import is_making
from bert4rec.view.markdown import escape
from bert4rec.words import sentence

BADGES = {
    "error": ":red-badge[:material/error: Error]",
    "warning": ":orange-badge[:material/warning: Warning]",
    "info": ":blue-badge[:material/info: Note]",
}


@dataclass(frozen=True)
class Asked:
    """A check that is to be mended, and the place on the page under it."""

    check: Check
    place: DeltaGenerator


def draw_checks(dataset: SequenceDataset, checks: Sequence[Check]) -> Asked | None:
    """Draw what to know of a dataset before training, gravest first.

    Returns:
        What a press asks to mend: see `mend`.
    """
    if not checks:
        st.caption(":material/check: The checks found nothing to mend.")
        return None
    with st.container(border=True):
        st.markdown("**Before training**")
        asked = [_draw_check(dataset, check, place) for place, check in enumerate(checks)]
    return next((one for one in asked if one is not None), None)


def _draw_check(dataset: SequenceDataset, check: Check, place: int) -> Asked | None:
    row = st.container(horizontal=True, vertical_alignment="center")
    text = f"**{escape(sentence(check.message))}** {escape(sentence(check.fix))}"
    row.markdown(f"{BADGES[check.level]} {text}", width="stretch")
    if check.fix_settings is None:
        return None
    is_pressed = row.button(
        check.fix_label,
        key=f"fix_{dataset.fingerprint}_{place}",
        icon=":material/filter_alt:",
        help="Makes a new dataset of this one; this one stays.",
    )
    below = st.container()
    # Or it was pressed before a press elsewhere drew the page anew.
    return Asked(check, below) if is_pressed or is_making(_key(dataset, check)) else None


def _key(dataset: SequenceDataset, check: Check) -> str:
    return f"mend_{dataset.fingerprint}_{check.fix_settings}"


def mend(dataset: SequenceDataset, asked: Asked) -> None:
    """Prepare a dataset again as a check asks, and go on with the new one.

    The page waits for that: all else on it is drawn before.
    """
    workspace, stricter = state.workspace(), asked.check.fix_settings or {}

    def make(watch: Watch) -> tuple[str, str]:
        mended = refine(dataset, stricter, workspace=workspace, watch=watch)
        # Not the dataset itself, which the session would keep.
        return mended.folder.name if mended.folder else "", mended.name

    with asked.place:
        try:
            folder, name = made_beside(_key(dataset, asked.check), "Preparing it again…", make)
        except Bert4RecError as error:
            state.show_error(error)
            return
    state.choose_dataset(folder)
    begin_at_top()
    st.toast(f"{escape(name)} is ready", icon=":material/check:")
    st.rerun()
