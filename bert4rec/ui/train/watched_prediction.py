"""One user's hidden item, guessed anew from each checkpoint while the model learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, UnknownIdError
from bert4rec.explain import Prediction, predict_masked
from bert4rec.recommender import Recommender
from bert4rec.runs.folder import Run
from bert4rec.ui import cache, state
from bert4rec.ui.reading_table import Column, count_column, draw_table, share_column
from bert4rec.ui.train.pace import LOOK_EVERY_S
from bert4rec.view.markdown import escape
from bert4rec.words import counted, number

WATCHED_KEY = "watched_prediction"
N_OFFERED_USERS = 50
MIN_HISTORY = 5
N_NEIGHBOURS = 4
N_GUESSES = 5


def draw_watched(run: Run, *, is_active: bool) -> None:
    """Offer to watch one prediction; it is redrawn when a checkpoint is written."""
    if not is_active and not run.checkpoint("last").exists():
        return
    is_on = st.toggle(
        "Watch one prediction as the model learns",
        key="watch_prediction",
        help="Hides the middle item of one user's history and lets each checkpoint guess it.",
        persist_state="session",
    )
    if is_on:
        # A fragment of its own: a fragment with a timer must not hold another one.
        timed = st.fragment(_draw, run_every=LOOK_EVERY_S if is_active else None)
        timed(run, is_active=is_active)


def _draw(run: Run, *, is_active: bool) -> None:
    if not run.checkpoint("last").exists():
        st.caption("It begins with the first checkpoint.")
        return
    try:
        _draw_prediction(run, is_active=is_active)
    except Bert4RecError as error:
        state.show_error(error)


def _draw_prediction(run: Run, *, is_active: bool) -> None:
    dataset = run.dataset()
    user_id = _choose_user(dataset)
    if user_id is None:
        return
    recommender = _watched_model(run, is_active=is_active)
    user_idx = dataset.user_idx(user_id)
    history = dataset.history(user_idx)
    if len(history) < 3:
        st.caption("This history is too short to hide an item between two others.")
        return
    place = middle_place(len(history), recommender.settings.max_seq_length)
    prediction = predict_masked(recommender, history, [place], k=N_GUESSES)[0]
    seen = _remember(run, user_id, prediction, recommender.epoch)
    left, right = st.columns([2, 3])
    with left:
        _draw_rank(recommender, prediction, seen)
    with right:
        _draw_guesses(prediction)
    _draw_strip(recommender, history, place)
    n_trained = cache.trained_length(dataset, recommender.settings, user_idx)
    told = (_what_it_shows(is_trained=place < n_trained), _whose(recommender, is_active=is_active))
    st.caption(" ".join(told))


def _watched_model(run: Run, *, is_active: bool) -> Recommender:
    """Return the newest weights while they change, then the best as all other pages show them."""
    if is_active or not run.checkpoint("best").exists():
        return cache.load_recommender(run.id, checkpoint="last")
    return cache.load_recommender(run.id).calibrated()


def _whose(recommender: Recommender, *, is_active: bool) -> str:
    """Return of which weights the probabilities are, and whether they are calibrated."""
    if is_active:
        return (
            "Probabilities are the network's own; once the run has ended they are calibrated where "
            "that pays."
        )
    of = f"Shown is epoch {recommender.epoch:,}" if recommender.epoch else "Shown"
    if recommender.scorer.temperatures:
        return f"{of}, calibrated where that pays: see *How sure is it?* on Inspect."
    return f"{of}, whose probabilities are the network's own."


def middle_place(n_items: int, window: int) -> int:
    """Return the middle position of the newest items of a history.

    Example:
        >>> middle_place(5, 50), middle_place(60, 50)
        (2, 35)
    """
    n_newest = min(n_items, window)
    return n_items - n_newest + n_newest // 2


def _what_it_shows(*, is_trained: bool) -> str:
    if is_trained:
        return (
            "The model trains on this history too, so a good guess here shows that it learns, not "
            "how well it does on what it has not seen."
        )
    return (
        "The model does not train on the hidden item, so a good guess here is one about what it "
        "has not seen."
    )


def _choose_user(dataset: SequenceDataset) -> str | None:
    offered = offered_users(dataset)
    if not offered:
        st.caption(f"No user has {MIN_HISTORY} interactions or more.")
        return None
    chosen = st.selectbox(
        "User",
        offered,
        # A user of one dataset is nobody in another.
        key=f"watched_user_{dataset.fingerprint}",
        accept_new_options=True,
        help="Some users with long enough histories; another id can be typed.",
        persist_state="session",
    )
    if chosen not in offered and chosen is not None:
        try:
            dataset.user_idx(chosen)
        except UnknownIdError as error:
            state.show_error(error)
            return None
    return chosen


def offered_users(dataset: SequenceDataset) -> list[str]:
    """Return the ids of some users with enough interactions, always the same ones."""
    long = np.flatnonzero(dataset.lengths >= MIN_HISTORY)
    drawn = np.random.default_rng(0).permutation(long)[:N_OFFERED_USERS]
    return [dataset.user_id(int(idx)) for idx in drawn]


def _remember(
    run: Run, user_id: str, prediction: Prediction, epoch: int | None
) -> list[dict[str, Any]]:
    """Keep the rank at each epoch that was looked at, for one run and user at a time.

    Returns:
        Those up to this epoch, oldest first: after the end of a run the best one, of which some may
        have been later, is shown.
    """
    about = [run.id, user_id]
    kept = st.session_state.get(WATCHED_KEY)
    if kept is None or kept["about"] != about:
        kept = st.session_state[WATCHED_KEY] = {"about": about, "seen": []}
    epoch = run.status().epoch if epoch is None else epoch
    seen: list[dict[str, Any]] = [one for one in kept["seen"] if one["epoch"] < epoch]
    seen.append({"epoch": epoch, "rank": prediction.true_rank + 1})
    kept["seen"] = seen
    return seen


def _draw_rank(
    recommender: Recommender, prediction: Prediction, seen: list[dict[str, Any]]
) -> None:
    title = recommender.vocabulary.title(prediction.true_idx)
    ranks = [entry["rank"] for entry in seen]
    st.metric(
        "Rank of the hidden item",
        f"{number(ranks[-1])} of {number(len(recommender.vocabulary))}",
        delta=ranks[-1] - ranks[0] if len(ranks) > 1 else None,
        delta_color="inverse",
        delta_description=f"since epoch {seen[0]['epoch']}" if len(ranks) > 1 else None,
        chart_data=ranks if len(ranks) > 1 else None,
        border=True,
        height="stretch",
    )
    st.caption(f"Hidden: {escape(title)}. Looked at {counted(len(ranks), 'checkpoint')}.")


def _draw_guesses(prediction: Prediction) -> None:
    is_true = [guess.item_idx == prediction.true_idx for guess in prediction.top]
    table = pd.DataFrame(
        {
            "rank": [guess.rank + 1 for guess in prediction.top],
            "item": [
                ("✓ " if hit else "") + guess.title
                for guess, hit in zip(prediction.top, is_true, strict=True)
            ],
            "probability": [guess.probability for guess in prediction.top],
        }
    )
    draw_table(
        table,
        [
            count_column("rank", "Rank"),
            Column("item", "Item", "✓ the hidden item"),
            share_column("probability", "Probability"),
        ],
        alt=f"The {N_GUESSES} most probable items for the hidden place",
        is_tinted=is_true,
    )


def _draw_strip(recommender: Recommender, history: np.ndarray, place: int) -> None:
    """Show the items around the hidden one."""
    first, last = max(0, place - N_NEIGHBOURS), min(len(history), place + N_NEIGHBOURS + 1)
    parts = [
        ":blue-badge[:material/visibility_off: hidden]"
        if at == place
        else escape(recommender.vocabulary.title(int(history[at])))
        for at in range(first, last)
    ]
    before = "… " if first else ""
    after = " …" if last < len(history) else ""
    st.markdown(before + " → ".join(parts) + after)
