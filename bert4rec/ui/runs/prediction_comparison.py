"""What several runs expect next for the same user, beside each other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError
from bert4rec.runs.folder import Run
from bert4rec.ui import cache, state
from bert4rec.ui.data_frames import draw_frame
from bert4rec.ui.folded import folded
from bert4rec.view.markdown import escape
from bert4rec.words import percent

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
    user = st.text_input(
        "User",
        value=dataset.user_id(0),
        # A user of one dataset is nobody in another.
        key=f"runs_user_{dataset.fingerprint}",
        help="A user of the dataset; the whole history is shown to each model.",
        width=320,
        persist_state="session",
    )
    user_idx = dataset.user_idx(user)
    history = dataset.history(user_idx)
    recent = [dataset.vocabulary.title(int(item)) for item in history[-N_RECENT:]]
    st.caption(f"{len(history):,} items, the newest: {escape(', '.join(recent))}")
    lists = {label: _expected_by(run, user, dataset) for label, run in runs.items()}
    shared = set.intersection(*(set(titles) for titles, _ in lists.values()))
    # As series: a run whose evaluation leaves out what was seen may have fewer to name.
    columns = {label: pd.Series(_cells(*found), dtype=object) for label, found in lists.items()}
    table = pd.DataFrame(columns)
    table.insert(0, "Rank", range(1, len(table) + 1))
    finding = f"All of them name {len(shared)} of {len(table)} items."
    draw_frame(table, hide_index=True, alt=f"What each run expects next. {finding}")
    st.caption(
        f"{finding} In brackets the own probability of each network, over the whole catalogue."
    )


def _cells(titles: list[str], shares: list[float]) -> list[str]:
    return [f"{title} ({percent(share)})" for title, share in zip(titles, shares, strict=True)]


def _expected_by(run: Run, user: str, dataset: SequenceDataset) -> tuple[list[str], list[float]]:
    return _expected(str(run.folder), run.checkpoint_ns("best"), dataset.fingerprint, user)


@st.cache_data(max_entries=200, show_spinner="Asking the models…")
def _expected(
    folder: str, checkpoint_ns: int, fingerprint: str, user: str
) -> tuple[list[str], list[float]]:
    model = cache.load_recommender(Path(folder).name, checkpoint_ns)
    indices = model.dataset.history(model.dataset.user_idx(user))
    history = [model.vocabulary.item_id(int(idx)) for idx in indices]
    found = model.recommend(history, min(N_EXPECTED, model.dataset.n_items))
    return [one.title for one in found], [one.probability for one in found]
