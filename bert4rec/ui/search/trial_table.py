"""The trials of a search in words and as a table; no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bert4rec.search.trials import Trial
from bert4rec.view.forms import form_fields
from bert4rec.view.setting_words import value_text
from bert4rec.view.state_words import state_cell
from bert4rec.words import metric_name

# By what a trial came to: a score of a whole training says most, that of a part of one less.
RANKS = {"finished": 0, "pruned": 1, "running": 2}
WHY = "Why it ended"


def trial_name(trial: Trial) -> str:
    """Return what a trial is called on the page, where numbers begin with 1."""
    return f"Trial {trial.number + 1:,}"


def settings_words(values: Mapping[str, Any]) -> str:
    """Return the settings of a trial in one line."""
    fields = form_fields()
    return ", ".join(
        f"{fields[name].title} {value_text(rounded(value), name)}" for name, value in values.items()
    )


def rounded(value: Any) -> Any:
    """Return a value with as many digits as a person compares."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials as a person compares them.

    The finished by their score, then the pruned, then those under way; last what has no result, the
    newest of it first. Of equal ones the first that was tried leads, as it is called the best.
    """
    return sorted(trials, key=_place)


def _place(trial: Trial) -> tuple[int, float, int]:
    rank = RANKS.get(trial.state, len(RANKS))
    if rank == len(RANKS) or trial.score is None:
        return rank, math.inf, -trial.number
    return rank, -trial.score, trial.number


def trials_table(trials: Sequence[Trial], names: Sequence[str], metric: str) -> pd.DataFrame:
    """Return the trials as a table, the best first; why they ended only where one says so."""
    fields = form_fields()
    has_reason = any(trial.reason for trial in trials)
    return pd.DataFrame(
        [
            {
                "Trial": trial.number + 1,
                "State": state_cell(trial.state),
                metric_name(metric): trial.score,
                "Epoch": trial.epoch or None,
                "Seconds": trial.seconds or None,
            }
            | {fields[name].title: _cell(trial.values.get(name)) for name in names}
            | ({WHY: trial.reason} if has_reason else {})
            for trial in best_first(trials)
        ]
    )


def _cell(value: Any) -> Any:
    """Return a number as such, so that its column sorts, and all else in words."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number or value is None else value_text(value)
