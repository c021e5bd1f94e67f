"""The baselines beside published figures: the last item of each user of ML-1M among 99 others.

The protocol of the neural collaborative filtering paper (He et al. 2017): the last item of each
user tests, everything before is fitted on, and it is ranked among 99 items drawn uniformly from
those that the user never met. Such figures say how a baseline compares with others of its kind, not
how good it is: for that, rank the whole catalogue (`bert4rec compare`).

Published, tuned by their authors: popularity, SLIM and iALS by Rendle et al. 2020, "Neural
collaborative filtering vs. matrix factorization revisited"; item neighbours by Ferrari Dacrema et
al. 2019, "Are we really making much progress?". SLIM is the nearest relative of EASE. They use all
3,706 films; `ml-1m.txt` has the 3,416 that five people rated, whose rarer ones are no easy others.

Environment variables: BENCH_ML1M (its path), BENCH_SEEDS (42,43,44: of the others).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import LOG
from bert4rec.baselines.catalogue import BASELINES
from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.comparing.figures import gains_of
from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.prepare import prepare
from bert4rec.data.split import Segments
from bert4rec.device import n_usable_cores
from bert4rec.score_blocks import Scorer

N_OTHERS = 99
BLOCK_ROWS = 512
PUBLISHED = {
    "popularity": ("popularity", 0.4535, 0.2543),
    "item-knn": ("item neighbours", 0.6596, 0.3900),
    "als": ("iALS", 0.7111, 0.4383),
    "ease": ("SLIM", 0.7162, 0.4468),
}
Row = dict[str, Any]


def measure_baselines() -> list[Row]:
    """Return a row a baseline, with what was published of it or of the like."""
    path = Path(os.environ.get("BENCH_ML1M", LOG))
    if not path.is_file():
        raise SystemExit(f"ml-1m.txt is not at {path}; say where it is with BENCH_ML1M")
    seeds = [int(seed) for seed in os.environ.get("BENCH_SEEDS", "42,43,44").split(",")]
    with tempfile.TemporaryDirectory() as folder:
        dataset = prepare(path, workspace=folder)
        before_last = Segments(
            np.arange(dataset.n_users), dataset.offsets[:-1], dataset.offsets[1:] - 1
        )
        train = TrainingRows.of(dataset, before_last, seed=seeds[0], n_threads=n_usable_cores())
        asked = [choices(dataset, np.random.default_rng(seed)) for seed in seeds]
        return [measure_baseline(name, train, asked) for name in BASELINES]


def measure_baseline(name: str, train: TrainingRows, asked: list[np.ndarray]) -> Row:
    """Fit a baseline and judge it among the others of each seed."""
    scorer = BASELINES[name].fit(train)
    ranks = [ranks_among(scorer, train, choices_nc) for choices_nc in asked]
    found = {
        metric: float(np.mean([gains_of(of_seed, metric).mean() for of_seed in ranks]))
        for metric in ("hr@10", "ndcg@10")
    }
    like, *published = PUBLISHED.get(name, ("", None, None))
    return {
        "baseline": name,
        "HR@10": round(found["hr@10"], 4),
        "NDCG@10": round(found["ndcg@10"], 4),
        "published": like,
        "its HR@10": published[0] or "",
        "its NDCG@10": published[1] or "",
    }


def choices(dataset: SequenceDataset, rng: np.random.Generator) -> np.ndarray:
    """Return each user's last item and, after it, items never met, int64 (n_users, 1 + 99)."""
    rows = []
    for user in range(dataset.n_users):
        history = dataset.history(user)
        unmet = np.setdiff1d(np.arange(1, dataset.n_items + 1), history)
        rows.append([int(history[-1]), *rng.choice(unmet, N_OTHERS, replace=False)])
    return np.array(rows, dtype=np.int64)


def ranks_among(scorer: Scorer, train: TrainingRows, choices_nc: np.ndarray) -> np.ndarray:
    """Return the rank of the first of each user's choices, from 0; ties count against it."""
    found = []
    for start in range(0, len(choices_nc), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(choices_nc)))
        scores = scorer.scores(train.histories.take(rows)).numpy()
        of_choices = np.take_along_axis(scores, choices_nc[rows] - 1, axis=1)
        found.append((of_choices[:, 1:] >= of_choices[:, :1]).sum(axis=1))
    return np.concatenate(found)
