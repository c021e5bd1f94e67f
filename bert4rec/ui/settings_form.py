"""The settings of a new run as widgets; what was given lives in the session as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from bert4rec.errors import SettingsError
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy import POLICY_KINDS, Policy, PolicyKind, dump_policy, load_policy
from bert4rec.presets import PRESETS
from bert4rec.ui import forms
from bert4rec.ui.forms import FormField
from bert4rec.ui.setting_fields import MIN_FIELD_PX, draw_field, draw_problems
from bert4rec.ui.words import escape

DRAFT_KEY = "train_draft"
KEPT_KEY = "train_kept"
KIND_KEY = "train_kind"
PRESET_KEY = "train_preset"
SOURCE_KEY = "train_source"
PROBLEMS_KEY = "train_yaml_problems"
PASTED_KEY = "train_yaml_text"
UPLOADED_KEY = "train_yaml_file"
FIRST_PRESET = "balanced"
EXAMPLE = """policy_configs:
  scoring_policy:
    policy_type: bert4rec
    n_epochs: 20"""
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
    return cast(dict[str, Any], st.session_state[DRAFT_KEY])


def chosen_kind() -> PolicyKind:
    """Return what the new run is for."""
    return cast(PolicyKind, st.session_state.get(KIND_KEY) or POLICY_KINDS[0])


def fill_from_policy(policy: Policy) -> None:
    """Fill the form from a policy; all that it gives stays given."""
    st.session_state[KIND_KEY] = policy.kind
    _fill(policy.settings.given(), source="yaml")
    st.session_state[PRESET_KEY] = None


def _fill(values: dict[str, Any], *, source: str) -> None:
    st.session_state[DRAFT_KEY] = values
    st.session_state[KEPT_KEY] = list(values)
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


def draw_settings() -> tuple[Hyperparameters | None, list[str]]:
    """Draw every setting; return them, or None and what is wrong with them."""
    values = draft()
    _draw_presets(values)
    settings, problems = forms.check_draft(values)
    _draw_fields(forms.common_fields(), problems)
    st.caption("More settings")
    for group, fields in forms.folded_fields().items():
        wrong = forms.problems_of(problems, fields)
        given = sum(field.name in values for field in fields)
        label = f"{group} · {given} set" if given else group
        with st.expander(label, expanded=bool(wrong), key=f"train_group_{group}"):
            _draw_fields(fields, problems)
    return settings, problems


def _draw_presets(values: dict[str, Any]) -> None:
    if PRESET_KEY not in st.session_state:
        source = st.session_state.get(SOURCE_KEY)
        st.session_state[PRESET_KEY] = source if source in PRESETS else None
    st.segmented_control(
        "Start from",
        list(PRESETS),
        format_func=lambda name: PRESETS[name].title,
        key=PRESET_KEY,
        on_change=_take_preset,
        help="Fills all fields. A click on the chosen one undoes later changes.",
        persist_state="session",
    )
    source = str(st.session_state.get(SOURCE_KEY))
    said = PRESETS[source].description if source in PRESETS else "Filled from a policy YAML."
    changes = forms.differences(values)
    listed = ", ".join(f"{title} **{value}** (default: {usual})" for title, value, usual in changes)
    st.caption(said + (f" Differs from the defaults: {listed}." if changes else " All defaults."))


def _take_preset() -> None:
    chosen = str(st.session_state.get(PRESET_KEY) or st.session_state.get(SOURCE_KEY))
    if chosen in PRESETS:
        _fill(forms.preset_draft(chosen), source=chosen)
        st.session_state[PRESET_KEY] = chosen


def _draw_fields(fields: Sequence[FormField], problems: list[str]) -> None:
    with st.grid("auto", min_column_width=MIN_FIELD_PX):
        for field in fields:
            _draw_field(field)
    draw_problems(forms.problems_of(problems, fields))


def _draw_field(field: FormField) -> None:
    value = forms.shown_value(field.name, draft())
    draw_field(field, value, key=f"train_field_{field.name}", on_change=_take_field)


def _take_field(name: str) -> None:
    value = st.session_state.get(f"train_field_{name}")
    if value is None and not forms.form_fields()[name].is_optional:
        return
    kept = st.session_state.get(KEPT_KEY, [])
    st.session_state[DRAFT_KEY] = forms.changed_draft(draft(), kept, name, value)


def draw_policy_in() -> None:
    """Offer to fill the form from a policy YAML; every problem of it is listed at once."""
    st.file_uploader(
        "Policy YAML file",
        type=["yaml", "yml"],
        key=UPLOADED_KEY,
        on_change=_take_file,
        max_upload_size=1,
    )
    st.text_area(
        "Or paste it",
        key=PASTED_KEY,
        height=150,
        placeholder=EXAMPLE,
        persist_state="session",
    )
    st.button("Fill the form", icon=":material/input:", on_click=_take_pasted)
    problems = st.session_state.get(PROBLEMS_KEY)
    if problems:
        lines = "\n".join(f"- {escape(problem)}" for problem in problems)
        st.error(f"The form is unchanged. To be put right:\n\n{lines}", icon=":material/error:")
    elif problems is not None:
        st.success("The form is filled from the policy.", icon=":material/check:")


def _take_file() -> None:
    file = st.session_state.get(UPLOADED_KEY)
    if file is None:
        return
    try:
        text = file.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        st.session_state[PROBLEMS_KEY] = [f"{file.name} is not a text file"]
        return
    _take_yaml(text)


def _take_pasted() -> None:
    _take_yaml(str(st.session_state.get(PASTED_KEY) or ""))


def _take_yaml(text: str) -> None:
    try:
        policy = load_policy(text)
    except SettingsError as error:
        st.session_state[PROBLEMS_KEY] = error.problems
        return
    fill_from_policy(policy)
    st.session_state[PROBLEMS_KEY] = []


def draw_policy_out(policy: Policy, file_name: str) -> None:
    """Show a policy as YAML, to copy or to download."""
    text = dump_policy(policy)
    st.code(text, language="yaml")
    st.download_button(
        "Download YAML",
        text,
        file_name=file_name,
        mime="application/yaml",
        icon=":material/download:",
        on_click="ignore",
    )
