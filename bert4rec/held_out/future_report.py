"""Does the future matter here? Past, future and both compared on hidden items, with intervals.

One item at a time is hidden in a history and looked for from what comes before it, from what comes
after it, and from both. What the future adds is the difference between both and the past alone at
the same place, so that hard and easy places cancel out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from bert4rec.contexts import CONTEXTS
from bert4rec.data.item_groups import category_columns, item_groups
from bert4rec.errors import SettingsError
from bert4rec.evaluation import popularity_groups
from bert4rec.held_out.estimates import Estimate
from bert4rec.held_out.judgement import Judged, judge_places
from bert4rec.held_out.places import LONG_PAST, Places, held_out_places
from bert4rec.metrics import LEAST_USERS, gains, mean_metrics
from bert4rec.recommender import Recommender
from bert4rec.stages import Stage, Watch, tell_nobody, within

METRIC, CUT_OFF = "ndcg", 10
# A gain counts from this share of what the past alone reaches.
LEAST_SHARE = 0.05
N_CATEGORIES = 8
# Users that are drawn at first, and at most where the interval of these is too wide for an answer:
# fewer of a large catalogue, as so many scores of a user and an item take seconds.
FIRST_USERS, MOST_USERS = 1_000, 8_000
MOST_SCORES = 1_000_000_000
SECOND_LOOK = "second look, at more users"
OTHER_CATEGORIES, NO_CATEGORY = "all others", "without"
THIRDS = ("first third", "middle third", "last third")
BY_PLACE, BY_POPULARITY = "place in the history", "popularity of the item"


@dataclass(frozen=True)
class ContextFigures:
    """How well one context finds the hidden items.

    Args:
        metrics: All metrics at all cut-offs, as in every report.
        hr: HR@10.
        ndcg: NDCG@10.
        bits: What the context tells beyond popularity, in bits an item.
    """

    metrics: dict[str, float]
    hr: Estimate
    ndcg: Estimate
    bits: Estimate


@dataclass(frozen=True)
class Gain:
    """What one context has before another at the same places.

    Args:
        hr: Difference in HR@10.
        ndcg: Difference in NDCG@10.
        bits: Difference in bits.
        n_better: Places whose item it ranks better, n_worse: worse, n_equal: the same.
    """

    hr: Estimate
    ndcg: Estimate
    bits: Estimate
    n_better: int
    n_worse: int
    n_equal: int

    @property
    def n_places(self) -> int:
        """At how many places both were asked."""
        return self.n_better + self.n_worse + self.n_equal


@dataclass(frozen=True)
class Slice:
    """The same comparison on some of the places.

    Args:
        by: What they have in common: `place in the history`, `popularity of the item`, or the
            name of a column of the item table.
        group: The value that they share.
        n_places: How many they are.
        n_users: Of how many users.
        ndcg: past, future, both → NDCG@10.
        gain: Of both over the past, in NDCG@10.
    """

    by: str
    group: str
    n_places: int
    n_users: int
    ndcg: dict[str, float]
    gain: Estimate


@dataclass(frozen=True)
class FutureReport:
    """What past, future and both find of the same hidden items.

    Args:
        dataset: Name of the dataset.
        part: Where the places are from; see `held_out.held_out_places`.
        n_places: Hidden items, one at a time.
        n_users: Users whose items they are.
        has_more_users: Whether others have such items, too.
        n_before: Items shown before a place, on average.
        n_after: Items shown after it, on average.
        window: Items that the network reads at once.
        verdict: `matters`, `does_not` or `not_enough`.
        reason: Why it cannot be told, `few_users`, `no_hit`, `nothing_learnt` or `wide`; else
            empty.
        contexts: past, future, both → figures.
        gain: Of both over the past alone.
        over_long_past: Of both over as many items from the past, at those places alone that have
            as many before them; None where these are of fewer than `LEAST_USERS` users.
        slices: By place in the history, popularity of the item and category.
    """

    dataset: str
    part: str
    n_places: int
    n_users: int
    has_more_users: bool
    n_before: float
    n_after: float
    window: int
    verdict: str
    reason: str
    contexts: dict[str, ContextFigures]
    gain: Gain
    over_long_past: Gain | None
    slices: tuple[Slice, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def future_report(
    recommender: Recommender,
    part: str | None = None,
    *,
    n_users: int | None = None,
    by: str | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> FutureReport:
    """Compare what past, future and both find of items that the run was not trained on.

    Args:
        recommender: The network, whose settings tell what was held out; temperatures that it has
            are left out.
        part: Where places are taken; None takes the most honest part that is there.
        n_users: Users drawn at most, up to three places of each; None takes 1,000, and up to 8,000
            where the interval of these is too wide for an answer, fewer of large catalogues.
        by: Column of the item table to group by; None takes the one that groups items best.
        seed: Chance behind the draw.
        watch: Told how far it has come.

    Raises:
        SettingsError: the network cannot be asked from both sides, the part holds no place, or
            there is no such column.

    Cost: three windows a place, four where a window's worth of items lies before it.
    """
    recommender = recommender.with_temperatures(None)
    dataset, settings = recommender.dataset, recommender.settings
    draw = partial(held_out_places, dataset, settings, part, seed=seed)
    watch = watch or tell_nobody
    watch("drawing hidden items", 0.0)
    if n_users is not None:
        return report_places(recommender, draw(n_users=n_users), by=by, watch=watch)
    places = draw(n_users=FIRST_USERS)
    n_more = min(MOST_USERS, MOST_SCORES // dataset.n_items)
    is_cut = places.n_users == FIRST_USERS < n_more
    # Both looks are one way from 0 to 1; where the first one is enough it ends early.
    seam = FIRST_USERS / (FIRST_USERS + n_more) if is_cut else 1.0
    found = report_places(recommender, places, by=by, watch=within(watch, 0.0, seam))
    if found.reason != "wide" or not is_cut:
        return found
    larger = within(watch, seam, 1.0)
    larger(f"{SECOND_LOOK}: drawing hidden items", 0.0)
    return report_places(
        recommender,
        draw(n_users=n_more),
        by=by,
        watch=lambda doing, share: larger(f"{SECOND_LOOK}: {doing}", share),
    )


def report_places(
    recommender: Recommender,
    places: Places,
    *,
    by: str | None = None,
    watch: Watch | None = None,
) -> FutureReport:
    """Compare what past, future and both find of the items at some places; see `future_report`."""
    if "both" not in recommender.contexts:
        raise SettingsError(
            ["this network sees the past alone, so it cannot tell what the future adds"],
            fix="Ask a run of a network that sees both sides.",
        )
    length = recommender.settings.max_seq_length
    # Elsewhere both sides show more items than the past has, however far back it is followed.
    at = np.flatnonzero(places.has_long_past(length))
    far = places.take(at if len(np.unique(places.user_idx[at])) >= LEAST_USERS else at[:0])
    n_asked = len(places) * len(CONTEXTS) + len(far)
    stage = Stage(watch or tell_nobody, "looking for hidden items", n_asked)
    found = {context: judge_places(recommender, places, context, stage) for context in CONTEXTS}
    figures = {context: _figures(one, places) for context, one in found.items()}
    gain = _gain(found["both"], found["past"], places)
    over_long_past = None
    if len(far):
        long_past = judge_places(recommender, far, LONG_PAST, stage)
        over_long_past = _gain(found["both"].take(at), long_past, far)
    sizes = np.minimum(recommender.dataset.lengths[places.user_idx], length)
    n_before = places.positions - places.starts(length)
    verdict, reason = judge_gain(figures, gain, places.n_users)
    return FutureReport(
        dataset=recommender.dataset.name,
        part=places.part,
        n_places=len(places),
        n_users=places.n_users,
        has_more_users=places.has_more_users,
        n_before=float(n_before.mean()) if len(places) else 0.0,
        n_after=float((sizes - n_before - 1).mean()) if len(places) else 0.0,
        window=length,
        verdict=verdict,
        reason=reason,
        contexts=figures,
        gain=gain,
        over_long_past=over_long_past,
        slices=tuple(_slices(recommender, found, places, by)),
    )


def judge_gain(contexts: dict[str, ContextFigures], gain: Gain, n_users: int) -> tuple[str, str]:
    """Return the verdict on what the future adds, and why it cannot be told where it cannot.

    A gain counts if it is at least `LEAST_SHARE` of what the past alone reaches and its interval
    lies above 0; none is there if the whole interval lies below that share. Where neither past nor
    both find a single item, or tell more than popularity does, the network has learned nothing that
    could answer.
    """
    least = LEAST_SHARE * contexts["past"].ndcg.mean
    if n_users < LEAST_USERS:
        return "not_enough", "few_users"
    if not contexts["past"].ndcg.mean and not contexts["both"].ndcg.mean:
        return "not_enough", "no_hit"
    if gain.ndcg.low > 0 and gain.ndcg.mean >= least:
        return "matters", ""
    if contexts["past"].bits.high <= 0 and contexts["both"].bits.high <= 0:
        return "not_enough", "nothing_learnt"
    if gain.ndcg.high < least:
        return "does_not", ""
    return "not_enough", "wide"


def _figures(judged: Judged, places: Places) -> ContextFigures:
    users = places.user_idx
    return ContextFigures(
        metrics=mean_metrics(judged.ranks),
        hr=Estimate.of(gains(judged.ranks, "hr", CUT_OFF), users),
        ndcg=Estimate.of(gains(judged.ranks, METRIC, CUT_OFF), users),
        bits=Estimate.of(judged.bits, users, is_signed=True),
    )


def _gain(better: Judged, other: Judged, places: Places) -> Gain:
    def difference(metric: str) -> Estimate:
        found, before = (gains(one.ranks, metric, CUT_OFF) for one in (better, other))
        return Estimate.of_difference(found, before, places.user_idx)

    n_better = int((better.ranks < other.ranks).sum())
    n_worse = int((better.ranks > other.ranks).sum())
    return Gain(
        hr=difference("hr"),
        ndcg=difference(METRIC),
        bits=Estimate.of(better.bits - other.bits, places.user_idx, is_signed=True),
        n_better=n_better,
        n_worse=n_worse,
        n_equal=len(places) - n_better - n_worse,
    )


def _slices(
    recommender: Recommender, found: dict[str, Judged], places: Places, by: str | None
) -> list[Slice]:
    vocabulary, targets = recommender.vocabulary, places.targets
    sizes = np.maximum(recommender.dataset.lengths[places.user_idx], 1)
    third = 3 * places.positions // sizes
    groups = {BY_PLACE: {name: third == at for at, name in enumerate(THIRDS)}}
    groups[BY_POPULARITY] = popularity_groups(recommender.training.counts, targets)
    column = next(iter(category_columns(vocabulary)), None) if by is None else by
    if column is not None:
        if column not in vocabulary.table.columns:
            known = ", ".join(map(str, vocabulary.table.columns))
            raise SettingsError(
                [f"the item table has no column {column!r}"], fix=f"Its columns are {known}."
            )
        values = item_groups(vocabulary, column).to_numpy()[targets - 1]
        groups[column] = _largest_groups(values)
    gain = {context: gains(judged.ranks, METRIC, CUT_OFF) for context, judged in found.items()}
    return [
        _slice(kind, group, is_in, gain, places.user_idx)
        for kind, members in groups.items()
        for group, is_in in members.items()
        if is_in.any()
    ]


def _largest_groups(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return which places belong to each of the most frequent values, and to all others."""
    named = np.array([str(value).strip() or NO_CATEGORY for value in values], dtype=object)
    names, counts = np.unique(named, return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:N_CATEGORIES]
    groups = {str(name): np.asarray(named == name) for name in largest}
    return groups | {OTHER_CATEGORIES: ~np.isin(named, largest)}


def _slice(
    by: str, group: str, is_in: np.ndarray, gain: dict[str, np.ndarray], users: np.ndarray
) -> Slice:
    both, past = gain["both"][is_in], gain["past"][is_in]
    return Slice(
        by=by,
        group=group,
        n_places=int(is_in.sum()),
        n_users=len(np.unique(users[is_in])),
        ndcg={context: float(values[is_in].mean()) for context, values in gain.items()},
        gain=Estimate.of_difference(both, past, users[is_in]),
    )
