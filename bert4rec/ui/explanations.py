"""Figures over many users that pages ask for again and again, kept for each checkpoint."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streamlit as st

from bert4rec.future_report import FutureReport, future_report
from bert4rec.runs.folder import Run
from bert4rec.ui.cache import load_recommender

N_JUDGED_USERS = 500
N_REPORT_USERS = 1000
N_PICKS = 8


class RankedUser(NamedTuple):
    """A user, the rank from 0 of the test item, and how long the history is up to that item."""

    user_id: str
    rank: int
    n_items: int


class Picks(NamedTuple):
    """Users worth looking at, and of how many they were picked."""

    best: list[RankedUser]
    worst: list[RankedUser]
    n_judged: int


def checkpoint_mtime(run: Run) -> float:
    """Return the time stamp of a run's best checkpoint, 0 while there is none."""
    path = run.checkpoint("best")
    return path.stat().st_mtime if path.exists() else 0.0


def picked_users(run: Run) -> Picks:
    """Return the users whose test item was ranked best and worst, from a seeded sample."""
    return _picked(str(run.folder), run.id, checkpoint_mtime(run))


@st.cache_data(max_entries=16, show_spinner="Ranking the test items of some users…")
def _picked(folder: str, run_id: str, mtime: float) -> Picks:
    from bert4rec.data.split import split_dataset
    from bert4rec.evaluate import judge

    recommender = load_recommender(run_id, mtime)
    dataset = recommender.dataset
    rows = split_dataset(dataset, recommender.settings).test
    # Where several items of a user are held out, the newest one stands for the user.
    is_last = np.append(rows.user_idx[1:] != rows.user_idx[:-1], True)
    rows = rows.take(is_last)
    if len(rows) > N_JUDGED_USERS:
        chosen = np.random.default_rng(0).choice(len(rows), N_JUDGED_USERS, replace=False)
        rows = rows.take(np.sort(chosen))
    ranks = judge(
        recommender.scorer,
        dataset,
        rows,
        remove_seen=recommender.removes_seen,
        list_length=0,
        n_threads=recommender.scorer.choice.n_side_by_side,
    ).ranks
    order = np.argsort(ranks, kind="stable")
    users = [
        RankedUser(
            dataset.user_id(int(rows.user_idx[at])), int(ranks[at]), int(rows.lengths[at]) + 1
        )
        for at in order
    ]
    return Picks(users[:N_PICKS], users[::-1][:N_PICKS], len(users))


def future_report_of(run: Run) -> FutureReport:
    """Return how past, future and both compare on items hidden from a sample of users."""
    return _future_report(str(run.folder), run.id, checkpoint_mtime(run))


@st.cache_data(max_entries=16, show_spinner="Hiding items of many histories…")
def _future_report(folder: str, run_id: str, mtime: float) -> FutureReport:
    return future_report(load_recommender(run_id, mtime), n_users=N_REPORT_USERS)
