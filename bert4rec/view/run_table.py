"""Runs as rows of a table: state, best metric, duration, data; pure functions, no Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zlib import crc32

import pandas as pd

from bert4rec.errors import Bert4RecError, FormatError
from bert4rec.hyperparameters import model_name, values_in_effect
from bert4rec.runs.folder import Run
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.view.state_words import state_cell
from bert4rec.words import metric_name


@dataclass(frozen=True)
class RunRow:
    """One run in figures.

    Args:
        run_id: Its folder's name.
        name: Given by a person.
        state: One of the states of a run, or `unreadable`.
        metric: Name of the metric that chose the best epoch.
        best: Its best value on validation, None before the first validation.
        test: Its value on the test items, None until the run has ended.
        trained_s: Seconds spent in training.
        data: Name of the dataset.
        created_at: ISO moment, UTC.
        epoch: Epochs done.
        n_epochs: Epochs to do, at most.
        progress: Share of the steps done.
        note: Free text of a person.
        tags: Words that people gave it.
        fingerprint: That of the dataset.
        settings: The values that it uses of its settings, by name.
        problem: Why the run cannot be read, None if it can.
    """

    run_id: str
    name: str
    state: str
    metric: str = ""
    best: float | None = None
    test: float | None = None
    trained_s: float | None = None
    data: str = ""
    created_at: str = ""
    epoch: int = 0
    n_epochs: int = 0
    progress: float = 0.0
    note: str = ""
    tags: tuple[str, ...] = ()
    fingerprint: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    problem: Bert4RecError | None = None

    @property
    def model(self) -> str:
        """What its model is called; empty for one that cannot be read."""
        return model_name(self.settings) if self.settings else ""

    @property
    def has_begun(self) -> bool:
        """Whether anything was trained or judged."""
        return self.epoch > 0 or self.progress > 0 or self.best is not None


def run_row(run: Run) -> RunRow:
    """Return a run in figures; a folder that cannot be read is a row that says so."""
    try:
        return _read_row(run)
    except Bert4RecError as error:
        problem: Bert4RecError = error
    except (AttributeError, KeyError, TypeError, ValueError):
        # JSON, but of another shape than a run's.
        problem = FormatError(
            "the files of the run are damaged",
            where=str(run.folder),
            fix="Restore the run's folder, or delete it.",
        )
    label = run.label()
    return RunRow(
        run_id=run.id,
        name=label.name or run.id,
        state="unreadable",
        note=label.note,
        tags=label.tags,
        problem=problem,
    )


def _read_row(run: Run) -> RunRow:
    config, status, summary = run.config(), run.status(), run.summary() or {}
    label = run.label()
    # What an earlier part of a run came to is not the result of one that goes on.
    judged = {} if status.state in ACTIVE_STATES else summary.get("test", {})
    metric = str(config["effective_settings"].get("valid_metric", "ndcg@10"))
    test = judged.get(metric)
    return RunRow(
        run_id=run.id,
        name=label.name or str(config["name"]),
        state=status.state,
        metric=metric,
        best=status.best_score,
        test=None if test is None else float(test),
        trained_s=status.trained_s or None,
        data=run.data_name,
        created_at=str(config["created_at"]),
        epoch=status.epoch,
        n_epochs=status.n_epochs,
        progress=min(1.0, status.step / status.n_steps) if status.n_steps else 0.0,
        note=label.note,
        tags=label.tags,
        fingerprint=str(config["dataset"]["fingerprint"]),
        settings=values_in_effect(config["effective_settings"], config["settings"]),
    )


def run_frame(rows: Iterable[RunRow]) -> pd.DataFrame:
    """Return rows as a table for display, one line a run.

    What moves while a run goes on is left out of its line: a table is not drawn as often.
    """
    return pd.DataFrame(
        [
            {
                # On a phone there is room for three columns.
                "Run": row.name,
                "Best": None if row.state == "running" else row.best,
                "On test": row.test,
                "State": state_cell(row.state),
                "Model": row.model,
                "Metric": metric_name(row.metric) if row.metric else "",
                "Time": None if row.state == "running" else row.trained_s,
                "Data": row.data,
                "Created": datetime.fromisoformat(row.created_at) if row.created_at else None,
            }
            for row in rows
        ]
    )


def table_key(name: str, rows: Iterable[RunRow]) -> str:
    """Return a table's key: a list of other runs is another one, where marked places mean nothing.

    Args:
        name: What the table is, the same for all lists.
        rows: The runs that it lists, in their order.
    """
    ids = " ".join(row.run_id for row in rows)
    return f"{name}_{crc32(ids.encode()):08x}"


def newest_judged(rows: Iterable[RunRow]) -> RunRow | None:
    """Return the first run that was judged on test items; None while there is none.

    Not the best one: runs on different data cannot be compared.
    """
    return next((row for row in rows if row.test is not None), None)
