"""One setting as a widget, for every form that asks for settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from bert4rec.presets import PRESETS
from bert4rec.ui.redrawing import fixed_place
from bert4rec.view.forms import FormField
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import titled, unset_word, value_text, valued
from bert4rec.words import sentence

MIN_FIELD_PX = 155
# A switch has its label beside it: so much lower it stands as high as the boxes.
SWITCH_DROP_PX = 32
# In the box of a field whose value cannot be.
WRONG = ":material/error:"
# A browser's numbers are exact up to here.
MAX_EXACT_INT = 2**53 - 1
# What a box that must hold a number says of itself once it was emptied: the least it may hold.
EMPTIED = -MAX_EXACT_INT


def draw_preset_choice(*, key: str, on_change: Callable[[], None], about: str) -> None:
    """Let a visitor fill a form from a preset.

    Args:
        key: Where the choice is kept.
        on_change: Called once another one was chosen.
        about: What is said of it to who asks.
    """
    st.segmented_control(
        "Start from",
        list(PRESETS),
        format_func=lambda name: PRESETS[name].title,
        key=key,
        on_change=on_change,
        help=about,
        persist_state="session",
    )


def draw_field(
    field: FormField,
    value: Any,
    *,
    key: str,
    on_change: Callable[[str], None],
    title: str | None = None,
    why_unused: str = "",
    icon: str | None = None,
) -> None:
    """Draw the widget of a setting.

    Args:
        field: The setting.
        value: What it shows, whatever the widget held before.
        key: Where the widget keeps what is typed.
        on_change: Called with the name of the setting once something was typed.
        title: Label in place of the setting's own.
        why_unused: Why it does nothing beside the other settings, which lets nobody type.
        icon: Drawn in its box to say that it is changed. A switch has none and says it in words. A
            mark in the label would be read out by a screen reader, as markup.
    """

    def take(name: str) -> None:
        # An emptied box tells nothing: the number before comes back.
        if st.session_state.get(key) != EMPTIED:
            on_change(name)

    label = title or field.title
    common: dict[str, Any] = {
        "key": key,
        "help": valued(f"Not used, as {why_unused}.\n\n{field.help}" if why_unused else field.help),
        "disabled": bool(why_unused),
        "on_change": take,
        "args": (field.name,),
    }
    if field.kind in ("integer", "number"):
        _draw_number(field, label, value, common | {"icon": icon})
        return
    # The draft is the truth; the widget follows it, also after a preset or a YAML.
    st.session_state[key] = value
    if field.kind == "switch":
        with st.container(gap=None):
            st.space(SWITCH_DROP_PX)
            st.toggle(f"{label} · changed" if icon else label, **common)
    elif field.kind == "choice":
        index = None if field.is_optional else 0
        unset = unset_word(field.name)
        st.selectbox(
            label,
            field.choices,
            index=index,
            format_func=lambda value: value_text(value, field.name),
            placeholder=unset,
            icon=icon,
            **common,
        )
    else:
        st.text_input(label, icon=icon, **common)


def _draw_number(field: FormField, label: str, value: Any, common: dict[str, Any]) -> None:
    if value is not None and abs(value) > MAX_EXACT_INT:
        st.text_input(label, str(value), disabled=True, help="Too large for a form; kept.")
        return
    kind = int if field.kind == "integer" else float
    st.session_state[common["key"]] = None if value is None else kind(value)
    unset: dict[str, Any] = {"value": None, "placeholder": unset_word(field.name)}
    # Not the setting's own limits: a browser keeps a number beyond these to itself.
    st.number_input(
        label,
        min_value=kind(EMPTIED),
        max_value=kind(MAX_EXACT_INT),
        step=kind(field.step),
        format="%d" if kind is int else "%.6g",
        **(unset if field.is_optional else {}),
        **common,
    )


def draw_unused(fields: Sequence[FormField], unused: Mapping[str, str]) -> None:
    """Say which of some fields do nothing beside the other settings, and why."""
    titles: dict[str, list[str]] = {}
    for field in fields:
        if field.name in unused:
            titles.setdefault(unused[field.name], []).append(field.title)
    with fixed_place():
        for why, named in titles.items():
            st.caption(f":material/block: Not used, as {why}: {' and '.join(named)}.")


def draw_refusal(label: str, problems: Sequence[str]) -> None:
    """Draw a button that cannot be pressed yet, and why.

    Args:
        label: What it would do.
        problems: What is wrong, a line each.
    """
    st.button(label, type="primary", disabled=True, width="stretch")
    lines = "\n".join(f"- {escape(sentence(titled(problem)))}" for problem in problems)
    st.error(f"To be put right first:\n\n{lines}")


def draw_wrong(message: str) -> None:
    """Draw what is wrong with a field, right below it.

    Args:
        message: What is wrong; settings are named as in the model.
    """
    st.error(escape(sentence(titled(message))))


def draw_problems(problems: Sequence[str]) -> None:
    """Draw what is wrong with some settings, in the labels of the form."""
    with fixed_place():
        for problem in problems:
            st.error(escape(sentence(titled(problem))), icon=":material/error:")
