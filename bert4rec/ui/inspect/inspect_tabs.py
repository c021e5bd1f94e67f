"""What stands below the predictions of Inspect: carriers, what comes next, and the whole run."""

from __future__ import annotations

import numpy as np
import streamlit as st

from bert4rec.attention import place_attention
from bert4rec.explain import occlusion
from bert4rec.held_out.calibration_words import divisor_words
from bert4rec.held_out.kept_temperatures import may_keep
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.inspect import explanation_table, future_view
from bert4rec.ui.inspect.attention_view import draw_attention
from bert4rec.ui.inspect.calibration_view import draw_calibration
from bert4rec.ui.inspect.inspected_model import draw_finding, is_training
from bert4rec.ui.kept_calibration import offer_keeping
from bert4rec.ui.sequences import prediction_cards
from bert4rec.ui.sequences.drafts import Draft

NEXT_KEY = "inspect_next_item"
TOP_K = 10


def draw_carriers(recommender: Recommender, draft: Draft, focus: int) -> None:
    """Draw which items carry the prediction at a hidden place, and where the model looks."""
    titles = [recommender.vocabulary.title(slot.item_idx) for slot in draft.slots]
    st.markdown(f"Which items carry the prediction at place {draft.number(focus)}")
    fall = occlusion(recommender, draft.items, focus, draft.hidden)
    numbers = [draft.number(at) for at in range(len(draft))]
    explanation_table.draw_occlusion(fall, titles, focus, numbers=numbers)
    if st.toggle("Show attention by layer and head", key="inspect_attention"):
        weights = place_attention(recommender, draft.items, focus, draft.hidden)
        draw_attention(weights, titles, numbers)


def draw_next(recommender: Recommender, draft: Draft) -> None:
    """Draw what is expected after the end, and which items carry one of these expectations."""
    vocabulary = recommender.vocabulary
    places = [at for at, slot in enumerate(draft.slots) if not slot.is_hidden]
    shown = [draft.slots[at].item_idx for at in places]
    st.caption(
        "Expected after the last item. Hidden items are left out of the sequence; probabilities "
        "are those of the whole catalogue."
    )
    found = recommender.recommend([vocabulary.item_id(idx) for idx in shown], TOP_K)
    table = prediction_cards.suggestion_table(found)
    prediction_cards.draw_suggestions(table, alt_text="Items expected after the end")
    if not shown or not found:
        return
    by_item = {one.item_idx: one for one in found}
    chosen = st.selectbox(
        "Which items carry the expectation of",
        list(by_item),
        key=NEXT_KEY,
        format_func=lambda idx: (
            f"{by_item[idx].rank + 1} · {by_item[idx].title}" if idx in by_item else str(idx)
        ),
        width=420,
    )
    item = chosen if chosen in by_item else found[0].item_idx
    # The item is put after the last one and hidden there.
    items = np.array([*shown, item], dtype=np.int64)
    fall = occlusion(recommender, items, len(shown))
    titles = [vocabulary.title(idx) for idx in items.tolist()]
    # Called as on the cards above, although what is hidden there is left out here.
    numbers = [draft.number(at) for at in (*places, len(draft.slots))]
    explanation_table.draw_occlusion(fall, titles, len(shown), subject="this item", numbers=numbers)


def draw_sureness(run: Run) -> None:
    """Draw whether the run's probabilities are what they say."""
    found = draw_finding(run, "calibration", "Comparing probabilities with what was hidden…")
    if found is None:
        return
    if not is_training(run):
        kept = run.temperatures()
        draw_calibration(found if kept is None else found.using(kept))
        if may_keep(run):
            st.caption(
                "This is not kept with the run: the composer, reports and commands still tell the "
                "network's own probabilities of it."
            )
            offer_keeping(run, found=found)
        return
    # What stands above is not divided by anything yet.
    draw_calibration(found.using({}))
    if found.temperatures:
        st.caption(
            "At this epoch it would pay to divide scores by "
            f"{divisor_words(found.temperatures, found.most_shown)}: what pays is used once the "
            "run has ended."
        )


def draw_future(run: Run) -> None:
    """Draw whether the future matters on the run's data."""
    found = draw_finding(run, "future", "Hiding items of many users, one at a time…")
    if found is not None:
        future_view.draw_report(found)
