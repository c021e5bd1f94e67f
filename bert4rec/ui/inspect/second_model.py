"""Two models on the same sequence, beside each other."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bert4rec.explain import Prediction, predict_masked
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui.cache import trained_length
from bert4rec.ui.inspect.inspected_model import draw_calibrated, ended_model
from bert4rec.ui.reading_table import Column, count_column, draw_table
from bert4rec.ui.run_choice import choose_beside, others_on_the_same_data, run_labels
from bert4rec.ui.sequences.drafts import Draft
from bert4rec.ui.sequences.prediction_cards import (
    BITS_HELP,
    CONTEXT_WORDS,
    bits_words,
    draw_suggestions,
    ordinal,
    signed_bits,
    suggestion_table,
    told_bits,
    with_true_item,
)
from bert4rec.view.markdown import escape

OTHER_KEY = "inspect_other_run"
TOP_K = 10


def draw_second(
    run: Run, recommender: Recommender, draft: Draft, places: list[int], focus: int
) -> None:
    """Let a visitor choose another run and show what both put at the hidden places.

    Args:
        run: The run that the page looks at.
        recommender: Its model.
        draft: The sequence.
        places: Its hidden places that the model sees.
        focus: The one to show in detail.
    """
    others = others_on_the_same_data(run)
    if not others:
        st.caption("There is no other model of this dataset yet. Train a second one to compare.")
        return
    second = choose_beside(run, others, OTHER_KEY)
    other = ended_model(second)
    start = other.window_start(draft.items, [])
    both_see = [place for place in places if place >= start]
    if len(both_see) < len(places):
        st.caption("Places before the other model's window are left out.")
    if not both_see:
        return
    pair = [_predict(one, draft, both_see) for one in (recommender, other)]
    names = list(run_labels({run.id: run, second.id: second}).values())
    titles = [recommender.vocabulary.title(one.true_idx) for one in pair[0]]
    st.markdown(f"**{escape(pair_finding(pair, both_see, focus, draft.first))}**")
    if draft.user:
        _draw_training(draft.user, dict(zip(names, (recommender, other), strict=True)))
    _draw_places(pair_table(pair, titles, draft.first), names)
    at = both_see.index(focus) if focus in both_see else 0
    for column, name, found in zip(st.columns(2), names, pair, strict=True):
        with column:
            _draw_list(name, found[at], titles[at], recommender)
    # What the page looks at says so itself, above.
    draw_calibrated({names[-1]: other}, "of that run")


def _draw_training(user: str, models: dict[str, Recommender]) -> None:
    """Say how far each has learned a history, where their runs are split otherwise."""
    dataset = next(iter(models.values())).dataset
    user_idx = dataset.user_idx(user)
    n_trained = {
        name: trained_length(dataset, model.settings, user_idx) for name, model in models.items()
    }
    if len(set(n_trained.values())) == 1:
        return
    first, second = (f"{name} was trained on the first {n:,}" for name, n in n_trained.items())
    st.caption(
        f"Their runs are split otherwise. Of this history's {int(dataset.lengths[user_idx]):,} "
        f"items, {escape(first)} and {escape(second)}. A rank is no prediction where the model was "
        "trained on the item."
    )


def _predict(recommender: Recommender, draft: Draft, places: list[int]) -> list[Prediction]:
    # The last of its contexts shows a model as much as it can see.
    widest = recommender.contexts[-1]
    return predict_masked(recommender, draft.items, places, context=widest, k=TOP_K)


def pair_finding(
    pair: list[list[Prediction]], places: list[int], focus: int, first: int = 0
) -> str:
    """Return how both models rank the hidden items, in one sentence; see `pair_table`."""
    at = places.index(focus) if focus in places else 0
    one, two = (found[at].true_rank + 1 for found in pair)
    said = (
        f"At place {first + places[at] + 1} this model ranks the true item {ordinal(one)}, the "
        f"other one {ordinal(two)}"
    )
    if len(places) == 1:
        return f"{said}."
    n_better = sum(a.true_rank < b.true_rank for a, b in zip(*pair, strict=True))
    n_worse = sum(a.true_rank > b.true_rank for a, b in zip(*pair, strict=True))
    return (
        f"{said}. Of {len(places)} hidden places this one is better at {n_better} and the other "
        f"at {n_worse}."
    )


def pair_table(pair: list[list[Prediction]], titles: list[str], first: int = 0) -> pd.DataFrame:
    """Return a row for each hidden place: ranks from 1 and bits of both models, and their gap.

    Args:
        pair: What each of them puts there.
        titles: The true items'.
        first: How many places stand before those of the sequence.
    """
    return pd.DataFrame(
        [
            {
                "place": first + one.position + 1,
                "item": title,
                "rank": one.true_rank + 1,
                "other_rank": two.true_rank + 1,
                "bits": told_bits(one.bits),
                "other_bits": told_bits(two.bits),
                # Of the figures as they are told, so that who subtracts finds the same.
                "gap": told_bits(told_bits(two.bits) - told_bits(one.bits)),
            }
            for one, two, title in zip(*pair, titles, strict=True)
        ]
    )


def _draw_places(table: pd.DataFrame, names: list[str]) -> None:
    draw_table(
        table,
        [
            count_column("place", "Place"),
            Column("item", "True item"),
            count_column("rank", "Rank here", "Of the true item"),
            count_column("other_rank", "Rank there", "In the other model"),
            Column("bits", "Bits here", BITS_HELP, bits_words, is_number=True),
            Column("other_bits", "Bits there", "", bits_words, is_number=True),
            Column("gap", "Gained there", "", signed_bits, is_number=True),
        ],
        alt=f"Ranks of the true item by {names[0]} and by {names[1]}",
    )


def _draw_list(name: str, found: Prediction, title: str, recommender: Recommender) -> None:
    st.markdown(f"**{escape(name)}** · {CONTEXT_WORDS[found.context]}")
    count = int(recommender.vocabulary.counts[found.true_idx - 1])
    table = with_true_item(suggestion_table(found.top, found), found, title, count)
    draw_suggestions(table, alt_text=f"What {name} expects at the hidden place", is_narrow=True)
