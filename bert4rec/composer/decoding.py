"""Gaps filled one after the other, the surest first, and looked at again when all are filled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert4rec.composer.outline import OPEN, Outline
from bert4rec.composer.room import best_set, check_limits, check_room, leaves_room, limits_of
from bert4rec.composer.rules import allowed_at, bind_rules, broken_rules, why_nothing
from bert4rec.composer.taste import Taste
from bert4rec.composer.views import gap_scores, view, view_scores
from bert4rec.errors import SettingsError
from bert4rec.recommender import Recommender
from bert4rec.words import counted

# Longer outlines fix several gaps a round, so that a fill costs about as many passes at most.
MAX_ROUNDS = 24
MAX_SWEEPS = 4
# A choice is changed for one that is ten times as probable, given all others, and not for less:
# changing for any gain lost a twentieth of the items recovered on the reading lists (docs/LOG.md).
CLEAR_GAIN = math.log(10)
# A fill that had to take back more choices than this is given up.
MAX_UNDONE = 500
# Where limits are all that bars, items that fit are found without the search: it may predict so
# many places again before (a pass costs by the places of the sequence).
MAX_PLACES_AGAIN = 5_000
N_ALTERNATIVES = 5


@dataclass(frozen=True)
class Method:
    """In which order gaps are filled, and what is known of the others meanwhile.

    Args:
        is_in_order: From the first gap to the last, instead of the surest first.
        predicts_anew: Whether each choice is seen by the next one.
        context: What a place may see: past, future or both.
        max_sweeps: How often all choices are looked at again once all gaps are filled.
    """

    is_in_order: bool = False
    predicts_anew: bool = True
    context: str = "both"
    max_sweeps: int = 0


METHODS = {
    "confidence": Method(max_sweeps=MAX_SWEEPS),
    "left_to_right": Method(is_in_order=True),
    "next_item": Method(is_in_order=True, context="past"),
    "at_once": Method(predicts_anew=False),
}


@dataclass(frozen=True)
class Choice:
    """What was put into a gap.

    Args:
        place: The position, from 0.
        item_idx: The item, 1..N.
        probability: Its share among all items that may stand there, given everything else in the
            sequence as it is in the end, with novelty and diversity as asked for.
        round: The round in which it was chosen, from 0; those of the sweeps go on counting.
        n_allowed: How many items may stand there.
        alternatives: The best other items that may stand there, with their probabilities.
    """

    place: int
    item_idx: int
    probability: float
    round: int
    n_allowed: int
    alternatives: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Composition:
    """A filled outline.

    Args:
        outline: What was asked for.
        items: The whole sequence, item indices 1..N.
        choices: What was put into the gaps, by position.
        n_rounds: Rounds that filled the gaps; those of which nothing stayed are not counted.
        n_changed: Choices that were changed when they were looked at again.
        notes: How the kept items break rules by themselves, a line each.
    """

    outline: Outline
    items: tuple[int, ...]
    choices: tuple[Choice, ...]
    n_rounds: int
    n_changed: int
    notes: tuple[str, ...] = ()

    @property
    def fit(self) -> float:
        """Geometric mean of the choices' probabilities, 1 without any: how well all fit."""
        logs = [math.log(max(one.probability, 1e-300)) for one in self.choices]
        return math.exp(sum(logs) / len(logs)) if logs else 1.0


def compose(
    recommender: Recommender, outline: Outline, *, method: str | Method = "confidence"
) -> Composition:
    """Fill the gaps of an outline.

    With `confidence`, each round predicts all gaps from what stands around them and fixes the
    surest choice, which the next round sees. When all are filled, each choice is hidden and
    predicted anew from all others, and those beside which another is ten times as probable are
    changed, the least sure first, until there is none or after some sweeps; the best state that was
    met is kept, by the product of the choices' probabilities. Where rules leave a gap without any
    item, choices are taken back; where that leads nowhere, the search starts again with items that
    fill all gaps within the limits together. What is kept stays, also where it breaks a rule by
    itself; no choice adds to that.

    Source: iterative masked decoding as in Ghazvininejad et al. 2019, "Mask-Predict", with one
    choice a round and re-masking of single places; the rules and the search behind them are ours.

    Args:
        recommender: The network.
        outline: What is kept, what is open, the rules and the dials.
        method: `confidence`; to compare, `left_to_right` (in order, both sides seen), `next_item`
            (in order, from the past alone, as a next-item model would), or `at_once` (all gaps
            predicted once); or a method of your own.

    Raises:
        SettingsError: the rules cannot be met; which ones, and where, is said.

    Cost: a pass of the network a round, and one with as many windows as gaps a sweep.
    """
    if isinstance(method, str):
        if method not in METHODS:
            known = ", ".join(METHODS)
            raise SettingsError([f"there is no method {method!r}"], fix=f"Use {known}.")
        method = METHODS[method]
    return _Decoder(recommender, outline, method).run()


@dataclass(frozen=True, eq=False)
class _Step:
    """A choice that may have to be taken back."""

    place: int
    item: int
    banned: dict[int, frozenset[int]]


class _Decoder:
    def __init__(self, recommender: Recommender, outline: Outline, method: Method) -> None:
        self.recommender = recommender
        self.outline = outline
        self.method = method
        self.rules = bind_rules(outline, recommender.vocabulary)
        self.items = outline.items
        self.taste = Taste(recommender, outline.dials, len(outline))
        self.steps: list[_Step] = []
        # What led to a dead end, by place, given the steps before it.
        self.banned: dict[int, frozenset[int]] = {}
        self.rounds: dict[int, int] = {}
        self.n_rounds = self.n_undone = 0
        # Where the search went astray: items that fill all gaps within the limits, bool (N,).
        self.fitting: np.ndarray | None = None
        self.first_scores: np.ndarray | None = None

    def run(self) -> Composition:
        check_room(self.rules, self.items)
        gaps = self.outline.gaps
        while open_places := [place for place in gaps if self.items[place] == OPEN]:
            allowed = self._allowed(open_places)
            is_stuck = ~allowed.any(axis=1)
            if is_stuck.any():
                self._leave_dead_end(open_places[int(is_stuck.argmax())])
                continue
            self._fill_some(open_places, allowed)
        self._count_rounds()
        log_p, n_changed = self._sweep(gaps)
        choices = tuple(map(self._choice, gaps, log_p))
        items = tuple(self.items.tolist())
        notes = tuple(broken_rules(self.rules, self.outline.items))
        return Composition(self.outline, items, choices, self.n_rounds, n_changed, notes)

    def _allowed(self, places: Sequence[int]) -> np.ndarray:
        """Return which items may stand at open places, bool (M, N)."""
        allowed = allowed_at(self.rules, self.items, places)
        allowed &= leaves_room(self.rules, self.items)
        if self.fitting is not None:
            allowed &= self.fitting
        for row, place in enumerate(places):
            allowed[row, [item - 1 for item in self.banned.get(place, ())]] = False
        return allowed

    def _fill_some(self, places: Sequence[int], allowed: np.ndarray) -> None:
        asked = [0] if self.method.is_in_order else list(range(len(places)))
        asked_places = [places[row] for row in asked]
        log_p = self.taste.log_probabilities(
            self._scores(asked_places), allowed[asked], self.items, asked_places
        )
        log_p = self.taste.shaken(log_p, asked_places)
        best = log_p.argmax(axis=1)
        order = np.argsort(-log_p.max(axis=1), kind="stable")
        n_fixed = 1 if self.method.is_in_order else -(-len(self.outline.gaps) // MAX_ROUNDS)
        for row in order[:n_fixed].tolist():
            place, item = places[asked[row]], int(best[row]) + 1
            # An earlier choice of this round may bar it; then it waits for the next one.
            if row == order[0] or self._allowed([place])[0, item - 1]:
                self.steps.append(_Step(place, item, dict(self.banned)))
                self.items[place] = item
                self.rounds[place] = self.n_rounds
        self.n_rounds += 1

    def _scores(self, places: Sequence[int]) -> np.ndarray:
        if self.method.predicts_anew:
            return gap_scores(self.recommender, self.items, places, context=self.method.context)
        gaps = self.outline.gaps
        if self.first_scores is None:
            self.first_scores = gap_scores(
                self.recommender, self.outline.items, gaps, context=self.method.context
            )
        return self.first_scores[[gaps.index(place) for place in places]]

    def _leave_dead_end(self, place: int) -> None:
        """Take a choice back or, where that led nowhere, start again with items that fit."""
        fitting = None
        if limits_of(self.rules) and self.fitting is None:
            if not self.n_undone:
                check_limits(self.rules, self.outline.items)
            if self.n_undone == self._patience():
                fitting = self._fitting()
        if fitting is None:
            self._take_back(place)
            return
        self.fitting = fitting
        self.items, self.steps, self.banned = self.outline.items, [], {}
        self.n_rounds = self.n_undone = 0

    def _patience(self) -> int:
        # Items that fit by the limits may still have no order, so there the search goes first.
        has_orders = not all(rule.is_everywhere for rule in self.rules)
        n_again = MAX_PLACES_AGAIN // len(self.outline)
        return MAX_UNDONE if has_orders else min(n_again, MAX_UNDONE)

    def _fitting(self) -> np.ndarray | None:
        """Return items that fill all gaps within the limits, each good for one of them."""
        items, gaps = self.outline.items, self.outline.gaps
        scores = gap_scores(self.recommender, items, gaps, context=self.method.context)
        log_p = self.taste.log_probabilities(
            scores, allowed_at(self.rules, items, gaps), items, gaps
        )
        return best_set(self.rules, items, self.taste.shaken(log_p, gaps).max(axis=0))

    def _take_back(self, place: int) -> None:
        """Take the last choice back and bar it while those before it stand."""
        if not self.steps or self.n_undone == MAX_UNDONE:
            reason = why_nothing(self.rules, self.items, place)
            tried = (
                f" after taking back {counted(self.n_undone, 'choice')}" if self.n_undone else ""
            )
            raise SettingsError(
                [reason + tried], fix="Loosen one of these rules, or close the gap."
            )
        self.n_undone += 1
        last = self.steps.pop()
        self.items[last.place] = OPEN
        there = last.banned.get(last.place, frozenset())
        self.banned = last.banned | {last.place: there | {last.item}}

    def _count_rounds(self) -> None:
        """Count the rounds of which a choice is left, in their order."""
        there = {step.place: self.rounds[step.place] for step in self.steps}
        left = sorted(set(there.values()))
        self.rounds = {place: left.index(round_) for place, round_ in there.items()}
        self.n_rounds = len(left)

    def _sweep(self, gaps: Sequence[int]) -> tuple[np.ndarray, int]:
        """Look at all choices again; returns their log-probabilities, (M, N), and the changes."""
        # Every state from here on is whole, so nothing leads to a dead end any more.
        self.banned = {}
        log_p = self._left_out(gaps)
        shaken = self.taste.shaken(log_p, gaps)
        best_items, best_rounds = self.items.copy(), dict(self.rounds)
        best_log_p, best_fit = log_p, self._fit(gaps, shaken)
        for sweep in range(self.method.max_sweeps):
            if not self._change_some(gaps, shaken, self.n_rounds + sweep):
                break
            log_p = self._left_out(gaps)
            shaken = self.taste.shaken(log_p, gaps)
            if (fit := self._fit(gaps, shaken)) > best_fit:
                best_items, best_rounds = self.items.copy(), dict(self.rounds)
                best_log_p, best_fit = log_p, fit
        self.items, self.rounds = best_items, best_rounds
        first = [step.item for step in sorted(self.steps, key=lambda step: step.place)]
        return best_log_p, int((self.items[list(gaps)] != np.array(first, dtype=np.int64)).sum())

    def _left_out(self, gaps: Sequence[int]) -> np.ndarray:
        """Return log-probabilities at each filled gap from all other items, float64 (M, N)."""
        if not gaps:
            return np.empty((0, len(self.recommender.vocabulary)))
        views = [view(self.recommender, self.items, place) for place in gaps]
        allowed = np.concatenate(
            [allowed_at(self.rules, self._without(place), [place]) for place in gaps]
        )
        scores = view_scores(self.recommender, views)
        return self.taste.log_probabilities(scores, allowed, self.items, gaps)

    def _without(self, place: int) -> np.ndarray:
        items = self.items.copy()
        items[place] = OPEN
        return items

    def _fit(self, gaps: Sequence[int], log_p: np.ndarray) -> float:
        return float(log_p[np.arange(len(gaps)), self.items[list(gaps)] - 1].sum())

    def _change_some(self, gaps: Sequence[int], log_p: np.ndarray, round_: int) -> bool:
        """Change what is clearly wrong, the least sure first, no two neighbours."""
        chosen = self.items[list(gaps)] - 1
        sureness = log_p[np.arange(len(gaps)), chosen]
        best = log_p.argmax(axis=1)
        changed: set[int] = set()
        for row in np.argsort(sureness, kind="stable").tolist():
            place, item = gaps[row], int(best[row]) + 1
            is_beside = bool({place - 1, place + 1} & changed)
            if is_beside or log_p[row, best[row]] < sureness[row] + CLEAR_GAIN:
                continue
            # A change before this one may bar it.
            if allowed_at(self.rules, self._without(place), [place])[0, item - 1]:
                self.items[place] = item
                self.rounds[place] = round_
                changed.add(place)
        return bool(changed)

    def _choice(self, place: int, log_p: np.ndarray) -> Choice:
        chosen = int(self.items[place])
        best = np.argsort(-log_p, kind="stable")[: N_ALTERNATIVES + 1]
        others = [(int(at) + 1, math.exp(log_p[at])) for at in best if log_p[at] > -math.inf]
        return Choice(
            place=place,
            item_idx=chosen,
            probability=math.exp(log_p[chosen - 1]),
            round=self.rounds[place],
            n_allowed=int(np.isfinite(log_p).sum()),
            alternatives=tuple(one for one in others if one[0] != chosen)[:N_ALTERNATIVES],
        )
