"""A search as YAML, in and out, and as a command line."""

from __future__ import annotations

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.search.plan import SearchPlan, dump_plan, load_plan
from bert4rec.ui import state
from bert4rec.ui.folded import folded
from bert4rec.ui.search import search_form
from bert4rec.ui.search.search_draft import draft_of, sweep_command
from bert4rec.ui.settings.yaml_exchange import Target, draw_yaml_in, draw_yaml_out

EXAMPLE = """search:
  preset: balanced
  trials: 30
  space:
    learning_rate: {low: 3e-4, high: 5e-3, log: true}
    hidden_size: [32, 64, 128]"""


def draw_files(dataset: SequenceDataset, plan: SearchPlan | None, name: str) -> None:
    """Offer to fill the form from a search file, and the form as a file and as a command."""
    with folded("Search YAML and command", key="search_files", icon=":material/code:") as is_open:
        if not is_open:
            return
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**From a search file to the form**")
            target = Target("search", _fill, search_form.draft)
            draw_yaml_in(target, noun="search", example=EXAMPLE)
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


def _fill(text: str) -> None:
    search_form.fill(draft_of(load_plan(text)))


def draw_plan_out(plan: SearchPlan, file_name: str) -> None:
    """Show a plan as YAML, to copy or to download."""
    draw_yaml_out(dump_plan(plan), file_name)
