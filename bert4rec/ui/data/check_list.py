"""The checks of a dataset as a list, each with what to do and, where it can be mended, a button."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from bert4rec.data.check import Check
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.refine import refine
from bert4rec.errors import Bert4RecError
from bert4rec.ui import state
from bert4rec.ui.data.page_top import begin_at_top
from bert4rec.view.markdown import escape
from bert4rec.words import sentence

BADGES = {
    "error": ":red-badge[:material/error: Error]",
    "warning": ":orange-badge[:material/warning: Warning]",
    "info": ":blue-badge[:material/info: Note]",
}


def draw_checks(dataset: SequenceDataset, checks: Sequence[Check]) -> None:
    """Draw what to know of a dataset before training, gravest first."""
    if not checks:
        st.caption(":material/check: The checks found nothing to mend.")
        return
    with st.container(border=True):
        st.markdown("**Before training**")
        for place, check in enumerate(checks):
            _draw_check(dataset, check, place)


def _draw_check(dataset: SequenceDataset, check: Check, place: int) -> None:
    row = st.container(horizontal=True, vertical_alignment="center")
    text = f"**{escape(sentence(check.message))}** {escape(sentence(check.fix))}"
    row.markdown(f"{BADGES[check.level]} {text}", width="stretch")
    if check.fix_settings is None:
        return
    if row.button(
        check.fix_label,
        key=f"fix_{dataset.fingerprint}_{place}",
        icon=":material/filter_alt:",
        help="Makes a new dataset of this one; this one stays.",
    ):
        _mend(dataset, check)


def _mend(dataset: SequenceDataset, check: Check) -> None:
    try:
        with st.spinner("Preparing it again…", show_time=True):
            mended = refine(dataset, check.fix_settings or {}, workspace=state.workspace())
    except Bert4RecError as error:
        state.show_error(error)
        return
    state.choose_dataset(mended.folder.name if mended.folder else "")
    begin_at_top()
    st.toast(f"{escape(mended.name)} is ready", icon=":material/check:")
    st.rerun()
