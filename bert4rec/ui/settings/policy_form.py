"""The form of the settings filled from a policy YAML, and written as one."""

from __future__ import annotations

from bert4rec.policy import Policy, dump_policy, load_policy
from bert4rec.ui.settings.settings_form import chosen_kind, draft, fill_from_policy
from bert4rec.ui.settings.yaml_exchange import Target, draw_yaml_in, draw_yaml_out

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
    draw_yaml_out(dump_policy(policy), file_name)
