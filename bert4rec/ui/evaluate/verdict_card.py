"""Whether BERT4Rec is the right model for the data, as a card of sentences."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from bert4rec.comparing.comparison import Comparison
from bert4rec.comparing.verdict import Verdict, reach_verdict
from bert4rec.ui import state
from bert4rec.ui.folded import folded
from bert4rec.ui.train.train_longer import LABEL
from bert4rec.view.markdown import escape

ICONS = {
    "suits": ":material/check_circle:",
    "gaps": ":material/join_full:",
    "next_item": ":material/arrow_forward:",
    "similarity": ":material/join_inner:",
    "popularity": ":material/trending_up:",
    "short": ":material/short_text:",
    "train_longer": ":material/more_time:",
}
NO_VERDICT = ":material/help:"


def draw_verdict(comparison: Comparison) -> None:
    """Draw the verdict and what speaks for it, the figures in full folded away."""
    titles = tuple(one.title for one in comparison.entrants.values())
    verdict = _verdict(comparison.id, titles, comparison)
    with st.container(border=True):
        icon = ICONS.get(verdict.name, NO_VERDICT)
        st.markdown(f"##### {icon} {escape(verdict.headline)}", anchors=False)
        st.markdown(_listed(finding.text for finding in verdict.findings))
        if verdict.name == "train_longer":
            _draw_way_to_training(verdict.model)
        details = [finding.detail for finding in verdict.findings if finding.detail]
        if details:
            with folded("Its figures in full", key=f"evaluate_verdict_{comparison.id}") as is_open:
                if is_open:
                    st.markdown(_listed(details))


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)


def _draw_way_to_training(run_id: str) -> None:
    """Link to the page of a run that is still there, where it can be trained longer."""
    if any(row.run_id == run_id for row in state.run_rows()):
        st.page_link(
            "pages/train.py",
            label=LABEL,
            icon=":material/more_time:",
            query_params={"run": run_id},
            help="Opens the run, which can go on for more epochs from where it ended.",
        )


@st.cache_data(max_entries=16, show_spinner="Weighing what was measured…")
def _verdict(comparison_id: str, titles: tuple[str, ...], _comparison: Comparison) -> Verdict:
    return reach_verdict(_comparison)
