"""Scorers judged on the same rows: ranks, lists and, if asked for, ranks among sampled items."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import Tensor

from bert4rec.baselines.training_rows import TrainingRows
from bert4rec.comparing.plan import Entrant, Plan
from bert4rec.comparing.sampled import sampled_items
from bert4rec.control import Control
from bert4rec.data.split import Segments
from bert4rec.device import choose_for
from bert4rec.errors import RunError
from bert4rec.evaluation import judge, judge_among
from bert4rec.histories import Histories
from bert4rec.loaded_model import load_model
from bert4rec.score_blocks import Scorer, SharedScorer, Told, VectorScorer

# Of what an entrant takes whose fit tells how far it is.
FIT_SHARE = 0.5
PARTS = ("test", "unseen_users")


class CancelledError(RunError):
    """A comparison that was stopped before it was done."""


@dataclass(frozen=True)
class Step:
    """How far a comparison has come.

    Args:
        done: Entrants that are judged.
        doing: What is being done, in words.
        share: Share of the whole that is done, 0 to 1.
    """

    done: int
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

    def exceptions(self, histories: Histories) -> Told:
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
        # Stages before entrants are judged; behind them come the figures, and each run's future.
        self.n_drawn = 1 if plan.with_sampled else 0
        # Who looks on would think that it still waits for its turn.
        self._tell(0, "Reading what was trained on", 0.0)
        self.train = TrainingRows.of(
            plan.dataset,
            plan.split.train,
            seed=plan.seed,
            n_threads=self.choice.n_threads,
            tell=self._tell_fit,
        )
        self.parts = {name: self._part(rows) for name, rows in _asked(plan) if len(rows)}
        self.seconds: dict[str, Seconds] = {}
        # What is being fitted, the stage that it belongs to, and the share of that which it took.
        self._fitting, self._fitting_at, self._fitted = "", 0, 0.0
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
        for done, entrant in enumerate(entrants, self.n_drawn):
            verb = "Loading" if entrant.kind == "run" else "Fitting"
            self._fitting, self._fitting_at = f"{verb} {entrant.title}", done
            self._tell_fit(0.0)
            started = time.monotonic()
            scorer = self._scorer(entrant)
            fitted = time.monotonic()
            self._judge(done, entrant, scorer)
            judged = time.monotonic()
            self.seconds[entrant.key] = Seconds(fitted - started, judged - fitted)

    def tell_figures(self, doing: str, share: float) -> None:
        """Tell what is worked out once everybody is judged, and which share of that is done.

        Raises:
            CancelledError: a stop was asked for.
        """
        self._tell(self.n_drawn + len(self.plan.entrants), doing, share)

    def tell_future(self, n_asked: int, doing: str, share: float) -> None:
        """Tell how far a run has answered whether the future matters, after so many others.

        Raises:
            CancelledError: a stop was asked for.
        """
        self._tell(self.n_drawn + len(self.plan.entrants) + 1 + n_asked, doing, share)

    def _tell_fit(self, share: float) -> None:
        self._fitted = share * FIT_SHARE
        self._tell(self._fitting_at, self._fitting, self._fitted)

    def _draw_negatives(self) -> None:
        n_rows, n_before = sum(len(part.rows) for part in self.parts.values()), 0

        def tell(n: int) -> None:
            # In steps, as a log has a line for each.
            done = (n_before + n) / n_rows
            self._tell(0, f"Drawing sampled items, {10 * int(10 * done)}% done", done)

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
        n_rows = sum(len(part.rows) for part in self.parts.values())
        n_asked = 0

        def tell(n: int) -> None:
            nonlocal n_asked
            n_asked += n
            share = self._fitted + (1 - self._fitted) * min(1.0, n_asked / n_rows)
            self._tell(done, f"Judging {entrant.title}", share)

        watched = _watched(scorer, tell)
        for name, part in self.parts.items():
            ask = judge
            if self._negatives:
                ask = partial(judge_among, among=self._negatives[name])
            found = ask(
                watched,
                self.plan.dataset,
                part.rows,
                batch_size=self.plan.settings.eval_batch_size,
                remove_seen=self.plan.removes_seen,
                n_threads=self.choice.n_side_by_side,
            )
            part.ranks[entrant.key] = found.ranks
            part.lists[entrant.key] = found.top.astype(np.int32)
            if found.among_ranks is not None:
                part.sampled[entrant.key] = found.among_ranks

    def _tell(self, done: int, doing: str, share: float) -> None:
        if self.control.is_stopped:
            raise CancelledError("the comparison was stopped", fix="Start it again when you like.")
        n = len(self.plan.entrants)
        n_judged = min(max(done - self.n_drawn, 0), n)
        n_stages = self.n_drawn + n + 1 + len(self.plan.runs)
        self.watch(Step(n_judged, doing, (done + share) / n_stages))


def _asked(plan: Plan) -> Iterator[tuple[str, Segments]]:
    yield from zip(PARTS, (plan.split.test, plan.split.unseen), strict=True)
