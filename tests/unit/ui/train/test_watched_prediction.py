from __future__ import annotations

from typing import Any

import pytest
import streamlit as st

from bert4rec.explain import Prediction
from bert4rec.runs.folder import Run
from bert4rec.ui.train.watched_prediction import _remember


def ranked(rank: int) -> Prediction:
    return Prediction(3, "both", [], true_idx=1, true_rank=rank, true_probability=0.1, bits=0.0)


def test_after_the_end_an_epoch_that_was_looked_at_counts_once_and_later_ones_no_more(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", kept)
    for epoch in (2, 4, 4, 6):
        seen = _remember(tiny_run, "u", ranked(20 - epoch), epoch)
    assert [one["epoch"] for one in seen] == [2, 4, 6]
    # The fourth was the best.
    seen = _remember(tiny_run, "u", ranked(10), 4)
    assert seen == [{"epoch": 2, "rank": 19}, {"epoch": 4, "rank": 11}]
    # Another user's begin anew.
    assert _remember(tiny_run, "v", ranked(0), 4) == [{"epoch": 4, "rank": 1}]
