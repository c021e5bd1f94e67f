"""Quality on ML-1M: NDCG@10 over the whole catalogue, seen items removed, and seconds to a target.

Split K: the last item of each user tests, the one before validates, neither is trained on, and the
validation item is in the test input. Split P (Petrov & Macdonald 2022): the one before the last
validates for 2,048 users and is trained on for all others. Validation picks the epoch, test only
reports. The target is the best published BERT4Rec, NDCG@10 0.1618 (RecTools, on split P).

The file is `ml-1m.txt`, `user item` a line, oldest first; GroupLens does not allow passing it on.

Environment variables: BENCH_ML1M (its path), BENCH_PRESET (balanced), BENCH_SPLITS (K,P),
BENCH_ATTENTION (bidirectional; causal is SASRec),
BENCH_SEEDS (42,43,44), BENCH_MINUTES (a limit for each training).
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bert4rec.data.dataset import SequenceDataset, open_dataset
from bert4rec.data.prepare import prepare
from bert4rec.data.split import Split
from bert4rec.events import Event, Validated
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings
from bert4rec.workshop import Workshop, batches_of

TARGET = 0.1618
N_VALIDATED = 2_048
LOG = Path(__file__).parents[2] / "shared" / "data" / "ml-1m" / "ml-1m.txt"


def measure_quality() -> list[dict[str, Any]]:
    """Return a row a split and seed."""
    path = Path(os.environ.get("BENCH_ML1M", LOG))
    if not path.exists():
        raise SystemExit(f"ml-1m.txt is not at {path}; say where it is with BENCH_ML1M")
    splits = os.environ.get("BENCH_SPLITS", "K,P").split(",")
    seeds = [int(seed) for seed in os.environ.get("BENCH_SEEDS", "42,43,44").split(",")]
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(path) if path.is_dir() else prepare(path, workspace=folder)
        return [measure_run(dataset, split, seed) for split in splits for seed in seeds]


def measure_run(dataset: SequenceDataset, split: str, seed: int) -> dict[str, Any]:
    """Train once; seconds are those of training with its validations."""
    preset = os.environ.get("BENCH_PRESET", "balanced")
    minutes = os.environ.get("BENCH_MINUTES")
    limit = {"max_minutes": minutes} if minutes else {}
    asked = {"attention": os.environ.get("BENCH_ATTENTION", "bidirectional"), "seed": seed}
    settings = parse_settings({**PRESETS[preset].values, **asked, **limit})
    workshop = Workshop.open(dataset, settings)
    if split == "P":
        workshop = on_split_p(workshop)
    reached_s: list[float] = []
    best: dict[str, Any] = {}

    def note(event: Event) -> None:
        if not isinstance(event, Validated):
            return
        if event.metrics["ndcg@10"] >= TARGET:
            reached_s.append(event.position.trained_s)
        if event.is_best:
            weights = workshop.network.state_dict()
            best.update({name: value.clone() for name, value in weights.items()})

    trainer = workshop.trainer(note)
    trainer.run()
    workshop.network.load_state_dict(best)
    test = workshop.judge(workshop.scorer, workshop.split.test).metrics()
    return {
        "model": settings.model_name,
        "preset": preset,
        "split": split,
        "seed": seed,
        "best epoch": trainer.position.best_epoch,
        "valid NDCG@10": round(trainer.position.best_score or 0, 4),
        "test NDCG@10": round(test["ndcg@10"], 4),
        "test HR@10": round(test["hr@10"], 4),
        "seconds": round(trainer.position.trained_s),
        f"seconds to {TARGET}": round(reached_s[0]) if reached_s else "not reached",
        "threads": workshop.choice.n_threads,
    }


def on_split_p(workshop: Workshop) -> Workshop:
    """Train on the validation item of all but 2,048 users, and validate on those alone."""
    split = workshop.split
    chosen = np.random.default_rng(0).permutation(len(split.valid))[:N_VALIDATED]
    validated = np.isin(split.train.user_idx, split.valid.user_idx[chosen])
    is_judged = np.isin(split.train.user_idx, split.valid.user_idx)
    train = replace(split.train, ends=split.train.ends + (is_judged & ~validated))
    loss_type = workshop.objective.loss_type
    batches = batches_of(workshop.dataset, train, workshop.settings, workshop.choice, loss_type)
    cut = Split(train, split.valid.take(chosen), split.test, split.unseen)
    return replace(workshop, split=cut, batches=batches)
