"""The settings of a new run as widgets; what was given lives in the session as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import streamlit as st

from bert4rec import presets
from bert4rec.data.dataset import SequenceDataset
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy import POLICY_KINDS, Policy, PolicyKind
from bert4rec.presets import FIRST_PRESET, MACHINE, PRESETS
from bert4rec.setting_checks import fitting_heads, fitting_widths
from bert4rec.settings_advice import Advice, advise
from bert4rec.ui import cache
from bert4rec.ui.folded import folded
from bert4rec.ui.redrawing import fixed_place
from bert4rec.ui.settings.advice_view import draw_advice, draw_errors
from bert4rec.ui.settings.own_presets import draw_own_presets
from bert4rec.ui.settings.setting_fields import (
    MIN_FIELD_PX,
    WRONG,
    draw_field,
    draw_preset_choice,
    draw_unused,
)
from bert4rec.view import forms
from bert4rec.view.form_link import settings_from_link, settings_link
from bert4rec.view.forms import FormField
from bert4rec.view.markdown import escape
from bert4rec.view.setting_words import value_text
from bert4rec.words import counted

DRAFT_KEY = "train_draft"
KEPT_KEY = "train_kept"
# What a preset or a policy filled the form with, to see what was changed since and to go back.
BASE_KEY = "train_base"
KIND_KEY = "train_kind"
PRESET_KEY = "train_preset"
SOURCE_KEY = "train_source"
# Before the words of a source that is no preset of the project; no preset's name has such a sign.
OTHER = "other:"
# In the box of a field.
CHANGED = ":material/edit:"
# By so much the pop-ups beside the presets are taller below and above.
POPOVER_OVERHANG_PX = 4
KIND_WORDS: dict[PolicyKind, tuple[str, str]] = {
    "scoring_policy": (
        "Scores",
        "The run serves scores: a user or a sequence and candidate items in, a score for each out.",
    ),
    "embedding_policy": (
        "Vectors",
        "The run serves vectors of items and users, for search by similarity elsewhere.",
    ),
}


def draft() -> dict[str, Any]:
    """Return the settings given so far; the first time those of the first preset."""
    if DRAFT_KEY not in st.session_state:
        _fill(forms.preset_draft(FIRST_PRESET), source=FIRST_PRESET)
    # A press on Start right after that on a preset may be told of first.
    chosen = str(st.session_state.get(PRESET_KEY))
    if chosen in PRESETS and chosen != st.session_state.get(SOURCE_KEY):
        _fill(forms.preset_draft(chosen), source=chosen)
    return cast(dict[str, Any], st.session_state[DRAFT_KEY])


def run_name(dataset: str) -> str:
    """Return what a run of these settings is called while it has no name of its own."""
    # First of all: it notices a preset that was pressed just now.
    now, source = draft(), str(st.session_state.get(SOURCE_KEY))
    if source not in PRESETS or forms.changes_from(st.session_state[BASE_KEY], now):
        return f"{dataset} own settings"
    return presets.run_name(dataset, source)


def chosen_kind() -> PolicyKind:
    """Return what the new run is for."""
    return cast(PolicyKind, st.session_state.get(KIND_KEY) or POLICY_KINDS[0])


def fill_from_policy(policy: Policy, source: str = "the policy") -> None:
    """Fill the form from a policy, all of which stays given.

    Args:
        policy: The policy.
        source: Where it came from, in words.
    """
    st.session_state[KIND_KEY] = policy.kind
    _fill(policy.settings.given(), source=f"{OTHER}{source}")
    st.session_state[PRESET_KEY] = None


def is_begun() -> bool:
    """Whether the form holds anything yet in this session."""
    return DRAFT_KEY in st.session_state


def form_link() -> dict[str, str]:
    """Return the parameters of an address that fill the form again; none while it is as it came."""
    now, source = draft(), str(st.session_state.get(SOURCE_KEY))
    if source == FIRST_PRESET and now == st.session_state[BASE_KEY]:
        return {}
    return settings_link(now, source)


def fill_from_link(link: Mapping[str, str]) -> None:
    """Fill the form from an address.

    Raises:
        SettingsError: it is malformed; the form is as it was.
    """
    values, preset = settings_from_link(link)
    if preset:
        _fill(forms.preset_draft(preset), source=preset)
        st.session_state[DRAFT_KEY] = values
    else:
        _fill(values, source=f"{OTHER}the address")


def _fill(values: dict[str, Any], *, source: str) -> None:
    st.session_state[DRAFT_KEY] = values
    st.session_state[KEPT_KEY] = list(values)
    st.session_state[BASE_KEY] = dict(values)
    st.session_state[SOURCE_KEY] = source


def draw_purpose() -> PolicyKind:
    """Ask what the run is for."""
    st.session_state.setdefault(KIND_KEY, POLICY_KINDS[0])
    st.segmented_control(
        "What for",
        POLICY_KINDS,
        format_func=lambda kind: KIND_WORDS[kind][0],
        key=KIND_KEY,
        required=True,
        persist_state="session",
    )
    kind = chosen_kind()
    st.caption(KIND_WORDS[kind][1])
    return kind


def draw_settings(dataset: SequenceDataset) -> tuple[Hyperparameters | None, list[str]]:
    """Draw every setting with what is wrong or doubtful about it for a dataset.

    Returns:
        The settings, or None and what is wrong with them.
    """
    values = draft()
    _draw_presets()
    changes = forms.changes_from(st.session_state[BASE_KEY], values)
    with fixed_place():
        _draw_changes(changes)
    settings, found = advice_on(values, dataset)
    unused = forms.unused_fields(values)
    # What does nothing says so at its field; a value that cannot be is told all the same.
    found = [advice for advice in found if advice.is_error or advice.name not in unused]
    changed = {
        change.field.name: value_text(change.before, change.field.name) for change in changes
    }
    _draw_fields(forms.common_fields(), found, changed)
    st.caption("More settings")
    for group, fields in forms.folded_fields().items():
        names = {field.name for field in fields}
        here = [advice for advice in found if advice.name in names]
        given = sum(name in values for name in names if name not in unused)
        about = f" · {given} set" if given else ""
        about += f" · {counted(len(here), 'note')}" if here else ""
        is_wrong = any(advice.is_error for advice in here)
        key = f"train_group_{group}"
        with folded(group, key=key, about=about, must_open=is_wrong) as is_open:
            if is_open:
                _draw_fields(fields, found, changed)
    wrong = [f"{advice.name}: {advice.message}" for advice in found if advice.is_error]
    return (None if wrong else settings), wrong


def advice_on(
    values: dict[str, Any], dataset: SequenceDataset
) -> tuple[Hyperparameters | None, list[Advice]]:
    """Return the settings, unless one is wrong by itself, and all that is to be said of them."""
    settings, problems = forms.check_draft(values)
    if settings is not None:
        figures = cache.data_figures(dataset), cache.split_figures(dataset, settings)
        return settings, advise(settings, values, *figures)
    return None, [advice for problem in problems for advice in _as_advice(problem, values)]


def _as_advice(problem: str, values: dict[str, Any]) -> list[Advice]:
    """Return a problem of a setting as advice, mended at a click where one value would do."""
    name, _, message = problem.partition(":")
    if "not a multiple" not in message:
        return [Advice(name, message.strip(), is_error=True)]
    width, heads = (forms.shown_value(each, values) for each in ("hidden_size", "n_heads"))
    wider, other = fitting_widths(width, heads)[-1], fitting_heads(width, heads)
    return [
        Advice(name, message.strip(), is_error=True, changes={"hidden_size": wider}),
        Advice("n_heads", f"{other:,} fits hidden_size {width:,}", changes={"n_heads": other}),
    ]


def _draw_presets() -> None:
    if PRESET_KEY not in st.session_state:
        source = st.session_state.get(SOURCE_KEY)
        st.session_state[PRESET_KEY] = source if source in PRESETS else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width="content", gap=None):
            draw_preset_choice(key=PRESET_KEY, on_change=_take_preset, about=preset_help())
            st.space(POPOVER_OVERHANG_PX)
        with st.popover("What it sets", type="tertiary", key="settings_of_preset"):
            _draw_source()
        with st.popover(
            "Your presets", icon=":material/bookmarks:", type="tertiary", key="settings_own_presets"
        ):
            settings, _ = forms.check_draft(draft())
            policy = None if settings is None else Policy(chosen_kind(), settings)
            draw_own_presets(policy, fill_from_policy)
    source = str(st.session_state.get(SOURCE_KEY))
    filled = f"Filled from {_source_words(source)}."
    st.caption(PRESETS[source].description if source in PRESETS else filled)


def _source_words(source: str) -> str:
    """Return what the form was filled from, in words."""
    return PRESETS[source].title if source in PRESETS else escape(source.removeprefix(OTHER))


def _draw_source() -> None:
    changes = forms.differences(st.session_state[BASE_KEY])
    listed = ", ".join(f"{title} **{value}** (default: {usual})" for title, value, usual in changes)
    st.caption(f"{listed}." if changes else "All settings have their defaults.")
    preset = PRESETS.get(str(st.session_state.get(SOURCE_KEY)))
    if preset is None:
        return
    if not preset.measured:
        st.caption("Not measured yet.")
        return
    st.caption(f"Measured on {MACHINE} where no other machine is named:")
    st.caption("\n".join(f"- {escape(found.text)}" for found in preset.measured))


def preset_help() -> str:
    """Return what the presets were seen to reach and to cost, as Markdown."""
    lines = ["Fills all fields. Measured, see *What it sets*:", ""]
    for preset in PRESETS.values():
        found = "; ".join(found.short for found in preset.measured) or "not measured yet"
        lines.append(f"- **{preset.title}**: {found}")
    return "\n".join(lines)


def _draw_changes(changes: Sequence[forms.Change]) -> None:
    if not changes:
        return
    where = _source_words(str(st.session_state.get(SOURCE_KEY)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Changed since *{where}*:", width="content")
        for change in changes:
            before = escape(value_text(change.before, change.field.name))
            st.button(
                f"{change.field.title}: back to {before}",
                icon=":material/undo:",
                type="tertiary",
                key=f"train_back_{change.field.name}",
                on_click=_take_back,
                args=(change.field.name,),
            )
        if len(changes) > 1:
            st.button(
                "All of them",
                icon=":material/undo:",
                type="tertiary",
                key="train_back",
                on_click=_take_all,
            )


def _take_back(name: str) -> None:
    st.session_state[DRAFT_KEY] = forms.taken_back(draft(), st.session_state[BASE_KEY], name)


def _take_all() -> None:
    _fill(dict(st.session_state[BASE_KEY]), source=str(st.session_state[SOURCE_KEY]))


def _take_changes(changes: dict[str, Any]) -> None:
    kept = st.session_state.get(KEPT_KEY, [])
    for name, value in changes.items():
        st.session_state[DRAFT_KEY] = forms.changed_draft(draft(), kept, name, value)


def _take_preset() -> None:
    chosen = str(st.session_state.get(PRESET_KEY) or st.session_state.get(SOURCE_KEY))
    if chosen in PRESETS:
        _fill(forms.preset_draft(chosen), source=chosen)
        st.session_state[PRESET_KEY] = chosen


def _draw_fields(
    fields: Sequence[FormField], found: Sequence[Advice], changed: dict[str, str]
) -> None:
    names = {field.name for field in fields}
    here = [advice for advice in found if advice.name in names]
    wrong = {advice.name for advice in here if advice.is_error}
    unused = {name: why for name, why in forms.unused_fields(draft()).items() if name not in wrong}
    with st.grid("auto", min_column_width=MIN_FIELD_PX):
        for field in fields:
            icon = WRONG if field.name in wrong else CHANGED if field.name in changed else None
            # What is wrong stands at its field, what is doubtful below all of them.
            with fixed_place():
                _draw_field(_told(field, changed.get(field.name)), unused.get(field.name, ""), icon)
                draw_errors([one for one in here if one.name == field.name], _take_changes)
    draw_unused(fields, unused)
    with fixed_place():
        for advice in here:
            if not advice.is_error:
                draw_advice(advice, _take_changes)


def _told(field: FormField, before: str | None) -> FormField:
    """Return a field whose help says what it was before it was changed."""
    if before is None:
        return field
    return replace(field, help=f"{field.help}\n\nChanged; it was {escape(before)}.")


def _draw_field(field: FormField, why_unused: str, icon: str | None) -> None:
    draw_field(
        field,
        forms.shown_value(field.name, draft()),
        key=f"train_field_{field.name}",
        on_change=_take_field,
        why_unused=why_unused,
        icon=icon,
    )


def _take_field(name: str) -> None:
    value = st.session_state.get(f"train_field_{name}")
    if value is None and not forms.form_fields()[name].is_optional:
        return
    kept = st.session_state.get(KEPT_KEY, [])
    st.session_state[DRAFT_KEY] = forms.changed_draft(draft(), kept, name, value)
