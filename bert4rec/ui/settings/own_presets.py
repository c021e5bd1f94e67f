"""Presets of one's own beside the form: kept, used again, deleted."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bert4rec.files import MAX_SAFE_NAME
from bert4rec.own_presets import OwnPreset, delete_preset, own_presets, save_preset
from bert4rec.policy import Policy
from bert4rec.ui import state
from bert4rec.ui.presses import forget_press, once
from bert4rec.ui.refusals import carry_out, show_refusal
from bert4rec.view.forms import differences
from bert4rec.view.markdown import escape
from bert4rec.words import counted

NAME_KEY, PROBLEM_KEY = "own_preset_name", "own_preset_problem"
# What is kept at a press, and the name and settings that the last one was about.
PRESS, MEANT_KEY = "preset", "own_preset_meant"
# A name beside the button that deletes it.
ROW_WIDTHS = (5, 1)


def draw_own_presets(policy: Policy | None, fill: Callable[[Policy, str], None]) -> None:
    """Offer the presets of the workspace, and to keep what the form holds as one.

    Args:
        policy: What the form holds; None while it is wrong.
        fill: Fills the form from a preset of that name.
    """
    found = own_presets(state.workspace())
    for preset in found:
        _draw_one(preset, fill)
    if not found:
        st.caption("What you keep here is there for everyone who works in this workspace.")
    st.text_input(
        "Keep these settings as",
        key=NAME_KEY,
        max_chars=MAX_SAFE_NAME,
        placeholder="Name of the preset",
        persist_state="session",
    )
    st.button(
        "Keep",
        icon=":material/bookmark_add:",
        key="own_preset_keep",
        disabled=policy is None,
        on_click=_keep,
        args=(policy,),
        help=None if policy is not None else "Once the settings are right.",
    )
    show_refusal(PROBLEM_KEY)


def _draw_one(preset: OwnPreset, fill: Callable[[Policy, str], None]) -> None:
    use, remove = st.columns(ROW_WIDTHS, vertical_alignment="center")
    if preset.policy is not None:
        n_set = len(differences(preset.policy.settings.given()))
        use.button(
            escape(preset.name),
            icon=":material/bookmark:",
            key=f"own_preset_use_{preset.name}",
            on_click=fill,
            args=(preset.policy, f"your preset {preset.name}"),
            help=f"{counted(n_set, 'setting')} other than the default.",
            width="stretch",
        )
    else:
        use.error(f"**{escape(preset.name)}** {escape(preset.problem)}")
    remove.button(
        "",
        icon=":material/delete:",
        type="tertiary",
        key=f"own_preset_delete_{preset.name}",
        on_click=carry_out,
        args=(PROBLEM_KEY, _delete, preset.name),
        help=f"Delete the preset {escape(preset.name)}",
    )


def _delete(name: str) -> None:
    delete_preset(state.workspace(), name)
    # Who keeps the same once more means it.
    st.session_state.pop(MEANT_KEY, None)


def _keep(policy: Policy) -> None:
    def keep() -> None:
        workspace, name = state.workspace(), str(st.session_state.get(NAME_KEY) or "")
        meant = name, policy
        # The second press of two finds the same name, or the box emptied by the first.
        if name and meant != st.session_state.get(MEANT_KEY):
            forget_press(PRESS)
            st.session_state[MEANT_KEY] = meant
        kept = once(PRESS, lambda: save_preset(workspace, name, policy))
        st.session_state[NAME_KEY] = ""
        st.toast(f"Kept as {escape(kept.stem)}", icon=":material/bookmark_added:")

    carry_out(PROBLEM_KEY, keep)
