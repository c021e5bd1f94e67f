"""What is to be compared: runs of one dataset and one split, baselines, and against what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np

from bert4rec.baselines.catalogue import BASELINES, QUICK, Baseline, find_baselines
from bert4rec.comparing.categories import find_categories
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments, Split, split_dataset
from bert4rec.errors import RunError, SettingsError
from bert4rec.evaluation import choose_seen
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.runs.folder import Run
from bert4rec.runs.registry import refuse_twice
from bert4rec.runs.trend import trend_of
from bert4rec.training_part import TrainingPart

ENDED_STATES = ("finished", "stopped")
ALL, NONE = "all", "none"
# Why runs on one dataset cannot be compared, as a list of such runs says it.
OTHER_SPLIT, OTHER_SEEN = "of another split", "with seen items ranked otherwise"
# More rows than these are not judged: intervals are narrow long before.
MAX_ROWS = 100_000


@dataclass(frozen=True)
class Entrant:
    """One that is judged.

    Args:
        key: What it is called in tables: the id of a run, the name of a baseline.
        title: What a person reads.
        kind: `run` or `baseline`.
        about: What it goes by, in one sentence; of a run, nothing.
        source: Where a baseline comes from.
        parameters: What a baseline is fitted with, in words.
        uses: Of a run, `both sides` of a place or the `past` alone; of a baseline, its kind.
    """

    key: str
    title: str
    kind: str
    about: str = ""
    source: str = ""
    parameters: str = ""
    uses: str = ""


@dataclass(frozen=True, eq=False)
class Plan:
    """A comparison that can be carried out.

    Args:
        runs: Finished runs of one dataset and one split.
        dataset: The dataset.
        settings: Those of the first run; what is held out follows from them.
        split: What is held out.
        removes_seen: Whether seen items leave the rankings.
        seen_reason: Why.
        baselines: What is fitted beside the runs.
        left_out: Baselines that were asked for in general and cannot be fitted, with the reason.
        reference: Key of the one that all others are held against.
        with_sampled: Whether to rank among 100 sampled items as well, as the first paper did.
        seed: Chance behind fits, draws and resamples.
        max_rows: Rows judged of each part at most, drawn where there are more.
        category: Column that tells the items' categories; None takes the most telling one.
    """

    runs: tuple[Run, ...]
    dataset: SequenceDataset
    settings: Hyperparameters
    split: Split
    removes_seen: bool
    seen_reason: str
    baselines: tuple[Baseline, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    with_sampled: bool = False
    seed: int = 0
    max_rows: int = MAX_ROWS
    category: str | None = None

    @property
    def entrants(self) -> list[Entrant]:
        """Return who is judged, runs first; a run is told by its id from others of its name."""
        titles = run_titles(
            {run.id: run.name for run in self.runs}, [one.title for one in self.baselines]
        )
        found = [
            Entrant(key=run.id, title=titles[run.id], kind="run", uses=_sides(run))
            for run in self.runs
        ]
        return found + [
            Entrant(
                one.name, one.title, "baseline", one.about, one.source, one.parameters, one.kind
            )
            for one in self.baselines
        ]

    @cached_property
    def id(self) -> str:
        """Name it after what decides its figures, so that the same is found again."""
        decides: dict[str, Any] = {
            "version": version("bert4rec"),
            "dataset": self.dataset.fingerprint,
            "runs": [[run.id, run.checkpoint_ns("best"), training_of(run)] for run in self.runs],
            "baselines": [[one.name, one.parameters] for one in self.baselines],
            "with_sampled": self.with_sampled,
            "seed": self.seed,
            "max_rows": self.max_rows,
        }
        if self.category is not None:
            decides["category"] = self.category
        text = json.dumps(decides, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_titles(names: Mapping[str, str], others: Iterable[str]) -> dict[str, str]:
    """Return what runs are called beside each other and others, by id: no two the same."""
    called = [*names.values(), *others]
    return {
        run_id: name if called.count(name) == 1 else f"{name} ({run_id})"
        for run_id, name in names.items()
    }


def _sides(run: Run) -> str:
    """Return what a run's model looks at to fill a place; runs without the setting, at both."""
    attention = run.config()["effective_settings"].get("attention", "bidirectional")
    return "both sides" if attention == "bidirectional" else "past"


def training_of(run: Run) -> dict[str, Any]:
    """Return where a run was at its best, of the epochs that it did, why it ended and its trend.

    The best epoch is 0 where none was validated. The last one that was validated lies before the
    last one done where a run was cut short in between. The trend is a `Trend` as plain data.
    """
    summary, every = run.summary() or {}, run.hyperparameters().eval_step
    told = {name: summary.get(name, 0) for name in ("best_epoch", "n_epochs_done", "reason")}
    n_over = 0 if told["reason"] == "completed" or not every else told["n_epochs_done"] % every
    told |= {"last_valid_epoch": told["n_epochs_done"] - n_over}
    if run.status().best_score is None:
        return told | {"best_epoch": 0}
    found = trend_of(run)
    return told if found is None else told | {"trend": asdict(found)}


def plan_comparison(
    runs: Sequence[Run],
    baselines: Sequence[str] | str = QUICK,
    *,
    reference: str | None = None,
    with_sampled: bool = False,
    seed: int = 0,
    max_rows: int = MAX_ROWS,
    category: str | None = None,
) -> Plan:
    """Return a comparison of runs and baselines after checking that it can be carried out.

    Args:
        runs: Finished or stopped runs of one dataset and one split; one is enough.
        baselines: Names of the catalogue, or `all` or `none`. Of `all`, those that cannot be
            fitted here are left out and named with the reason.
        reference: Who the others are held against: id or name of one of the runs, or a
            baseline's name; the first run if omitted.
        with_sampled: Whether to rank among 100 sampled items as well.
        seed: Chance behind fits, draws and resamples.
        max_rows: Rows judged of each part at most.
        category: Column of the item table that tells categories; the most telling one if omitted.

    Raises:
        SettingsError: there is no run, a baseline that nobody knows, or no such reference or
            category.
        RunError: a run is named twice or is not finished, or the runs differ in dataset, split or
            seen items.
        NotFoundError: the dataset or a checkpoint is gone.
    """
    chosen = list(runs)
    if not chosen:
        raise SettingsError(
            ["there is no run to compare"],
            fix="Name a finished run: its split says what is held out.",
        )
    refuse_twice(chosen)
    for run in chosen:
        _check_ended(run)
    dataset = _common_dataset(chosen)
    if category is not None:
        find_categories(dataset.vocabulary, category)
    settings, split = chosen[0].hyperparameters(), _common_split(chosen, dataset)
    found, left_out = _choose_baselines(baselines, dataset.n_items)
    training = TrainingPart(dataset, split.train)
    removes_seen, seen_reason = chosen[0].seen_decision() or choose_seen(
        training, settings.seen_items
    )
    keys = {key: key for key in [run.id for run in chosen] + [one.name for one in found]}
    keys = {run.name: run.id for run in reversed(chosen)} | keys
    if reference is not None and reference not in keys:
        raise SettingsError(
            [f"the reference {reference!r} is not among those that are compared"],
            fix=f"They are {', '.join(dict.fromkeys(keys))}.",
        )
    return Plan(
        runs=tuple(chosen),
        dataset=dataset,
        settings=settings,
        split=split,
        removes_seen=removes_seen,
        seen_reason=seen_reason,
        baselines=tuple(found),
        left_out=left_out,
        reference=keys[reference] if reference is not None else chosen[0].id,
        with_sampled=with_sampled,
        seed=seed,
        max_rows=max_rows,
        category=category,
    )


def _check_ended(run: Run) -> None:
    state = run.status().state
    if state not in ENDED_STATES or not run.checkpoint("best").exists():
        raise RunError(
            f"run {run.name!r} is {state} and cannot be compared",
            where=run.id,
            fix="Compare finished or stopped runs.",
        )


def _common_dataset(runs: Sequence[Run]) -> SequenceDataset:
    told = {run.config()["dataset"]["fingerprint"]: run for run in runs}
    if len(told) > 1:
        names = [f"{run.name!r} on {run.config()['dataset']['name']!r}" for run in told.values()]
        raise RunError(
            f"the runs were trained on different datasets: {', '.join(names)}",
            fix="Compare runs of one dataset at a time.",
        )
    return runs[0].dataset()


def _common_split(runs: Sequence[Run], dataset: SequenceDataset) -> Split:
    """Return the split of all runs: same rows to train on, same rows to test.

    Raises:
        RunError: they differ.
    """
    for one, other in pairwise(runs):
        unlike = unlikeness(dataset, one.judged_settings(), other.judged_settings())
        if unlike == OTHER_SPLIT:
            raise RunError(
                f"runs {one.name!r} and {other.name!r} were split differently:"
                f" {_split_words(one)} and {_split_words(other)}",
                fix="Compare runs of one split at a time; each split has a comparison of its own.",
            )
        if unlike:
            raise RunError(
                f"of the runs {one.name!r} and {other.name!r} only one removes seen items",
                fix="Compare runs with the same seen_items.",
            )
    return split_dataset(dataset, runs[0].hyperparameters())


def unlikeness(dataset: SequenceDataset, one: Hyperparameters, other: Hyperparameters) -> str:
    """Return why two runs on a dataset cannot be compared, in words; nothing where they can.

    Raises:
        DatasetError: the dataset cannot be split as one of them asks.
    """
    split = split_dataset(dataset, one)
    if not same_split(split, split_dataset(dataset, other)):
        return OTHER_SPLIT
    training = TrainingPart(dataset, split.train)
    removes = [choose_seen(training, settings.seen_items)[0] for settings in (one, other)]
    return "" if removes[0] == removes[1] else OTHER_SEEN


def same_split(one: Split, other: Split) -> bool:
    """Whether two splits train on the same interactions and ask for the same items."""
    parts = ((one.train, other.train), (one.test, other.test), (one.unseen, other.unseen))
    return all(_same_rows(a, b) for a, b in parts)


def _same_rows(one: Segments, other: Segments) -> bool:
    return np.array_equal(one.starts, other.starts) and np.array_equal(one.ends, other.ends)


def _split_words(run: Run) -> str:
    settings = run.hyperparameters()
    words = str(settings.split_strategy)
    if settings.split_strategy == "last_k":
        words += f" of {settings.held_out_items}"
    if settings.split_strategy == "global_time":
        words += f" with {settings.held_out_share:g} held out"
    if settings.sample_strategy == "user_based":
        words += f", {settings.sample_ratio:g} of the users (seed {settings.sample_seed})"
    return words


def _choose_baselines(
    asked: Sequence[str] | str, n_items: int
) -> tuple[list[Baseline], dict[str, str]]:
    if isinstance(asked, str):
        if asked not in (ALL, NONE):
            raise SettingsError(
                [f"baselines can be {ALL!r} or {NONE!r}, not {asked!r}"],
                fix="Give a list of names to choose some.",
            )
        names = list(BASELINES) if asked == ALL else []
        obstacles = {name: BASELINES[name].obstacle(n_items) for name in names}
        left_out = {name: reason for name, reason in obstacles.items() if reason}
        return find_baselines(name for name in names if name not in left_out), left_out
    found = find_baselines(asked)
    problems = [reason for one in found if (reason := one.obstacle(n_items))]
    if problems:
        raise SettingsError(problems, fix="Leave these baselines out.")
    return found, {}
