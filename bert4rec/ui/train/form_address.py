"""The form of a new run in its address: there again after a reload, and for who gets the link."""

from __future__ import annotations

import streamlit as st

from bert4rec.policy import POLICY_KINDS
from bert4rec.ui.address import FORM_NAMES, read_address
from bert4rec.ui.data_link import name_data
from bert4rec.ui.settings import settings_form
from bert4rec.ui.train.train_view import NAME_KEY, show_new
from bert4rec.view.form_link import misfit, name_from_link


def follow_form() -> None:
    """Fill the form from the address, unless this session has begun one.

    Raises:
        SettingsError: the address is malformed; the form is as it comes.
    """
    link = read_address(FORM_NAMES)
    if not link or settings_form.is_begun():
        return
    show_new()
    kind, name = link.get("for", settings_form.chosen_kind()), name_from_link(link)
    if kind not in POLICY_KINDS:
        raise misfit()
    settings_form.fill_from_link(link)
    st.session_state[settings_form.KIND_KEY] = kind
    st.session_state[NAME_KEY] = name


def name_form() -> None:
    """Put the form into the address, beside its dataset."""
    kind, name = settings_form.chosen_kind(), str(st.session_state.get(NAME_KEY) or "")
    link = settings_form.form_link()
    link |= {"for": kind} if kind != POLICY_KINDS[0] else {}
    link |= {"name": name} if name.strip() else {}
    name_data(link, FORM_NAMES)
