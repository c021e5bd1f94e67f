"""The form of the settings filled from a policy YAML, and written as one."""

from __future__ import annotations

import streamlit as st

from bert4rec.errors import SettingsError
from bert4rec.policy import Policy, dump_policy, load_policy
from bert4rec.ui.settings_form import fill_from_policy
from bert4rec.ui.words import escape

PROBLEMS_KEY = "train_yaml_problems"
PASTED_KEY = "train_yaml_text"
UPLOADED_KEY = "train_yaml_file"
EXAMPLE = """policy_configs:
  scoring_policy:
    policy_type: bert4rec
    n_epochs: 20"""


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
