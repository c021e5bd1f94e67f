"""A form filled from YAML, uploaded or pasted, and shown as YAML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from bert4rec.errors import SettingsError
from bert4rec.view.markdown import escape

MAX_FILE_MB = 1


@dataclass(frozen=True)
class Target:
    """A form that can be filled from YAML.

    Args:
        form: Where its widgets keep what was given.
        fill: Fills it from a text; a `SettingsError` leaves it as it is.
        held: What it holds now.
    """

    form: str
    fill: Callable[[str], None]
    held: Callable[[], object]


def draw_yaml_in(target: Target, *, noun: str, example: str) -> None:
    """Offer to fill a form from YAML; every problem of it is listed at once.

    Args:
        target: The form.
        noun: What the YAML is, such as `policy`.
        example: Shown while nothing is pasted.
    """
    uploaded, pasted = f"{target.form}_yaml_file", f"{target.form}_yaml_text"
    st.file_uploader(
        f"{noun.capitalize()} YAML file",
        type=["yaml", "yml"],
        key=uploaded,
        on_change=_take_file,
        args=(target,),
        max_upload_size=MAX_FILE_MB,
    )
    st.text_area(
        "Or paste it", key=pasted, height=170, placeholder=example, persist_state="session"
    )
    st.button("Fill the form", icon=":material/input:", on_click=_take_pasted, args=(target,))
    refusal, held = st.session_state.get(_outcome(target), (None, None))
    if held != target.held():
        # Filled by something else since, or changed by hand.
        return
    if refusal:
        st.error(refusal, icon=":material/error:")
    else:
        st.success(f"The form is filled from the {noun}.", icon=":material/check:")


def _refusal(error: SettingsError) -> str:
    """Return problems as a list, and below it what to do; its lines after the first are YAML."""
    lines = "\n".join(f"- {escape(_begun(problem))}" for problem in error.problems)
    advice, _, yaml = (error.fix or "").partition("\n")
    block = f"\n```yaml\n{yaml}\n```" if yaml else ""
    told = f"The form is unchanged. To be put right:\n\n{lines}"
    return f"{told}\n\n{escape(advice)}{block}" if advice else told


def _begun(problem: str) -> str:
    """Return a problem with a capital, unless it begins with a name of the YAML."""
    first = problem.split(" ", 1)[0]
    is_name = first.endswith(":") or "_" in first
    return problem if is_name else problem[:1].upper() + problem[1:]


def _outcome(target: Target) -> str:
    return f"{target.form}_yaml_outcome"


def _take_file(target: Target) -> None:
    file = st.session_state.get(f"{target.form}_yaml_file")
    if file is None:
        return
    try:
        text = file.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        _keep(target, _refusal(SettingsError([f"{file.name} is not a text file"])))
        return
    _take(target, text)


def _take_pasted(target: Target) -> None:
    _take(target, str(st.session_state.get(f"{target.form}_yaml_text") or ""))


def _take(target: Target, text: str) -> None:
    try:
        target.fill(text)
    except SettingsError as error:
        _keep(target, _refusal(error))
    else:
        _keep(target, "")


def _keep(target: Target, refusal: str) -> None:
    st.session_state[_outcome(target)] = (refusal, target.held())


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
