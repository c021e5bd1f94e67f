"""The form of the settings filled from a policy YAML, and written as one."""

from __future__ import annotations

import streamlit as st

from bert4rec.policy import Policy, dump_policy, dump_whole_policy, load_policy, own_settings
from bert4rec.ui.settings.settings_form import chosen_kind, draft, fill_from_policy
from bert4rec.ui.settings.yaml_exchange import Target, draw_yaml_in, draw_yaml_out
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import titled

EXAMPLE = """policy_configs:
  scoring_policy:
    policy_type: bert4rec
    n_epochs: 20"""


def draw_policy_in() -> None:
    """Offer to fill the form from a policy YAML; every problem of it is listed at once."""
    draw_yaml_in(Target("train", _fill, _held), noun="policy", example=EXAMPLE)


def _fill(text: str) -> None:
    fill_from_policy(load_policy(text))


def _held() -> object:
    return (draft(), chosen_kind())


def draw_policy_out(policy: Policy, file_name: str) -> None:
    """Show a policy as YAML, to copy or to download."""
    is_whole = st.toggle(
        "All settings of the policy",
        key=f"whole_{file_name}",
        help="Every name of the policy, those that have their defaults too, for handing it over. "
        "Settings that only this project has are left out.",
    )
    draw_yaml_out(dump_whole_policy(policy) if is_whole else dump_policy(policy), file_name)
    if is_whole and (own := own_settings(policy)):
        st.caption(f"Left out, as no other policy knows them: {escape(titled(', '.join(own)))}.")
