"""Five consecutive hidden items filled for users that were held out whole, by several methods.

Nine tenths of the users train; for each other one the window ends at the newest item, and five
items in a row are hidden at a drawn place inside it, with items left on both sides. *Recovered* is
the share of the hidden items that were chosen anywhere among the five, with a 95% interval over
users; *in place*, that of those chosen at their own place; *in order*, the share of pairs of
recovered items that stand in the order in which they were hidden. No method may repeat an item.

Transition counts are fitted on the users that train: in order, each item by what followed the one
before it; and as the best path from the item before the gap to the item after it, which sees both
sides (Viterbi over counts smoothed by popularity).

Environment variables: BENCH_ML1M (the path of ml-1m.txt; left out where it is not there),
BENCH_COMPOSE (playlists,reading,courses,ml-1m), BENCH_SEEDS (42,43,44), BENCH_USERS (600).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import LOG
from bert4rec.baselines.transitions import Transitions
from bert4rec.composer.decoding import METHODS, Method, compose
from bert4rec.composer.outline import OPEN, Outline
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import prepare
from bert4rec.data.samples import SAMPLES, prepare_sample
from bert4rec.data.split import split_dataset
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.metrics import interval
from bert4rec.pipeline import train
from bert4rec.presets import PRESETS
from bert4rec.recommender import Recommender
from bert4rec.setting_checks import parse_settings

N_HIDDEN = 5
MIN_ITEMS = N_HIDDEN + 4
SMOOTHING = 5.0
# Ends of paths that are followed: the path of 37 of 40 windows was that of all ends.
BEAM = 400
HELD_OUT = {"sample_strategy": "user_based", "sample_ratio": 0.9}
# The sweeps alone are told apart as well, since they are what the rounds are followed by.
OURS = {
    "surest first, then looked at again": METHODS["confidence"],
    "surest first": Method(),
    "left to right, both sides seen": METHODS["left_to_right"],
    "left to right, past only": METHODS["next_item"],
    "all at once": METHODS["at_once"],
}

Filler = Callable[[Outline], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Task:
    """A window with hidden items.

    Args:
        outline: The window with gaps.
        hidden: What was there, by order.
    """

    outline: Outline
    hidden: list[int]


def measure_composer() -> list[dict[str, Any]]:
    """Return a row a data set and method, mean of all seeds."""
    names = os.environ.get("BENCH_COMPOSE", ",".join([*SAMPLES, "ml-1m"])).split(",")
    seeds = [int(seed) for seed in os.environ.get("BENCH_SEEDS", "42,43,44").split(",")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if (dataset := open_data(name, folder)) is not None:
                rows += measure_data(dataset, seeds, folder)
    return rows


def open_data(name: str, folder: str) -> SequenceDataset | None:
    """Prepare a sample, or ML-1M where it lies on this machine."""
    if name in SAMPLES:
        return prepare_sample(name, Path(folder))
    path = Path(os.environ.get("BENCH_ML1M", LOG))
    return prepare(path, workspace=folder, name=name) if path.is_file() else None


def measure_data(dataset: SequenceDataset, seeds: list[int], folder: str) -> list[dict[str, Any]]:
    """Train once a seed and fill the same windows by every method."""
    found: dict[str, list[np.ndarray]] = {}
    spent: dict[str, list[float]] = {}
    for seed in seeds:
        settings = parse_settings({**PRESETS["quick"].values, **HELD_OUT, "seed": seed})
        model = load_model(train(dataset, settings, workspace=folder))
        tasks = held_out_tasks(model)
        fillers = network_fillers(model)
        # Counts are the same for every seed, which draws the network alone.
        fillers |= {} if found else count_fillers(model)
        for name, fill in fillers.items():
            began = time.perf_counter()
            figures = np.array([judge(task, fill(task.outline)) for task in tasks])
            spent.setdefault(name, []).append((time.perf_counter() - began) / len(tasks))
            found.setdefault(name, []).append(figures)
    return [row(dataset.name, name, parts, spent[name]) for name, parts in found.items()]


def row(data: str, name: str, parts: list[np.ndarray], spent: list[float]) -> dict[str, Any]:
    """Return one method's figures; the interval is over users, of the mean of the seeds."""
    figures = np.stack(parts)[:, :, :2].mean(axis=0)
    low, high = interval(figures[:, 0])
    return {
        "data": data,
        "method": name,
        "users": len(figures),
        "recovered": round(float(figures[:, 0].mean()), 4),
        "95%": f"{low:.3f} to {high:.3f}",
        "in place": round(float(figures[:, 1].mean()), 4),
        "in order": round(float(np.nanmean(np.concatenate(parts)[:, 2])), 3),
        "by seed": " ".join(f"{part[:, 0].mean():.3f}" for part in parts),
        "ms": round(1000 * float(np.mean(spent)), 1),
    }


def held_out_tasks(model: Recommender) -> list[Task]:
    """Return a task for each held-out user, up to BENCH_USERS, with the same places every time."""
    dataset, length = model.dataset, model.settings.max_seq_length
    users = np.unique(split_dataset(dataset, model.settings).unseen.user_idx)
    users = users[dataset.lengths[users] >= MIN_ITEMS]
    chance = np.random.default_rng(0)
    users = chance.permutation(users)[: int(os.environ.get("BENCH_USERS", "600"))]
    tasks = []
    for user in users:
        items = dataset.history(int(user))[-length:].astype(int).tolist()
        start = int(chance.integers(2, len(items) - N_HIDDEN - 1))
        hidden = items[start : start + N_HIDDEN]
        places = [*items[:start], *[OPEN] * N_HIDDEN, *items[start + N_HIDDEN :]]
        tasks.append(Task(Outline(tuple(places)), hidden))
    return tasks


def judge(task: Task, filled: tuple[int, ...]) -> list[float]:
    """Return the share recovered, the share in place, and of recovered pairs those in order."""
    chosen = [filled[place] for place in task.outline.gaps]
    places = [task.hidden.index(item) for item in chosen if item in task.hidden]
    pairs = [a < b for at, a in enumerate(places) for b in places[at + 1 :]]
    n_in_place = sum(a == b for a, b in zip(chosen, task.hidden, strict=True))
    in_order = float(np.mean(pairs)) if pairs else float("nan")
    return [len(places) / N_HIDDEN, n_in_place / N_HIDDEN, in_order]


def network_fillers(model: Recommender) -> dict[str, Filler]:
    """Return the methods that ask the network, by name."""

    def filler(method: Method) -> Filler:
        return lambda outline: compose(model, outline, method=method).items

    return {name: filler(method) for name, method in OURS.items()}


def count_fillers(model: Recommender) -> dict[str, Filler]:
    """Return the methods that ask transition counts, by name."""
    rows = Histories.at(model.dataset, split_dataset(model.dataset, model.settings).train)
    transitions = Transitions.fit(rows, model.dataset.n_items)
    log_p = smoothed(transitions, rows, model.dataset.n_items)
    return {
        "transition counts, left to right": lambda o: filled_in_order(transitions, o),
        "transition counts, best path": lambda o: filled_by_path(log_p, o),
    }


def filled_in_order(transitions: Transitions, outline: Outline) -> tuple[int, ...]:
    """Fill each gap with what most often followed the item before it and is not there yet."""
    items = list(outline.places)
    for place in outline.gaps:
        scores = transitions.scores(Histories.of([items[:place]]))[0].numpy()
        scores[[item - 1 for item in items if item != OPEN]] = -np.inf
        items[place] = int(scores.argmax()) + 1
    return tuple(items)


def smoothed(transitions: Transitions, rows: Histories, n_items: int) -> np.ndarray:
    """Return log-probabilities of each item after each other one, float32 (N, N)."""
    counts = np.bincount(rows.items, minlength=n_items + 1)[1:] + 1.0
    followed = transitions.followed.toarray() + SMOOTHING * counts / counts.sum()
    log_p: np.ndarray = np.log(followed / followed.sum(axis=1, keepdims=True))
    return log_p.astype(np.float32)


def filled_by_path(log_p: np.ndarray, outline: Outline) -> tuple[int, ...]:
    """Fill the gaps with the most probable path between the items on both sides of them."""
    items, gaps = list(outline.places), outline.gaps
    bar = np.zeros(len(log_p), dtype=np.float32)
    bar[[item - 1 for item in items if item != OPEN]] = -np.inf
    best = log_p[items[gaps[0] - 1] - 1] + bar
    came_from = []
    for _ in gaps[1:]:
        beam = np.argsort(-best)[:BEAM]
        ways = best[beam, None] + log_p[beam]
        came_from.append(beam[ways.argmax(axis=0)])
        best = ways.max(axis=0) + bar
    at = int((best + log_p[:, items[gaps[-1] + 1] - 1]).argmax())
    for place, before in zip(reversed(gaps), [*reversed(came_from), None], strict=True):
        items[place] = at + 1
        at = int(before[at]) if before is not None else at
    return tuple(items)
