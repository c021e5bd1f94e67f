"""What is wrong or doubtful about a setting, with a button where a click mends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from bert4rec.settings_advice import Advice
from bert4rec.ui.settings.setting_fields import draw_wrong
from bert4rec.view import forms
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import titled, value_text
from bert4rec.words import sentence

# What is to be said of a field, and the button that mends it.
WIDTHS = (3, 1)
Mend = Callable[[dict[str, Any]], None]


def draw_errors(found: Sequence[Advice], mend: Mend) -> None:
    """Draw what is wrong with a field, right below it.

    Args:
        found: What is to be said of the field.
        mend: Called with the values that mend it, by name.
    """
    for advice in found:
        if advice.is_error:
            draw_wrong(advice.message)
            _draw_mend(advice, mend)


def draw_advice(advice: Advice, mend: Mend) -> None:
    """Draw what is doubtful about a field, below all of them.

    Args:
        advice: What is to be said.
        mend: Called with the values that mend it, by name.
    """
    text = escape(sentence(titled(f"{advice.name}: {advice.message}")))
    if not advice.changes:
        st.caption(f":material/lightbulb: {text}")
        return
    words, button = st.columns(WIDTHS, vertical_alignment="center")
    words.caption(f":material/lightbulb: {text}")
    with button:
        _draw_mend(advice, mend)


def _draw_mend(advice: Advice, mend: Mend) -> None:
    if not advice.changes:
        return
    st.button(
        _mending(advice),
        icon=":material/check:",
        type="tertiary",
        key=f"train_mend_{advice.name}",
        on_click=mend,
        args=(advice.changes,),
    )


def _mending(advice: Advice) -> str:
    """Return what a click would set, in few words."""
    fields = forms.form_fields()
    return ", ".join(
        f"Use {escape(value_text(value, name))}"
        if name == advice.name
        else f"{fields[name].title} {escape(value_text(value, name))}"
        for name, value in advice.changes.items()
    )
