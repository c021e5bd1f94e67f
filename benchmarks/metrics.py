"""Our metrics beside RecTools', from the same scores: where they differ, one of us is wrong.

Random scores in the cases that ranking has to get right: `different` has no two equal scores,
`equal` has 60 different ones among 200 items, `few items` a catalogue shorter than most lists,
`all met` rows in which everything but the held-out item was met, `lost` ones in which that was met
as well and so cannot be found, `none` no rows. RecTools sorts by itself, in an environment of its
own, and puts the held-out item behind its equals, since ours counts them against the model. Metrics
of lists, of ten items each, are compared where every row has ten candidates. RecTools' novelty is
against users, ours against interactions: it is shifted by the constant that lies between.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from benchmarks.peers.environments import python_of
from bert4rec.comparing.categories import Categories
from bert4rec.comparing.list_figures import ListContext, list_figures
from bert4rec.histories import Histories
from bert4rec.metrics import mean_metrics
from bert4rec.ranking import ranks_of, remove_items, top_items

ROOT = Path(__file__).parents[1]
LIST_LENGTH, N_CATEGORIES = 10, 4
TOLERANCE = 1e-9
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """Scores of all items for some rows, one held-out item each.

    Args:
        scores: float32 (n, N).
        targets: The held-out items, 1..N, (n,).
        met: The items that leave each row.
        categories: One an item, (N,).
    """

    scores: np.ndarray
    targets: np.ndarray
    met: list[np.ndarray]
    categories: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """How often each item was met, (N,)."""
        items = np.concatenate([np.empty(0, dtype=np.int64), *self.met])
        return np.bincount(items - 1, minlength=self.scores.shape[1])

    @property
    def has_lists(self) -> bool:
        """Whether every row has candidates for a whole list."""
        n_items = self.scores.shape[1]
        return bool(self.met) and all(n_items - len(met) >= LIST_LENGTH for met in self.met)


def cases() -> Iterator[tuple[str, Case]]:
    """Yield the cases by name."""
    chance = np.random.default_rng(0)

    def case(
        n_rows: int, n_items: int, n_met: int, n_scores: int | None = None, *, is_lost: bool = False
    ) -> Case:
        scores = np.stack(
            [chance.permutation(n_items) for _ in range(n_rows)] or [np.empty(n_items)]
        )[:n_rows]
        if n_scores:
            scores = scores % n_scores
        orders = [1 + chance.permutation(n_items) for _ in range(n_rows)]
        targets = np.array([order[0] for order in orders], dtype=np.int64)
        categories = chance.integers(0, N_CATEGORIES, n_items)
        first = 0 if is_lost else 1
        met = [order[first : first + n_met] for order in orders]
        return Case(scores.astype(np.float32), targets, met, categories)

    yield "different", case(500, 200, 30)
    yield "equal", case(500, 200, 30, n_scores=60)
    yield "few items", case(50, 4, 1, n_scores=2)
    yield "all met", case(50, 40, 39)
    yield "lost", case(50, 8, 3, is_lost=True)
    yield "none", case(0, 40, 0)


def measure_metrics() -> list[Row]:
    """Return a row for each case: how many metrics were compared, and where they differ most."""
    rows = []
    for name, case in cases():
        ours, theirs = our_metrics(case), their_metrics(case)
        differences = {metric: abs(ours[metric] - theirs[metric]) for metric in ours}
        worst = max(differences, key=lambda metric: differences[metric])
        rows.append(
            {
                "case": name,
                "rows": len(case.targets),
                "metrics": len(ours),
                "largest difference": f"{differences[worst]:.1e}",
                "in": worst,
                "ours": round(ours[worst], 6),
                "RecTools": round(theirs[worst], 6),
                "ndcg@10": round(ours["ndcg@10"], 4),
                "agree": differences[worst] <= TOLERANCE,
            }
        )
    return rows


def our_metrics(case: Case) -> dict[str, float]:
    """Return all metrics as the product computes them."""
    met = Histories.of(case.met)
    scores = remove_items(torch.from_numpy(case.scores.copy()), met.rows, met.items)
    targets = torch.from_numpy(case.targets)
    found = mean_metrics(ranks_of(scores, targets).numpy())
    if case.has_lists:
        top = top_items(scores, LIST_LENGTH)[0].numpy()
        figures = list_figures(top, context_of(case, met))
        names = ("coverage", "novelty", "diversity", "popularity")
        found |= {name: float(figures[name] or 0.0) for name in names}
    return found


def context_of(case: Case, met: Histories) -> ListContext:
    """Return what lists are held against; each item has one category."""
    n_items = len(case.categories)
    ones = np.ones(n_items), (np.arange(n_items), case.categories)
    of_items = csr_array(ones, shape=(n_items, N_CATEGORIES))
    categories = Categories("category", list(map(str, range(N_CATEGORIES))), of_items)
    return ListContext(met, n_items, case.counts, met, categories)


def their_metrics(case: Case) -> dict[str, float]:
    """Return the same metrics by RecTools."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.npz"
        met = Histories.of(case.met)
        np.savez(
            path,
            scores=case.scores,
            targets=case.targets,
            met_rows=met.rows,
            met_items=met.items,
            categories=case.categories,
            list_length=LIST_LENGTH if case.has_lists else 0,
        )
        module = "benchmarks.peers.rectools_metrics"
        command = [str(python_of("rectools")), "-m", module, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"RecTools: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
