"""A search as YAML, in and out, and as a command line."""

from __future__ import annotations

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import SettingsError
from bert4rec.search_plan import SearchPlan, dump_plan, load_plan
from bert4rec.ui import search_form, state
from bert4rec.ui.search_draft import draft_of, sweep_command
from bert4rec.ui.words import escape

PROBLEMS_KEY = "search_yaml_problems"
PASTED_KEY = "search_yaml_text"
UPLOADED_KEY = "search_yaml_file"
EXAMPLE = """search:
  preset: balanced
  trials: 30
  space:
    learning_rate: {low: 3e-4, high: 5e-3, log: true}
    hidden_size: [32, 64, 128]"""


def draw_files(dataset: SequenceDataset, plan: SearchPlan | None, name: str) -> None:
    """Offer to fill the form from a search file, and the form as a file and as a command."""
    with st.expander("Search YAML and command", icon=":material/code:"):
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**Fill the form**")
            _draw_in()
        if plan is None:
            return
        with right:
            st.markdown("**This form as a search file**")
            draw_plan_out(plan, f"{name}.yaml")
            st.markdown("**This form as a command**")
            folder = dataset.folder.name if dataset.folder else dataset.name
            command = sweep_command(
                plan,
                preset=search_form.draft().source,
                dataset=folder,
                workspace=state.workspace(),
                name=name,
            )
            st.code(command, language="shell", wrap_lines=True)


def draw_plan_out(plan: SearchPlan, file_name: str) -> None:
    """Show a plan as YAML, to copy or to download."""
    text = dump_plan(plan)
    st.code(text, language="yaml")
    st.download_button(
        "Download YAML",
        text,
        file_name=file_name,
        mime="application/yaml",
        icon=":material/download:",
        on_click="ignore",
    )


def _draw_in() -> None:
    st.file_uploader(
        "Search YAML file",
        type=["yaml", "yml"],
        key=UPLOADED_KEY,
        on_change=_take_file,
        max_upload_size=1,
    )
    st.text_area(
        "Or paste it", key=PASTED_KEY, height=190, placeholder=EXAMPLE, persist_state="session"
    )
    st.button("Fill the form", icon=":material/input:", on_click=_take_pasted)
    problems = st.session_state.get(PROBLEMS_KEY)
    if problems:
        lines = "\n".join(f"- {escape(problem)}" for problem in problems)
        st.error(f"The form is unchanged. To be put right:\n\n{lines}", icon=":material/error:")
    elif problems is not None:
        st.success("The form is filled from the search file.", icon=":material/check:")


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
        plan = load_plan(text)
    except SettingsError as error:
        st.session_state[PROBLEMS_KEY] = error.problems
        return
    search_form.fill(draft_of(plan))
    st.session_state[PROBLEMS_KEY] = []
