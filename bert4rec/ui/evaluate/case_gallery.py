"""Wins and losses as cards: history, what came next, and both lists."""

from __future__ import annotations

import streamlit as st

from bert4rec.comparing.cases import Case, wins
from bert4rec.comparing.comparison import Comparison
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.ui.sequences.prediction_cards import ordinal
from bert4rec.view.markdown import escape
from bert4rec.words import counted

N_CASES = 4
N_LISTED = 5
MIN_CARD_PX = 320


def draw_cases(
    comparison: Comparison, dataset: SequenceDataset, part: str, one: str, other: str
) -> None:
    """Draw the users to whom one gives most more than another, and those the other way round."""
    titles = comparison.entrants[one].title, comparison.entrants[other].title
    if one == other:
        st.caption("Choose two different ones.")
        return
    for first, second in ((one, other), (other, one)):
        names = (titles[0], titles[1]) if first == one else (titles[1], titles[0])
        st.markdown(f"**{escape(names[0])} ranks what came next higher than {escape(names[1])}**")
        found = wins(comparison, dataset, first, second, n=N_CASES, part=part)
        if not found:
            st.caption("There is no such user.")
            continue
        cards = st.grid(2, min_column_width=MIN_CARD_PX)
        for case in found:
            with cards.container(border=True, height="stretch"):
                _draw_case(case, dataset, names)


def _draw_case(case: Case, dataset: SequenceDataset, names: tuple[str, str]) -> None:
    vocabulary = dataset.vocabulary
    user = escape(dataset.user_id(case.user_idx))
    st.markdown(f"**User {user}** · next came **{escape(vocabulary.title(case.true_idx))}**")
    before = f"{counted(case.n_before, 'item')}, then " if case.n_before else ""
    newest = " → ".join(escape(vocabulary.title(item)) for item in case.newest)
    st.caption(f"{before}{newest}")
    left, right = st.columns(2)
    for column, name, rank, items in (
        (left, names[0], case.one_rank, case.one_list),
        (right, names[1], case.other_rank, case.other_list),
    ):
        with column:
            st.caption(f"{escape(name)}: {ordinal(rank + 1)}")
            st.markdown(_list_text(items, case.true_idx, vocabulary))


def _list_text(items: tuple[int, ...], true_idx: int, vocabulary: Vocabulary) -> str:
    lines = []
    for place, item in enumerate(items[:N_LISTED], start=1):
        title = escape(vocabulary.title(item))
        lines.append(f"{place}. **✓ {title}**" if item == true_idx else f"{place}. {title}")
    return "\n".join(lines)
