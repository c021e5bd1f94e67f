"""What is kept between reruns: datasets, models, and the curves that a session has read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import streamlit as st

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.dataset import open_dataset as open_dataset_folder
from bert4rec.files import child_of, find_workspace
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import open_run
from bert4rec.ui.file_stamps import file_stamp

if TYPE_CHECKING:
    import numpy as np
    from streamlit.runtime.caching.cache_utils import CachedFunc

    from bert4rec.hyperparameters import Hyperparameters
    from bert4rec.recommender import Recommender
    from bert4rec.settings_advice import DataFigures, SplitFigures

N_CURVES_KEPT = 8
# Lines of a journal that stay whole for a page; what is drawn goes back to the start all the same.
N_LINES_KEPT = 200
# Which settings decide what is held out.
SPLIT_SETTINGS = (
    *("sample_strategy", "sample_ratio", "sample_seed"),
    *("split_strategy", "held_out_items", "held_out_share"),
)


P = ParamSpec("P")
R = TypeVar("R")
# All that `forget_all` lets go of.
KEPT: list[CachedFunc[..., Any]] = []


def kept(
    max_entries: int, *, spinner: str | bool = False
) -> Callable[[Callable[P, R]], CachedFunc[P, R]]:
    """Keep what a function returns: the same object for every visitor, until all is let go of.

    Args:
        max_entries: How many answers stay in memory.
        spinner: What is shown while one is made.
    """

    def keeps(function: Callable[P, R]) -> CachedFunc[P, R]:
        keeping = st.cache_resource(max_entries=max_entries, show_spinner=spinner)(function)
        KEPT.append(keeping)
        return keeping

    return keeps


def open_dataset(folder_name: str, fingerprint: str) -> SequenceDataset:
    """Open a dataset of the workspace; the same object for every visitor.

    Args:
        folder_name: Name of its folder below `datasets`.
        fingerprint: Its fingerprint, so that a dataset prepared anew is opened anew.

    Raises:
        NotFoundError: it is not there.
        FormatError: it is damaged or of a newer version.
    """
    return _opened(str(find_workspace()), folder_name, fingerprint)


@kept(4, spinner="Opening the dataset…")
def _opened(workspace: str, folder_name: str, fingerprint: str) -> SequenceDataset:
    return open_dataset_folder(child_of(Path(workspace) / "datasets", folder_name))


def forget_datasets() -> None:
    """Open datasets anew from now on, as one of them was renamed or deleted."""
    _opened.clear()


def forget_all() -> None:
    """Let go of datasets, models and whatever was computed of them, for all visitors."""
    for keeping in KEPT:
        keeping.clear()
    st.cache_data.clear()


def load_recommender(
    run_id: str, checkpoint_ns: int | None = None, *, checkpoint: str = "best"
) -> Recommender:
    """Load a run's model; at most two stay in memory.

    Args:
        run_id: Name of the run's folder.
        checkpoint_ns: Time stamp of the checkpoint, so that a newer one is loaded anew; read from
            the file if omitted.
        checkpoint: `best` or `last`.

    Raises:
        NotFoundError: there is no such run, or no checkpoint yet.
    """
    if checkpoint_ns is None:
        run = open_run(child_of(find_workspace() / "runs", run_id))
        checkpoint_ns = run.checkpoint_ns(checkpoint)
    return _loaded(str(find_workspace()), run_id, checkpoint, checkpoint_ns)


@kept(2, spinner="Loading the model…")
def _loaded(workspace: str, run_id: str, checkpoint: str, checkpoint_ns: int) -> Recommender:
    from bert4rec.loaded_model import load_model

    run = open_run(child_of(Path(workspace) / "runs", run_id))
    return load_model(run, checkpoint=checkpoint)


def data_figures(dataset: SequenceDataset) -> DataFigures:
    """Return what advice needs to know of a dataset; counted once for every visitor."""
    return _data_figures(dataset.fingerprint, dataset)


@kept(16)
def _data_figures(fingerprint: str, _dataset: SequenceDataset) -> DataFigures:
    from bert4rec.settings_advice import DataFigures

    return DataFigures.of(_dataset)


def split_figures(dataset: SequenceDataset, settings: Hyperparameters) -> SplitFigures:
    """Return what a split leaves to train on; counted once for the settings that decide it."""
    asked = tuple(getattr(settings, name) for name in SPLIT_SETTINGS)
    return _split_figures(dataset.fingerprint, asked, dataset, settings)


@kept(64)
def _split_figures(
    fingerprint: str,
    asked: tuple[Any, ...],
    _dataset: SequenceDataset,
    _settings: Hyperparameters,
) -> SplitFigures:
    from bert4rec.settings_advice import SplitFigures

    return SplitFigures.of(_dataset, _settings)


def unlikeness(dataset: SequenceDataset, one: Hyperparameters, other: Hyperparameters) -> str:
    """Return why runs with these settings cannot be compared; found once for what decides it."""
    names = (*SPLIT_SETTINGS, "seen_items")
    pair = [tuple(getattr(settings, name) for name in names) for settings in (one, other)]
    if pair[0] == pair[1]:
        return ""
    return _unlikeness(dataset.fingerprint, pair[0], pair[1], dataset, one, other)


@kept(256)
def _unlikeness(
    fingerprint: str,
    asked: tuple[Any, ...],
    asked_by_other: tuple[Any, ...],
    _dataset: SequenceDataset,
    _one: Hyperparameters,
    _other: Hyperparameters,
) -> str:
    from bert4rec.comparing.plan import unlikeness

    return unlikeness(_dataset, _one, _other)


def trained_length(dataset: SequenceDataset, settings: Hyperparameters, user_idx: int) -> int:
    """Return how many of a user's items, from the oldest on, a model with these settings learns."""
    asked = tuple(getattr(settings, name) for name in SPLIT_SETTINGS)
    return int(_trained_lengths(dataset.fingerprint, asked, dataset, settings)[user_idx])


@kept(4)
def _trained_lengths(
    fingerprint: str,
    asked: tuple[Any, ...],
    _dataset: SequenceDataset,
    _settings: Hyperparameters,
) -> np.ndarray:
    import numpy as np

    from bert4rec.data.split import split_dataset

    rows = split_dataset(_dataset, _settings).train
    lengths = np.zeros(_dataset.n_users, dtype=np.int64)
    lengths[rows.user_idx] = rows.lengths
    return lengths


def curves(run_id: str) -> Curves:
    """Return a run's curves, read on from where this session stopped reading."""
    run = open_run(child_of(find_workspace() / "runs", run_id))
    kept: dict[tuple[str, int], Curves] = st.session_state.setdefault("curves", {})
    inode, _, n_bytes = file_stamp(run.journal.path)
    # A run that was deleted and brought in again has its old id and another journal.
    key = (run_id, inode)
    found = kept.pop(key, None)
    if found is None or found.offset > n_bytes:
        found = Curves(n_kept=N_LINES_KEPT)
    # Put last: the first are the ones that have not been looked at for longest.
    kept[key] = found
    while len(kept) > N_CURVES_KEPT:
        kept.pop(next(iter(kept)))
    found.update(run.journal)
    return found
