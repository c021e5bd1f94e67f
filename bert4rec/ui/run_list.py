"""Every run of a workspace as a list to filter: read once, then only what changed; no Streamlit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from bert4rec.data.collection import manifest_paths
from bert4rec.runs.curves import Curves, thinned
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import list_runs
from bert4rec.runs.status import ACTIVE_STATES
from bert4rec.runs.storage import disk_use
from bert4rec.ui.file_stamps import FileStamp, file_stamp
from bert4rec.ui.name_room import CELL_PX
from bert4rec.view.run_table import RunRow, run_row
from bert4rec.view.state_words import state_cell
from bert4rec.words import metric_name

MAX_SPARKS = 40
# What a tag takes in a cell: a letter of it, and the rest of it with the gap behind.
TAG_LETTER_PX, TAG_PX = 7, 22
MIN_TAGS_PX, MAX_TAGS_PX = 80, 320
# When none of these has changed, neither has what is shown of a run that has ended.
FIGURES = ("config.json", "status.json", "summary.json", "label.json")
DETAILS = ("metrics.jsonl", "", "checkpoints", "artifacts")
Stamp = tuple[FileStamp, ...]


@dataclass(frozen=True)
class ListedRun:
    """A run in the list.

    Args:
        row: Its figures.
        scores: The validation metric that chose its best epoch, thinned, oldest first.
        n_bytes: What it takes on disk.
    """

    row: RunRow
    scores: tuple[float, ...] = ()
    n_bytes: int = 0


class RunList:
    """The runs of a workspace, newest first; ended ones are read again only after a change.

    Threads may share it: the worst that happens is that two read the same run.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._rows: dict[str, tuple[Stamp, RunRow]] = {}
        self._details: dict[str, tuple[Stamp, ListedRun]] = {}

    def rows(self) -> list[RunRow]:
        """Return every run in figures.

        Cost: a few looks at the disk a run, and its small files where they changed.
        """
        there = list_runs(self.workspace)
        self._forget_all_but({run.id for run in there})
        names = self._names()
        return [self._row(run, names) for run in there]

    def read(self) -> list[ListedRun]:
        """Return every run with its curve and its size.

        Cost: as for the figures; journals are read through where they changed.
        """
        there = list_runs(self.workspace)
        self._forget_all_but({run.id for run in there})
        names = self._names()
        return [self._listed(run, names) for run in there]

    def _forget_all_but(self, ids: set[str]) -> None:
        for kept in (self._rows, self._details):
            for gone in [run_id for run_id in list(kept) if run_id not in ids]:
                kept.pop(gone, None)

    def _names(self) -> Stamp:
        """Return the stamp of what all datasets are called, which a row tells too."""
        return tuple(file_stamp(path) for path in manifest_paths(self.workspace))

    def _row(self, run: Run, names: Stamp) -> RunRow:
        stamp, kept = names + _stamp(run.folder, FIGURES), self._rows.get(run.id)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        row = run_row(run)
        # Whether an active run is alive is told by its process, not by its files.
        if row.state not in ACTIVE_STATES:
            self._rows[run.id] = (stamp, row)
        return row

    def _listed(self, run: Run, names: Stamp) -> ListedRun:
        stamp, kept = names + _stamp(run.folder, FIGURES + DETAILS), self._details.get(run.id)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        listed = listed_run(run, self._row(run, names))
        if listed.row.state not in ACTIVE_STATES:
            self._details[run.id] = (stamp, listed)
        return listed


def _stamp(folder: Path, names: tuple[str, ...]) -> Stamp:
    return tuple(file_stamp(folder / name) for name in names)


def listed_run(run: Run, row: RunRow) -> ListedRun:
    """Return a run with its curve and its size."""
    scores = () if row.problem is not None else validation_scores(run, row.metric)
    return ListedRun(row, scores, disk_use(run.folder))


def validation_scores(run: Run, metric: str) -> tuple[float, ...]:
    """Return a validation metric over the epochs, thinned; a damaged line counts nothing."""
    try:
        rows = thinned(Curves.of_validation(run.journal).valid, MAX_SPARKS)
        return tuple(float(row["metrics"][metric]) for row in rows)
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return ()


@dataclass(frozen=True)
class RunFilter:
    """Which runs are asked for; what is empty asks for all.

    Args:
        text: Words that all occur in name, note, tags or id.
        states: States.
        data: Fingerprints of datasets.
        tags: Tags, all of which a run must have.
    """

    text: str = ""
    states: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def takes(self, row: RunRow) -> bool:
        """Whether a run is asked for."""
        searched = " ".join((row.name, row.note, *row.tags, row.run_id)).casefold()
        return (
            all(word in searched for word in self.text.casefold().split())
            and (not self.states or row.state in self.states)
            and (not self.data or row.fingerprint in self.data)
            and set(self.tags) <= set(row.tags)
        )


def data_labels(rows: Iterable[RunRow]) -> dict[str, str]:
    """Return what the datasets of runs are called, by fingerprint; no two the same.

    Example:
        >>> data_labels([RunRow("a", "A", "finished", data="log", fingerprint="45fb68290c")])
        {'45fb68290c': 'log'}
    """
    # The newest run comes first; its dataset may have been renamed since the others were made.
    names = {row.fingerprint: row.data for row in reversed(list(rows)) if row.fingerprint}
    counts = Counter(names.values())
    labels = {
        fingerprint: name if counts[name] == 1 else f"{name} ({fingerprint[:8]})"
        for fingerprint, name in names.items()
    }
    return dict(sorted(labels.items(), key=lambda label: label[1]))


def shared_words(listed: Iterable[ListedRun]) -> dict[str, str]:
    """Return what need be told only once of a list, by the column that it replaces.

    Model, metric and seed, where all runs that can be read have the same; tags, where none has any.

    Example:
        >>> shared_words([ListedRun(RunRow("a", "A", "finished", metric="hr@10"), (), 0)])
        {'Metric': 'metric HR@10', 'Tags': ''}
    """
    rows = [one.row for one in listed]
    models = {row.model for row in rows if row.model}
    metrics = {metric_name(row.metric) for row in rows if row.metric}
    seeds = {f"{row.settings['seed']}" for row in rows if "seed" in row.settings}
    found = {} if any(row.tags for row in rows) else {"Tags": ""}
    told = (("Seed", "seed", seeds), ("Metric", "metric", metrics), ("Model", "model", models))
    for column, word, values in told:
        if len(values) == 1:
            found = {column: f"{word} {values.pop()}"} | found
    return found


def tags_px(listed: Iterable[ListedRun]) -> int:
    """Return how wide a column is that cuts no tag off; past a limit it does.

    Example:
        >>> tags_px([]), tags_px([ListedRun(RunRow("a", "A", "finished", tags=("small", "again")))])
        (80, 130)
    """
    widths = [sum(TAG_LETTER_PX * len(tag) + TAG_PX for tag in one.row.tags) for one in listed]
    return min(max([MIN_TAGS_PX, *(width + CELL_PX for width in widths)]), MAX_TAGS_PX)


def list_frame(listed: Iterable[ListedRun]) -> pd.DataFrame:
    """Return runs as a table for display, one line a run; an unreadable one says so."""
    return pd.DataFrame([_cells(one) for one in listed])


def _cells(listed: ListedRun) -> dict[str, object]:
    row = listed.row
    epochs = f"{row.epoch:,} of {row.n_epochs:,}" if row.n_epochs else ""
    return {
        # On a phone there is room for three columns.
        "Run": row.name,
        "Best": row.best,
        "On test": row.test,
        "State": state_cell(row.state),
        "Model": row.model,
        "Data": row.data,
        "Metric": metric_name(row.metric) if row.metric else "",
        # A line of one value would fill the cell.
        "Validation": list(listed.scores) if len(listed.scores) > 1 else None,
        "Time": row.trained_s,
        "Epochs": epochs,
        "Created": datetime.fromisoformat(row.created_at) if row.created_at else None,
        "Seed": row.settings.get("seed"),
        "On disk": listed.n_bytes,
        # Last, for it may be wide. Nothing, as elsewhere a dash, and not an empty list.
        "Tags": list(row.tags) or None,
    }
