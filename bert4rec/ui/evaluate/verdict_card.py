"""Whether BERT4Rec is the right model for the data, as a card of sentences."""

from __future__ import annotations

import streamlit as st

from bert4rec.comparing.comparison import Comparison
from bert4rec.comparing.verdict import Advice, advise
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


def draw_advice(comparison: Comparison) -> None:
    """Draw the verdict and what speaks for it, each sentence with its figure."""
    advice = _advice(comparison.id, comparison)
    with st.container(border=True):
        icon = ICONS.get(advice.verdict, NO_VERDICT)
        st.markdown(f"##### {icon} {escape(advice.headline)}", anchors=False)
        st.markdown("\n".join(f"- {escape(finding.text)}" for finding in advice.findings))


@st.cache_data(max_entries=16, show_spinner="Weighing what was measured…")
def _advice(comparison_id: str, _comparison: Comparison) -> Advice:
    return advise(_comparison)
