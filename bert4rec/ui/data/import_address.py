"""What is filled in on the way from a log to a dataset, in the address of the page."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import streamlit as st

from bert4rec.data.filters import PrepareSettings
from bert4rec.ui.address import IMPORT_NAMES, read_address, write_address
from bert4rec.view.import_link import EVENTS, ImportDraft, import_from_link, import_link

# What the address filled in when this session came to the page, until another log is chosen.
TOLD_KEY = "import_told"
# What the boxes hold other than they come; those that are not drawn now as they were last.
HELD_KEY = "import_held"
# The log that these are about; none before the first one is there.
ABOUT_KEY = "import_about"
FORM, NAME = "form", "name"


def follow_import() -> None:
    """Take up what the address fills in.

    Raises:
        SettingsError: the address is malformed; the form is as it comes.
    """
    draft = import_from_link(read_address(IMPORT_NAMES))
    texts = {FORM: draft.form, NAME: draft.name}
    told = {field: text for field, text in texts.items() if text}
    st.session_state[TOLD_KEY] = told | dict(draft.columns) | dict(draft.settings)
    st.session_state[HELD_KEY] = dict(st.session_state[TOLD_KEY])


def begin_import(log: Path | None) -> None:
    """Begin to draw the form of a log; what was filled in for another one is forgotten."""
    before = st.session_state.get(ABOUT_KEY)
    st.session_state[ABOUT_KEY] = log
    if before not in (None, log):
        st.session_state[TOLD_KEY], st.session_state[HELD_KEY] = {}, {}


def told(field: str, usual: Any, among: Collection[Any] | None = None) -> Any:
    """Return what a box holds when it is first drawn: what the address told, if that fits.

    Args:
        field: A setting of `PrepareSettings`, a role, `id` or `title` of the item table, `FORM` or
            `NAME`.
        usual: What it holds by itself.
        among: What can be chosen, if that is limited.
    """
    value = st.session_state.get(TOLD_KEY, {}).get(field, usual)
    if among is None:
        return value
    if field == EVENTS:
        return [event for event in value if event in among]
    return value if value in among else usual


def hold(field: str, value: Any, usual: Any = None) -> None:
    """Keep for the address what a box holds, if it is not as it comes."""
    held = st.session_state.setdefault(HELD_KEY, {})
    held.pop(field, None)
    if value not in (None, usual):
        held[field] = value


def write_import(log: dict[str, str]) -> None:
    """Put into the address where the log lies and what was filled in."""
    write_address(log | import_link(_draft()), IMPORT_NAMES)


def _draft() -> ImportDraft:
    held = dict(st.session_state.get(HELD_KEY, {}))
    form, name = held.pop(FORM, ""), held.pop(NAME, "")
    settings = {field: held.pop(field) for field in PrepareSettings.model_fields if field in held}
    return ImportDraft(form, held, settings, name)
