"""What several runs expect next for the same user, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.temperatures import Shown
from bert4rec.ui import cache, state
from bert4rec.ui.folded import folded
from bert4rec.ui.inspect.inspected_model import draw_temperatures, temperatures_of
from bert4rec.ui.reading_table import Column, draw_table
from bert4rec.ui.sequences.user_box import draw_user_box
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number, percent

N_EXPECTED = 8
N_RECENT = 5


def draw_predictions(runs: dict[str, Run]) -> None:
    """Draw the next items that runs of one dataset expect for a user.

    Args:
        runs: By label.
    """
    with_model = {label: run for label, run in runs.items() if run.checkpoint("best").is_file()}
    if len(with_model) < 2:
        return
    with folded(
        "The same user, as each run sees them",
        key="runs_predictions",
        icon=":material/person_search:",
    ) as is_open:
        if not is_open:
            return
        try:
            _draw(with_model)
        except Bert4RecError as error:
            state.show_error(error)


def _draw(runs: dict[str, Run]) -> None:
    dataset = next(iter(runs.values())).dataset()
    user = _choose_user(dataset)
    user_idx = dataset.user_idx(user)
    history = dataset.history(user_idx)
    recent = [dataset.vocabulary.title(int(item)) for item in history[-N_RECENT:]]
    # Titles may hold commas.
    st.caption(f"{counted(len(history), 'item')}, the newest: {escape(' · '.join(recent))}")
    temperatures = {label: temperatures_of(run) for label, run in runs.items()}
    lists = {
        label: _expected(str(run.folder), run.checkpoint_ns("best"), temperatures[label], user)
        for label, run in runs.items()
    }
    # As series: a run whose evaluation leaves out what was seen may have fewer to name.
    columns = {label: pd.Series(_cells(*found), dtype=object) for label, found in lists.items()}
    table = pd.DataFrame(columns)
    table.insert(0, "Rank", range(1, len(table) + 1))
    finding = _finding([titles for titles, _ in lists.values()], len(table))
    draw_table(table, by_run(table), alt=f"What each run expects next. {finding}")
    st.caption(f"{finding} In brackets the probability, over the whole catalogue.")
    used = {label: (run, temperatures[label]) for label, run in runs.items()}
    draw_temperatures(used, "on the page Inspect", n_before=len(history))


def by_run(table: pd.DataFrame) -> list[Column]:
    """Return the columns of a table that has one a run, each under its whole name."""
    return [Column(str(name), str(name)) for name in table.columns]


def _choose_user(dataset: SequenceDataset) -> str:
    # A user of one dataset is nobody in another.
    key = f"runs_user_{dataset.fingerprint}"
    user = str(st.session_state.setdefault(key, dataset.user_id(0)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_user_box(
            dataset,
            user,
            lambda chosen: st.session_state.update({key: chosen}),
            key=f"{key}_box",
            placeholder="Choose a user",
        )
    return user


def _finding(lists: Sequence[list[str]], n_named: int) -> str:
    """Return how many items all lists hold, in a sentence."""
    n_shared = len(set.intersection(*map(set, lists)))
    shared, verb = number(n_shared) if n_shared else "None", "is" if n_shared < 2 else "are"
    return f"{shared} of the {counted(n_named, 'item')} {verb} named by all."


def _cells(titles: list[str], shares: list[float]) -> list[str]:
    return [f"{title} ({percent(share)})" for title, share in zip(titles, shares, strict=True)]


@st.cache_data(max_entries=200, show_spinner="Asking the models…")
def _expected(
    folder: str, checkpoint_ns: int, temperatures: dict[Shown, float], user: str
) -> tuple[list[str], list[float]]:
    model = cache.load_recommender(Path(folder).name, checkpoint_ns)
    model = model.with_temperatures(temperatures)
    indices = model.dataset.history(model.dataset.user_idx(user))
    history = [model.vocabulary.item_id(int(idx)) for idx in indices]
    found = model.recommend(history, min(N_EXPECTED, model.dataset.n_items))
    return [one.title for one in found], [one.probability for one in found]
