"""What the files of a run tell, read once for a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bert4rec.baselines.titles import NETWORK
from bert4rec.data.dataset import SequenceDataset
from bert4rec.errors import Bert4RecError, RunError
from bert4rec.hyperparameters import Hyperparameters, model_name
from bert4rec.runs.curves import Curves
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import refuse_twice
from bert4rec.runs.status import ACTIVE_STATES, Status
from bert4rec.words import unique_labels

MAX_RUNS = 5


@dataclass(frozen=True)
class Judged:
    """What a scorer reached on the test items.

    Args:
        metrics: Metric to value, like `hr@10`.
        intervals: Metric to the ends of its 95% interval, where there is one.
        lists: `coverage@10`, `novelty@10` and `popular_share@10`; empty for old runs.
        slices: Rows with `by`, `slice`, `n_rows`, `hr@10` and `ndcg@10`.
        n_rows: Test items, 0 where that was not written down; so below.
        n_users: Whose they are; of older runs as many as items.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    lists: Mapping[str, float]
    slices: tuple[Mapping[str, Any], ...]
    n_rows: int
    n_users: int


@dataclass(frozen=True, eq=False)
class RunFacts:
    """One run, as far as its files tell.

    Args:
        run: The run.
        label: What it is called in the report; no two the same.
        config: What was frozen when it was made.
        settings: Its settings.
        status: How far it came.
        curves: Its journal.
        summary: Its final report; None while it has none.
        judged: Scorer to what it reached on the test items, the network as `bert4rec`.
        unseen: The same for users of whom nothing was trained on; empty where there are none.
        dataset: What it was trained on; None where it is no longer there.
    """

    run: Run
    label: str
    config: Mapping[str, Any]
    settings: Hyperparameters
    status: Status
    curves: Curves
    summary: Mapping[str, Any] | None
    judged: Mapping[str, Judged]
    unseen: Mapping[str, Judged]
    dataset: SequenceDataset | None

    @property
    def fingerprint(self) -> str:
        """That of the dataset."""
        return str(self.config["dataset"]["fingerprint"])

    @property
    def data_name(self) -> str:
        """What the dataset is called now."""
        return self.run.data_name

    @property
    def model_name(self) -> str:
        """What the model is called in the field."""
        return model_name(self.config["effective_settings"])

    @property
    def sees_future(self) -> bool:
        """Whether the network looks at what comes after a place too."""
        return bool(self.config["effective_settings"].get("attention") != "causal")

    @property
    def has_model(self) -> bool:
        """Whether there are weights and the dataset to use them with."""
        return self.dataset is not None and self.run.checkpoint("best").exists()

    @property
    def is_active(self) -> bool:
        """Whether it still waits or trains."""
        return self.status.state in ACTIVE_STATES


def read_runs(runs: Iterable[Run]) -> tuple[RunFacts, ...]:
    """Read the runs of a report.

    Raises:
        RunError: there are too many, one is named twice, or one has nothing to tell yet.
        FormatError: a run is damaged.
    """
    found = list(runs)
    if not 1 <= len(found) <= MAX_RUNS:
        raise RunError(
            f"a report is about 1 to {MAX_RUNS} runs, not {len(found)}",
            fix="Name fewer runs." if found else "Name a run.",
        )
    refuse_twice(found)
    labels = unique_labels({run.id: run.name for run in found})
    return tuple(_read_run(run, labels[run.id]) for run in found)


def _read_run(run: Run, label: str) -> RunFacts:
    curves = Curves()
    curves.update(run.journal)
    status = run.status()
    # What an earlier part of a run came to is not the result of one that goes on.
    summary = None if status.state in ACTIVE_STATES else run.summary()
    if not (curves.train or curves.valid or summary):
        raise RunError(
            f"run {run.name!r} is {status.state} and has nothing to report yet",
            fix="Wait until it has trained a little, or resume it.",
        )
    return RunFacts(
        run=run,
        label=label,
        config=run.config(),
        settings=run.hyperparameters(),
        status=status,
        curves=curves,
        summary=summary,
        judged=_judged(summary),
        unseen=_judged_scorers(summary, "unseen_users"),
        dataset=_dataset(run),
    )


def _dataset(run: Run) -> SequenceDataset | None:
    try:
        return run.dataset()
    except Bert4RecError:
        # Its run tells most of it without.
        return None


def _judged(summary: Mapping[str, Any] | None) -> dict[str, Judged]:
    """Return what each scorer reached; of old runs the metrics of the network alone are known."""
    if found := _judged_scorers(summary, "test"):
        return found
    known = (summary or {}).get("test")
    return {NETWORK: Judged(known, {}, {}, (), 0, 0)} if known else {}


def _judged_scorers(summary: Mapping[str, Any] | None, name: str) -> dict[str, Judged]:
    report = (summary or {}).get("report")
    part = report.get(name) if isinstance(report, dict) else None
    if not isinstance(part, dict) or NETWORK not in part:
        return {}
    return {scorer: _judged_part(told) for scorer, told in part.items()}


def _judged_part(told: Mapping[str, Any]) -> Judged:
    return Judged(
        metrics=told["metrics"],
        intervals={name: (low, high) for name, (low, high) in told.get("intervals", {}).items()},
        lists=told.get("lists", {}),
        slices=tuple(told.get("slices", ())),
        n_rows=int(told.get("n_rows", 0)),
        n_users=int(told.get("n_users", told.get("n_rows", 0))),
    )
