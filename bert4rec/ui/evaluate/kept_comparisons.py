"""Comparisons and their tables, kept between reruns for every visitor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from bert4rec.comparing.comparison import (
    Comparison,
    comparison_folder,
    list_comparisons,
    open_comparison,
)
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError
from bert4rec.ui import cache, state
from bert4rec.ui.file_stamps import FileStamp, file_stamp
from bert4rec.words import counted, percent, unique_labels, when


def kept_labels() -> dict[str, str]:
    """Return the workspace's comparisons, newest first: a label by id, no two the same."""
    return unique_labels(
        {facts["id"]: _label(facts) for facts in list_comparisons(state.workspace())}
    )


def newest_of(run_id: str) -> str | None:
    """Return the newest comparison that holds a run, by id."""
    kept = list_comparisons(state.workspace())
    return next((facts["id"] for facts in kept if run_id in _keys(facts)), None)


def _keys(facts: dict[str, Any]) -> set[str]:
    return {told["key"] for told in facts["entrants"]}


def _label(facts: dict[str, Any]) -> str:
    names = [told["title"] for told in facts["entrants"] if told["kind"] == "run"]
    more = f" and {len(names) - 2:,} more" if len(names) > 2 else ""
    n_baselines = len(facts["entrants"]) - len(names)
    # In a narrow box the end is not seen: what tells two of the same runs apart comes before it.
    parts = [
        ", ".join(names[:2]) + more,
        when(facts["created_at"]),
        str(facts["dataset"]["name"]),
        counted(n_baselines, "baseline"),
        split_words(facts),
    ]
    return " · ".join(parts)


def split_words(facts: dict[str, Any]) -> str:
    """Return in a few words what was held out."""
    record = facts["split"]
    words = "last item held out"
    if record["strategy"] == "last_k":
        words = f"last {counted(record['held_out_items'], 'item')} held out"
    if record["strategy"] == "global_time":
        words = "split by time"
        # Records of before it was noted have no share.
        if "held_out_share" in record:
            words += f", {percent(record['held_out_share'])} held out"
    if record["n_unseen"]:
        words += f", {counted(record['n_unseen'], 'user')} held out whole"
    return words


def open_kept(comparison_id: str) -> Comparison:
    """Open a comparison of the workspace, its runs called as they are now.

    Raises:
        NotFoundError: it is not there.
        FormatError: it is damaged or of a newer version.
    """
    folder = comparison_folder(state.workspace(), comparison_id)
    kept = _opened(str(folder), file_stamp(folder / "comparison.json"))
    return kept.retitled(state.workspace())


@cache.kept(4, spinner="Opening the comparison…")
def _opened(folder: str, stamp: FileStamp) -> Comparison:
    return open_comparison(Path(folder))


def tables_of(
    comparison: Comparison, part: str, reference: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return scores, differences from a reference, and slices."""
    scores = _scores(comparison.id, part, comparison)
    differences, slices = _against(comparison.id, part, reference, comparison)
    return scores, differences, slices


@st.cache_data(max_entries=16, show_spinner="Drawing intervals…")
def _scores(comparison_id: str, part: str, _comparison: Comparison) -> pd.DataFrame:
    return _comparison.scores(part)


@st.cache_data(max_entries=32, show_spinner="Testing differences…")
def _against(
    comparison_id: str, part: str, reference: str, _comparison: Comparison
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return _comparison.differences(part, reference), _comparison.slices(part, reference)


def dataset_of(comparison: Comparison) -> SequenceDataset | None:
    """Open the dataset that was compared on, None where it is gone."""
    told = comparison.facts["dataset"]
    try:
        dataset = cache.open_dataset(str(told["folder"]), str(told["fingerprint"]))
    except Bert4RecError:
        return None
    return dataset if dataset.fingerprint == told["fingerprint"] else None
