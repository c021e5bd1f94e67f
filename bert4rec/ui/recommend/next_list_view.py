"""A user's history beside what two scorers expect next."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.baselines.titles import YARDSTICKS
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.vocabulary import Vocabulary
from bert4rec.files import safe_name
from bert4rec.next_lists import NextList, next_lists, yardsticks
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.score_blocks import Scorer
from bert4rec.ui import cache
from bert4rec.ui.csv_button import draw_csv
from bert4rec.ui.inspect.inspected_model import draw_calibrated, ended_model
from bert4rec.ui.reading_table import Column, count_column, draw_table
from bert4rec.ui.run_choice import others_on_the_same_data, run_labels
from bert4rec.ui.sequences.prediction_cards import ordinal
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number, numbered_labels, percent

N_RECENT = 15
MIN_LIST_PX = 260
# What the figures of the yardsticks are.
COUNTS = {
    "transitions": ("Followed", "How often it followed the last item in training"),
    "popularity": ("Count", "How often it occurs in training"),
}


@dataclass(frozen=True)
class Rivals:
    """The two that are asked, each with its label.

    Args:
        labels: Names of the two, in order.
        scorers: The two, by name.
        models: Those of them that are networks, by label.
    """

    labels: dict[str, str]
    scorers: dict[str, Scorer]
    models: dict[str, Recommender] = field(default_factory=dict)


def rival_labels(run: Run) -> dict[str, str]:
    """Return labels of a run and of what it can be set beside, no two the same.

    Beside it can stand the yardsticks and the other runs on its dataset.
    """
    runs = run_labels({run.id: run} | others_on_the_same_data(run))
    return numbered_labels(YARDSTICKS | runs)


def open_rivals(run: Run, recommender: Recommender, rival: str, labels: dict[str, str]) -> Rivals:
    """Return a run's network and its rival as scorers, calibrated where Inspect calibrates them.

    Args:
        run: The run.
        recommender: Its model.
        rival: What is set beside it.
        labels: See `rival_labels`.
    """
    models = {labels[run.id]: ended_model(run)}
    scorers: dict[str, Scorer] = {run.id: models[labels[run.id]].scorer}
    if rival in YARDSTICKS:
        scorers[rival] = _yardsticks(run.id, recommender)[rival]
    else:
        models[labels[rival]] = ended_model(others_on_the_same_data(run)[rival])
        scorers[rival] = models[labels[rival]].scorer
    return Rivals({name: labels[name] for name in scorers}, scorers, models)


@cache.kept(4, spinner="Counting transitions…")
def _yardsticks(run_id: str, _recommender: Recommender) -> dict[str, Scorer]:
    return yardsticks(_recommender.dataset, _recommender.settings)


def draw_lists(
    recommender: Recommender,
    rivals: Rivals,
    user_idx: int,
    *,
    k: int,
    hides_last: bool,
    is_allowed: np.ndarray | None,
) -> None:
    """Draw the history and both lists.

    Args:
        recommender: Names the items; its evaluation says whether seen items leave the lists.
        rivals: Who is asked.
        user_idx: Whose history.
        k: Length of each list.
        hides_last: Whether the newest item is held back as the one to find.
        is_allowed: Which items may be listed, (N,); None for all.
    """
    dataset = recommender.dataset
    whole = dataset.history(user_idx).astype(np.int64)
    hides_last = hides_last and len(whole) > 1
    history, true_idx = (whole[:-1], int(whole[-1])) if hides_last else (whole, None)
    removes = recommender.removes_seen
    found = next_lists(
        rivals.scorers,
        history,
        k=k,
        true_idx=true_idx,
        remove_seen=removes,
        is_allowed=is_allowed,
    )
    is_met = removes and true_idx in history
    sentence = finding(rivals, found, true_idx, recommender.vocabulary, is_met=is_met)
    st.markdown(f"##### {escape(sentence)}", anchors=False)
    # Where only two fit, the history stands above both lists: see page_style.css.
    columns = st.container(key="recommend_lists").grid(3, min_column_width=MIN_LIST_PX)
    with columns.container():
        _draw_history(dataset, history, true_idx)
    for name, one in found.items():
        with columns.container():
            st.markdown(f"**{escape(rivals.labels[name])}**")
            _draw_list(name, one, recommender.vocabulary, history, rivals.labels[name])
    if signs := legend(found, history, true_idx):
        st.caption(signs)
    if removes:
        st.caption(
            "Lists leave out what is in the history already."
            if true_idx is None
            else "Lists and ranks leave out what is in the history already; on Inspect, ranks are "
            "among all items."
        )
    if true_idx is not None and (told := trained_words(dataset, rivals, user_idx)):
        st.caption(escape(told))
    draw_calibrated(rivals.models, "on the page Inspect", n_before=len(history))
    draw_csv(
        "Lists",
        f"next-{safe_name(dataset.user_id(user_idx))}",
        lambda: file_table(rivals, found, recommender.vocabulary),
    )


def finding(
    rivals: Rivals,
    found: dict[str, NextList],
    true_idx: int | None,
    vocabulary: Vocabulary,
    *,
    is_met: bool = True,
) -> str:
    """Return what the two lists say, in one or two sentences.

    Args:
        rivals: Who was asked.
        found: The lists.
        true_idx: What came next, if that is known.
        vocabulary: Names the items.
        is_met: Whether it left the lists, if it did, as one of the history.
    """
    n_shared = sum(item.is_shared for item in next(iter(found.values())).items)
    shared = f"The lists share {counted(n_shared, 'item') if n_shared else 'no item'}."
    if true_idx is None:
        return shared
    came_next = f"“{vocabulary.title(true_idx)}” came next"
    ranks = [
        f"{rivals.labels[name]} ranks it {ordinal(one.true_rank + 1)}"
        for name, one in found.items()
        if one.true_rank is not None
    ]
    if not ranks:
        why = "was met before: no list holds what was" if is_met else "is in no chosen group"
        return f"{came_next}, which {why}. {shared}"
    return f"{came_next}: {', '.join(ranks)}. {shared}"


def trained_words(dataset: SequenceDataset, rivals: Rivals, user_idx: int) -> str:
    """Return which models were trained on a user's newest item, nothing where none was.

    Runs on the same data may be split otherwise, and a split holds nothing out of some histories.
    """
    n_items = int(dataset.lengths[user_idx])
    names = [
        label
        for label, model in rivals.models.items()
        if cache.trained_length(dataset, model.settings, user_idx) >= n_items
    ]
    if not names:
        return ""
    verb, whose = ("was", "its rank is") if len(names) == 1 else ("were", "their ranks are")
    return f"{' and '.join(names)} {verb} trained on what came next: {whose} no prediction."


def legend(found: dict[str, NextList], history: np.ndarray, true_idx: int | None) -> str:
    """Return what the signs before titles say, of those that are there."""
    listed = [item for one in found.values() for item in one.items]
    signs = {
        "✓ came next": true_idx is not None,
        "= in both lists": any(item.is_shared for item in listed),
        "↺ already in the history": bool({item.item_idx for item in listed} & {*history.tolist()}),
    }
    return " · ".join(sign for sign, is_there in signs.items() if is_there)


def _draw_history(dataset: SequenceDataset, history: np.ndarray, true_idx: int | None) -> None:
    titles = dataset.vocabulary.titles
    first = max(0, len(history) - N_RECENT)
    rows = [(at + 1, titles[history[at] - 1]) for at in range(len(history) - 1, first - 1, -1)]
    if true_idx is not None:
        rows.insert(0, (len(history) + 1, f"✓ {titles[true_idx - 1]} (held back)"))
    st.markdown(f"**History**, newest first: {counted(len(history), 'item')}")
    draw_table(
        pd.DataFrame(rows, columns=["at", "item"]),
        [count_column("at", "Place"), Column("item", "Item")],
        alt="The newest items of the history",
    )
    if first:
        st.caption(f"… and {number(first)} older")


def list_table(one: NextList, vocabulary: Vocabulary, history: np.ndarray) -> pd.DataFrame:
    """Return a list as rows: rank from 1, marked title, weight as text, whether true."""
    seen = set(history.tolist())
    rows = []
    for rank, item in enumerate(one.items, start=1):
        signs = [
            sign
            for sign, holds in (
                ("✓", item.is_true),
                ("=", item.is_shared),
                ("↺", item.item_idx in seen),
            )
            if holds
        ]
        weight = percent(item.weight) if one.is_network else f"{item.weight:,.0f} ×"
        title = " ".join([*signs, vocabulary.title(item.item_idx)])
        rows.append((rank, title, weight, item.is_true))
    return pd.DataFrame(rows, columns=["rank", "item", "weight", "is_true"])


def file_table(rivals: Rivals, found: dict[str, NextList], vocabulary: Vocabulary) -> pd.DataFrame:
    """Return all lists as they are written to a file: probabilities of networks, else counts."""
    rows = [
        {
            "model": rivals.labels[name],
            "rank": rank,
            "item_id": vocabulary.item_id(item.item_idx),
            "title": vocabulary.title(item.item_idx),
            "probability": item.weight if one.is_network else None,
            "count": None if one.is_network else item.weight,
            "came_next": item.is_true,
        }
        for name, one in found.items()
        for rank, item in enumerate(one.items, start=1)
    ]
    return pd.DataFrame(rows)


def _draw_list(
    name: str, one: NextList, vocabulary: Vocabulary, history: np.ndarray, label: str
) -> None:
    table = list_table(one, vocabulary, history)
    title, about = COUNTS.get(name, ("Probability", "Over the whole catalogue"))
    draw_table(
        table,
        [
            count_column("rank", "Rank"),
            Column("item", "Item"),
            Column("weight", title, about, is_number=True),
        ],
        alt=f"What {label} expects next",
        is_tinted=table["is_true"].tolist(),
    )
