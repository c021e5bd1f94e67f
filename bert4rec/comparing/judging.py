"""Scorers judged on the same rows: ranks, lists and, if asked for, ranks among sampled items."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.comparing.plan import Entrant, Plan
from bert4rec.control import Control
from bert4rec.data.split import Segments
from bert4rec.device import choose_for
from bert4rec.errors import RunError
from bert4rec.evaluation import judge
from bert4rec.histories import Histories
from bert4rec.recommender import load_model
from bert4rec.score_blocks import Blocks, Scorer, SharedScorer, VectorScorer, score_blocks
from bert4rec.threads import side_by_side

PARTS = ("test", "unseen_users")
N_SAMPLED = 100
# Rows between two looks at whether a stop was asked for.
TELL_EVERY = 50


class CancelledError(RunError):
    """A comparison that was stopped before it was done."""


@dataclass(frozen=True)
class Step:
    """How far a comparison has come.

    Args:
        done: Entrants that are judged.
        n_entrants: All of them.
        doing: What is being done, in words.
        share: Share of the whole that is done, 0 to 1.
    """

    done: int
    n_entrants: int
    doing: str
    share: float


Watch = Callable[[Step], None]


@dataclass(frozen=True, eq=False)
class JudgedPart:
    """All entrants on the rows of one part.

    Args:
        rows: The judged histories, whose next interaction was asked for.
        targets: Those items, indices 1..N, int64 (n,).
        n_all: How many rows the part has, of which these may be a draw.
        ranks: By entrant, the rank of each target from 0, int64 (n,).
        lists: By entrant, the best items of each row, int32 (n, K).
        sampled: By entrant, the rank among 100 sampled items, from 0; empty unless asked for.
    """

    rows: Segments
    targets: np.ndarray
    n_all: int
    ranks: dict[str, np.ndarray] = field(default_factory=dict)
    lists: dict[str, np.ndarray] = field(default_factory=dict)
    sampled: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Seconds:
    """What an entrant took on this machine: to be fitted (a run: to be loaded) and judged."""

    fit_s: float
    judge_s: float


class _Watched:
    """A scorer that counts the rows it is asked about, and ends where a stop was asked for."""

    def __init__(self, scorer: Scorer, tell: Callable[[int], None]) -> None:
        self.scorer = scorer
        self.tell = tell

    def scores(self, histories: Histories) -> Tensor:
        self.tell(len(histories))
        return self.scorer.scores(histories)


class _WatchedVectors(_Watched):
    """The same of a scorer with vectors."""

    scorer: VectorScorer

    def vectors(self, histories: Histories) -> Tensor:
        self.tell(len(histories))
        return self.scorer.vectors(histories)

    def item_vectors(self) -> Tensor:
        return self.scorer.item_vectors()


class _WatchedShared(_Watched):
    """The same of a scorer that gives nearly all items the same score whoever asks."""

    scorer: SharedScorer

    @property
    def common(self) -> np.ndarray:
        return self.scorer.common

    def exceptions(self, histories: Histories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.tell(len(histories))
        return self.scorer.exceptions(histories)


def _watched(scorer: Scorer, tell: Callable[[int], None]) -> Scorer:
    """Return a scorer of the same kind."""
    if isinstance(scorer, VectorScorer):
        return _WatchedVectors(scorer, tell)
    return (_WatchedShared if isinstance(scorer, SharedScorer) else _Watched)(scorer, tell)


class Judging:
    """The work of a comparison: entrant after entrant is opened or fitted, and judged.

    Args:
        plan: What is compared.
        control: Asked between batches whether to end.
        watch: Told of every step.
    """

    def __init__(self, plan: Plan, control: Control, watch: Watch) -> None:
        self.plan = plan
        self.control = control
        self.watch = watch
        self.choice = choose_for(plan.settings)
        self.train = TrainingRows.of(
            plan.dataset, plan.split.train, seed=plan.seed, n_threads=self.choice.n_threads
        )
        self.parts = {name: self._part(rows) for name, rows in _asked(plan) if len(rows)}
        self.seconds: dict[str, Seconds] = {}
        self._negatives: dict[str, np.ndarray] = {}

    def _part(self, rows: Segments) -> JudgedPart:
        n_all = len(rows)
        if n_all > self.plan.max_rows:
            rng = np.random.default_rng(self.plan.seed)
            rows = rows.take(np.sort(rng.choice(n_all, self.plan.max_rows, replace=False)))
        targets = np.asarray(self.plan.dataset.items[rows.ends], dtype=np.int64)
        return JudgedPart(rows, targets, n_all)

    def carry_out(self) -> None:
        """Judge everybody.

        Raises:
            CancelledError: a stop was asked for.
        """
        if self.plan.with_sampled:
            self._draw_negatives()
        entrants = self.plan.entrants
        for done, entrant in enumerate(entrants):
            verb = "Loading" if entrant.kind == "run" else "Fitting"
            self._tell(done, f"{verb} {entrant.title}", 0.0)
            started = time.monotonic()
            scorer = self._scorer(entrant)
            fitted = time.monotonic()
            self._judge(done, entrant, scorer)
            judged = time.monotonic()
            self.seconds[entrant.key] = Seconds(fitted - started, judged - fitted)
        self.tell_end("Working out figures")

    def tell_end(self, doing: str) -> None:
        """Tell what is done once everybody is judged.

        Raises:
            CancelledError: a stop was asked for.
        """
        self._tell(len(self.plan.entrants), doing, 0.0)

    def _draw_negatives(self) -> None:
        n_rows, n_before = sum(len(part.rows) for part in self.parts.values()), 0

        def tell(n: int) -> None:
            # In steps, as a log has a line for each.
            tenths = 10 * (n_before + n) // n_rows
            self._tell(0, f"Drawing sampled items, {10 * tenths}% done", 0.0)

        for name, part in self.parts.items():
            self._negatives[name] = sampled_items(part.rows, self.plan, self.train.counts, tell)
            n_before += len(part.rows)

    def _scorer(self, entrant: Entrant) -> Scorer:
        if entrant.kind == "run":
            run = next(run for run in self.plan.runs if run.id == entrant.key)
            # As the run itself is judged, also where it was trained elsewhere.
            return load_model(run, device=self.choice.device).scorer
        baseline = next(one for one in self.plan.baselines if one.name == entrant.key)
        return baseline.fit(self.train)

    def _judge(self, done: int, entrant: Entrant, scorer: Scorer) -> None:
        n_passes = 2 if self._negatives else 1
        n_rows = n_passes * sum(len(part.rows) for part in self.parts.values())
        n_asked = 0

        def tell(n: int) -> None:
            nonlocal n_asked
            n_asked += n
            self._tell(done, f"Judging {entrant.title}", min(1.0, n_asked / n_rows))

        watched = _watched(scorer, tell)
        for name, part in self.parts.items():
            found = judge(
                watched,
                self.plan.dataset,
                part.rows,
                batch_size=self.plan.settings.eval_batch_size,
                remove_seen=self.plan.removes_seen,
                n_threads=self.choice.n_side_by_side,
            )
            part.ranks[entrant.key] = found.ranks
            part.lists[entrant.key] = found.top.astype(np.int32)
            if self._negatives:
                items = self._negatives[name]
                part.sampled[entrant.key] = self._sampled_ranks(watched, part, items)

    def _sampled_ranks(self, scorer: Scorer, part: JudgedPart, items: np.ndarray) -> np.ndarray:
        """Return the rank of each target among its sampled items, ties against, int64 (n,)."""
        ranks = np.empty(len(part.rows), dtype=np.int64)
        asked = np.concatenate([part.targets[:, None], items], axis=1)

        @torch.inference_mode()
        def rank(batch: slice) -> None:
            histories = Histories.at(self.plan.dataset, part.rows.take(batch))
            for rows, blocks in score_blocks(scorer, histories, self.plan.dataset.n_items):
                found = scores_of(blocks, asked[batch][rows])
                ranks[batch][rows] = (found[:, 1:] >= found[:, :1]).sum(dim=1).cpu().numpy()

        size, n_threads = self.plan.settings.eval_batch_size, self.choice.n_side_by_side
        side_by_side(rank, len(part.rows), size, n_threads)
        return ranks

    def _tell(self, done: int, doing: str, share: float) -> None:
        if self.control.is_stopped:
            raise CancelledError("the comparison was stopped", fix="Start it again when you like.")
        n = len(self.plan.entrants)
        self.watch(Step(done, n, doing, (done + share) / max(n, 1)))


def _asked(plan: Plan) -> Iterator[tuple[str, Segments]]:
    yield from zip(PARTS, (plan.split.test, plan.split.unseen), strict=True)


def scores_of(blocks: Blocks, items_bm: np.ndarray) -> Tensor:
    """Return the scores of chosen items of each row, float32 (B, M).

    Args:
        blocks: Scores of B rows for N items.
        items_bm: Item indices 1..N, (B, M).
    """
    found = None
    for start, block in blocks:
        column = torch.as_tensor(items_bm - 1 - start, device=block.device)
        is_here = (column >= 0) & (column < block.shape[1])
        scores = block.gather(1, column.clamp(0, block.shape[1] - 1))
        found = scores if found is None else torch.where(is_here, scores, found)
    if found is None:
        return torch.empty(items_bm.shape)
    return found


def sampled_items(
    rows: Segments, plan: Plan, counts: np.ndarray, tell: Callable[[int], None]
) -> np.ndarray:
    """Draw 100 items for each row by popularity, none that the user ever met, int64 (n, 100).

    A small catalogue is drawn from with repeats; a user who met everything gets any items.

    Args:
        rows: The judged histories.
        plan: What is compared.
        counts: How often each item occurs in training, (N,).
        tell: Told now and then of how many rows are done.

    Cost: a draw from the whole catalogue for each row.

    Source: Sun et al. 2019, section 4.2. Its figures are inconsistent with those of the whole
    catalogue (Krichene & Rendle 2020) and only serve to read that paper's table.
    """
    dataset, rng = plan.dataset, np.random.default_rng(plan.seed)
    weights = counts + 1e-9
    drawn = np.empty((len(rows), N_SAMPLED), dtype=np.int64)
    for row, user_idx in enumerate(rows.user_idx):
        if row % TELL_EVERY == 0:
            tell(row)
        free = weights.copy()
        free[dataset.history(int(user_idx)) - 1] = 0
        if not free.any():
            free = weights
        n_free = int((free > 0).sum())
        drawn[row] = 1 + rng.choice(
            len(free), N_SAMPLED, replace=n_free < N_SAMPLED, p=free / free.sum()
        )
    return drawn
