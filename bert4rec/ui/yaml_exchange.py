"""A form filled from YAML, uploaded or pasted, and shown as YAML."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from bert4rec.errors import SettingsError
from bert4rec.ui.words import escape

MAX_FILE_MB = 1


def draw_yaml_in(form: str, *, noun: str, example: str, fill: Callable[[str], None]) -> None:
    """Offer to fill a form from YAML; every problem of it is listed at once.

    Args:
        form: Where the widgets of this form keep what was given.
        noun: What the YAML is, such as `policy`.
        example: Shown while nothing is pasted.
        fill: Fills the form from a text; a `SettingsError` leaves it as it is.
    """
    uploaded, pasted = f"{form}_yaml_file", f"{form}_yaml_text"
    st.file_uploader(
        f"{noun.capitalize()} YAML file",
        type=["yaml", "yml"],
        key=uploaded,
        on_change=_take_file,
        args=(form, fill),
        max_upload_size=MAX_FILE_MB,
    )
    st.text_area(
        "Or paste it", key=pasted, height=170, placeholder=example, persist_state="session"
    )
    st.button("Fill the form", icon=":material/input:", on_click=_take_pasted, args=(form, fill))
    problems = st.session_state.get(_problems(form))
    if problems:
        lines = "\n".join(f"- {escape(problem)}" for problem in problems)
        st.error(f"The form is unchanged. To be put right:\n\n{lines}", icon=":material/error:")
    elif problems is not None:
        st.success(f"The form is filled from the {noun}.", icon=":material/check:")


def _problems(form: str) -> str:
    return f"{form}_yaml_problems"


def _take_file(form: str, fill: Callable[[str], None]) -> None:
    file = st.session_state.get(f"{form}_yaml_file")
    if file is None:
        return
    try:
        text = file.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        st.session_state[_problems(form)] = [f"{file.name} is not a text file"]
        return
    _take(form, fill, text)


def _take_pasted(form: str, fill: Callable[[str], None]) -> None:
    _take(form, fill, str(st.session_state.get(f"{form}_yaml_text") or ""))


def _take(form: str, fill: Callable[[str], None], text: str) -> None:
    try:
        fill(text)
    except SettingsError as error:
        st.session_state[_problems(form)] = error.problems
        return
    st.session_state[_problems(form)] = []


def draw_yaml_out(text: str, file_name: str) -> None:
    """Show YAML, to copy or to download."""
    st.code(text, language="yaml")
    st.download_button(
        "Download YAML",
        text,
        file_name=file_name,
        mime="application/yaml",
        icon=":material/download:",
        on_click="ignore",
    )
