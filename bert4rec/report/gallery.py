"""Examples of what models expect, chosen by seed and rank and not by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert4rec.data.dataset import SequenceDataset
from bert4rec.data.split import Segments, split_dataset
from bert4rec.errors import SettingsError
from bert4rec.evaluation import judge
from bert4rec.explain import compare_contexts, find_targets, view_states
from bert4rec.held_out.extremes import meets_again
from bert4rec.held_out.future_report import FutureReport, future_report
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.next_lists import next_lists, yardsticks
from bert4rec.recommender import Recommender
from bert4rec.score_blocks import Scorer
from bert4rec.stages import Watch, tell_nobody, within

# Test items among which examples are chosen.
N_DRAWN = 300
# Of their users, those whose middle item is hidden, one after the other.
N_MIDDLES = 60
LIST_LENGTH = 5
TAIL_LENGTH = 8
# A middle needs something on both sides.
MIN_HISTORY = 5
TRANSITIONS = "transitions"
KINDS = ("well", "typical", "badly")


@dataclass(frozen=True)
class Entry:
    """A line of a list.

    Args:
        item_idx: 1..N.
        share: Probability from a network; None from a simple rule.
        is_true: Whether it is the item that was hidden.
    """

    item_idx: int
    share: float | None
    is_true: bool


@dataclass(frozen=True)
class Guess:
    """What one scorer expects.

    Args:
        name: Label of a run, `transitions`, or a context.
        entries: The best items, best first.
        true_rank: Rank of the true item among those that could be listed, from 0; None where it
            left the list, as it was met before.
        n_ranked: How many those are: the catalogue, without what was met where that is left out.
    """

    name: str
    entries: tuple[Entry, ...]
    true_rank: int | None
    n_ranked: int


@dataclass(frozen=True)
class Example:
    """One hidden item.

    Args:
        kind: One of `KINDS`, by the rank that the first run gives the item.
        user_id: Whose it is.
        before: What came before it, the newest `TAIL_LENGTH`.
        n_earlier: How many came before those.
        true_idx: The item.
        after: What came after it; empty for a next item.
        guesses: What each scorer or context expects.
    """

    kind: str
    user_id: str
    before: tuple[int, ...]
    n_earlier: int
    true_idx: int
    after: tuple[int, ...]
    guesses: tuple[Guess, ...]


@dataclass(frozen=True)
class Gallery:
    """Examples of the runs of one dataset.

    Args:
        nexts: Test items with what came before them.
        n_drawn: Test items among which these were chosen.
        chosen_by: Label of the run whose ranks chose them.
        n_met: How many of them were not shown, as they were met before and so left the ranking.
        n_found: How many of them the first run has among its first ten.
        seed: Chance behind the draw.
        own: Labels of runs whose probabilities are the network's own, as nobody looked for better.
        left_out: Labels of runs that hold out other items, so that these examples are none to them.
        contexts: Label of a run to what past, future and both find of hidden items, held out if
            there are any with a future; runs that see both sides.
        middles: Hidden middle items as the first such run expects them.
    """

    nexts: tuple[Example, ...]
    n_drawn: int
    chosen_by: str
    n_met: int
    n_found: int
    seed: int
    own: tuple[str, ...]
    left_out: tuple[str, ...]
    contexts: dict[str, FutureReport]
    middles: tuple[Example, ...]


def make_gallery(
    models: dict[str, Recommender],
    two_sided: Sequence[str],
    *,
    seed: int = 0,
    watch: Watch = tell_nobody,
) -> Gallery | None:
    """Choose examples for models of one dataset; None where nobody was held out.

    Args:
        models: By label, the one that chooses the examples first.
        two_sided: Labels of those that see both sides.
        seed: Chance behind the draw.
        watch: Told how far it has come.
    """
    watch("choosing examples", 0.0)
    first = next(iter(models.values()))
    dataset, rows = first.dataset, split_dataset(first.dataset, first.settings).test
    if not len(rows):
        return None
    drawn = rows.take(_draw(len(rows), N_DRAWN, seed))
    same = {
        label: model for label, model in models.items() if _holds_out(dataset, model.settings, rows)
    }
    ranks = judge(first.scorer, dataset, drawn, remove_seen=first.removes_seen, list_length=0).ranks
    rule = yardsticks(dataset, first.settings)[TRANSITIONS]
    scorers: dict[str, Scorer] = {label: model.calibrated().scorer for label, model in same.items()}
    scorers |= {TRANSITIONS: rule}
    asked = _choosable(first, drawn)
    nexts = [
        _next_example(first, scorers, drawn.take(asked[[row]]), kind)
        for kind, row in choose_rows(ranks[asked], 2)
    ]
    seeing = {label: models[label] for label in two_sided}
    # Of the last, middles are shown.
    shown = same | dict(list(seeing.items())[:1])
    contexts = {}
    for at, (label, model) in enumerate(seeing.items()):
        part = within(watch, 0.3 + 0.6 * at / len(seeing), 0.3 + 0.6 * (at + 1) / len(seeing))
        contexts[label] = report_future(model, seed=seed, watch=part)
    watch("choosing hidden items", 0.9)
    return Gallery(
        nexts=tuple(nexts),
        n_drawn=len(drawn),
        chosen_by=next(iter(models)),
        n_met=len(drawn) - len(asked),
        n_found=int(np.count_nonzero(ranks < 10)),
        seed=seed,
        own=tuple(label for label, model in shown.items() if _is_own(model)),
        left_out=tuple(label for label in models if label not in same),
        contexts={label: found for label, found in contexts.items() if found is not None},
        middles=_middles(next(iter(seeing.values())).calibrated(), drawn.user_idx)
        if seeing
        else (),
    )


def _choosable(model: Recommender, rows: Segments) -> np.ndarray:
    """Return which rows make examples: none whose item left the ranking, unless all did."""
    if not model.removes_seen:
        return np.arange(len(rows))
    is_met = meets_again(model.dataset, rows)
    return np.flatnonzero(~is_met | is_met.all())


def _is_own(model: Recommender) -> bool:
    return model.run is None or model.run.temperatures() is None


def _draw(n: int, limit: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(n)[:limit]


def _holds_out(dataset: SequenceDataset, settings: Hyperparameters, rows: Segments) -> bool:
    """Whether settings hold out the same test items."""
    return np.array_equal(split_dataset(dataset, settings).test.ends, rows.ends)


def choose_rows(ranks: np.ndarray, n_each: int) -> list[tuple[str, int]]:
    """Return rows of the best, the middle and the worst ranks; of equal ones those drawn first.

    Args:
        ranks: In the order of the draw, (n,).
        n_each: Rows of each kind, where there are enough.
    """
    order = np.argsort(ranks, kind="stable").tolist()
    n = min(n_each, -(-len(order) // 3))
    middle = max(0, (len(order) - n) // 2)
    # The worst rank first; of equal ones stable in the order of the draw as well.
    worst = np.argsort(-ranks, kind="stable").tolist()
    chosen = (order[:n], order[middle : middle + n], worst[:n])
    found: dict[int, str] = {}
    for kind, rows in zip(KINDS, chosen, strict=True):
        for row in rows:
            found.setdefault(row, kind)
    return [(kind, row) for row, kind in found.items()]


def _next_example(
    model: Recommender, scorers: dict[str, Scorer], row: Segments, kind: str
) -> Example:
    dataset, end = model.dataset, int(row.ends[0])
    history = np.asarray(dataset.items[int(row.starts[0]) : end], dtype=np.int64)
    true_idx = int(dataset.items[end])
    lists = next_lists(
        scorers, history, k=LIST_LENGTH, true_idx=true_idx, remove_seen=model.removes_seen
    )
    n_left_out = len(np.unique(history)) if model.removes_seen else 0
    guesses = [
        Guess(
            name,
            tuple(
                Entry(one.item_idx, one.weight if found.is_network else None, one.is_true)
                for one in found.items
            ),
            found.true_rank,
            dataset.n_items - n_left_out,
        )
        for name, found in lists.items()
    ]
    return Example(
        kind=kind,
        user_id=dataset.user_id(int(row.user_idx[0])),
        before=tuple(history[-TAIL_LENGTH:].tolist()),
        n_earlier=max(0, len(history) - TAIL_LENGTH),
        true_idx=true_idx,
        after=(),
        guesses=tuple(guesses),
    )


def report_future(
    model: Recommender, *, seed: int, watch: Watch = tell_nobody
) -> FutureReport | None:
    """Return what each context finds of items that were held out; None where none has a future.

    These are the figures of Inspect and Evaluate. Of items that were trained on, both sides find
    many more again, whether or not the future helps with others.
    """
    try:
        return future_report(model, seed=seed, watch=watch)
    except SettingsError:
        return None


def _middles(model: Recommender, users: np.ndarray) -> tuple[Example, ...]:
    """Return the best, the middle and the worst of hidden middle items of users, in their order."""
    dataset, length = model.dataset, model.settings.max_seq_length
    distinct = list(dict.fromkeys(users.tolist()))
    windows = {
        user: np.asarray(dataset.history(user)[-length:], dtype=np.int64) for user in distinct
    }
    asked = [user for user in distinct if len(windows[user]) >= MIN_HISTORY][:N_MIDDLES]
    if not asked:
        return ()
    ranks = _middle_ranks(model, [windows[user] for user in asked])
    chosen = choose_rows(ranks, 1)
    return tuple(_middle(model, asked[row], windows[asked[row]], kind) for kind, row in chosen)


def _middle_ranks(model: Recommender, windows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rank of the middle item of each window, asked from both sides, all at once."""
    views, targets = [], []
    for window in windows:
        middle = len(window) // 2
        hidden = window.copy()
        hidden[middle] = model.vocabulary.mask_idx
        views.append((hidden, middle))
        targets.append(int(window[middle]))
    return find_targets(model, view_states(model, views), np.array(targets))[1]


def _middle(model: Recommender, user: int, items: np.ndarray, kind: str) -> Example:
    place = len(items) // 2
    found = compare_contexts(model, items, [place], k=LIST_LENGTH)
    true_idx, around = int(items[place]), TAIL_LENGTH // 2
    guesses = []
    for name, (prediction,) in found.items():
        entries = tuple(
            Entry(one.item_idx, one.probability, one.item_idx == true_idx) for one in prediction.top
        )
        guesses.append(Guess(name, entries, prediction.true_rank, model.dataset.n_items))
    n_before = min(place, around)
    return Example(
        kind=kind,
        user_id=model.dataset.user_id(user),
        before=tuple(items[place - n_before : place].tolist()),
        n_earlier=place - n_before,
        true_idx=true_idx,
        after=tuple(items[place + 1 : place + 1 + around].tolist()),
        guesses=tuple(guesses),
    )
