"""The form of a new run in its address."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from bert4rec.policy import POLICY_KINDS
from bert4rec.ui.form_address import FormAddress
from bert4rec.ui.settings import settings_form
from bert4rec.ui.train.train_view import NAME_KEY, show_new
from bert4rec.view.form_link import misfit


def _fill(link: Mapping[str, str]) -> None:
    kind = link.get("for", settings_form.chosen_kind())
    if kind not in POLICY_KINDS:
        raise misfit()
    settings_form.fill_from_link(link)
    st.session_state[settings_form.KIND_KEY] = kind


def _link() -> dict[str, str]:
    kind = settings_form.chosen_kind()
    return settings_form.form_link() | ({"for": kind} if kind != POLICY_KINDS[0] else {})


RUN_FORM = FormAddress(NAME_KEY, settings_form.is_begun, show_new, _fill, _link)
