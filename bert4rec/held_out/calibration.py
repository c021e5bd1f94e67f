"""Are probabilities what they say? Reliability on hidden items, and temperatures to mend it.

Of all items listed with a probability of 20%, a fifth should be the hidden one. For each context,
and by how many items it shows, a number by which all scores are divided is fitted on some users and
judged on others; it changes no rank. Where little is shown a network may be much too sure, as
training shows it few such places. People show it few items all the same, in a short list of their
own, so places are also shown less than their histories hold: the items nearest to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert4rec.contexts import CONTEXT_NAMES, nearest
from bert4rec.explain import view_states
from bert4rec.held_out.estimates import Estimate
from bert4rec.held_out.places import Places, held_out_places
from bert4rec.held_out.reliability import (
    BATCH_PLACES,
    Listed,
    Reliability,
    read_lists,
    reliability_of,
)
from bert4rec.held_out.temperature import best_temperature
from bert4rec.metrics import LEAST_USERS
from bert4rec.recommender import Recommender
from bert4rec.stages import Stage, Watch, tell_nobody, within
from bert4rec.temperatures import Shown, Temperatures, least_shown
from bert4rec.threads import side_by_side

# Share of the work that is done once the temperatures are fitted: two or three readings of all
# scores, and one to judge it.
FITTED_SHARE = 0.7
# Users of whom a place is shown less than there is: as many as keep the scores that are read for
# one number of items below this, within bounds.
CUT_SCORES = 2 * 10**8
LEAST_CUT_USERS, MOST_CUT_USERS = 200, 1000


@dataclass(frozen=True)
class GroupCalibration:
    """Reliability of places that are shown about as much, with and without a temperature.

    Args:
        context: past, future or both.
        least: The fewest items that are shown.
        n_places: Places that were judged.
        temperature: What divides the scores.
        gain: Bits an item that the temperature saves on the judged places.
        pays: Whether that gain is sure and the error no greater; else use 1.
        plain: Without temperature.
        scaled: With it.
    """

    context: str
    least: int
    n_places: int
    temperature: float
    gain: Estimate
    pays: bool
    plain: Reliability
    scaled: Reliability

    @property
    def shown(self) -> Shown:
        """What its places are shown."""
        return Shown(self.context, self.least)


@dataclass(frozen=True)
class Calibration:
    """Reliability with and without fitted temperatures, on users that they were not fitted on.

    Args:
        part: Where the places are from; see `held_out.held_out_places`.
        n_fitted: Places that the temperatures were fitted on; 0 where the users were too few.
        n_places: Places that were judged, each in all contexts.
        n_users: Users whose places were judged.
        contexts: Of all places by context, with the temperatures that pay.
        plain: The same without temperatures.
        groups: What was found where enough users are shown about as much, of places that were
            shown all there is, or less.
        most_shown: The most items that a place of the network is shown; None where it is unknown.
    """

    part: str
    n_fitted: int
    n_places: int
    n_users: int
    contexts: dict[str, Reliability]
    plain: dict[str, Reliability]
    groups: tuple[GroupCalibration, ...]
    most_shown: int | None = None

    @property
    def is_enough(self) -> bool:
        """Whether so many users were judged that it says something about others."""
        return self.n_users >= LEAST_USERS

    @property
    def temperatures(self) -> dict[Shown, float]:
        """Return what to divide scores by, where that pays."""
        return {one.shown: one.temperature for one in self.groups if one.pays}

    def using(self, temperatures: Temperatures) -> Calibration:
        """Return the same as it is told of scores that are divided by these, or by none yet."""
        if temperatures == self.temperatures:
            return self
        groups = tuple(
            replace(
                one,
                temperature=temperatures.get(one.shown, one.temperature),
                pays=one.shown in temperatures,
            )
            for one in self.groups
        )
        return replace(self, contexts=self.contexts if temperatures else self.plain, groups=groups)

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as plain data."""
        return asdict(self)


def calibrate(
    recommender: Recommender,
    part: str | None = None,
    *,
    n_users: int = 1000,
    seed: int = 0,
    watch: Watch | None = None,
) -> Calibration:
    """Measure how reliable the probabilities are, and fit temperatures by what is shown.

    Half of the users drawn are for the fit, the others are judged. With fewer than `LEAST_USERS`
    for the fit there is none, and the temperatures are 1.

    Args:
        recommender: The network; temperatures that it has are left out.
        part: Where places are taken; None takes the most honest part that is there.
        n_users: Users drawn at most, up to three places of each.
        seed: Chance behind the draw.
        watch: Told how far it has come.

    Raises:
        SettingsError: the part holds no place.

    Cost: a window for each place and context, and for fewer users one for each number of items that
    is shown; three or four products with all items.
    """
    watch, recommender = watch or tell_nobody, recommender.with_temperatures(None)
    watch("drawing hidden items", 0.0)
    places = held_out_places(
        recommender.dataset, recommender.settings, part, n_users=n_users, seed=seed
    )
    users = np.unique(places.user_idx)
    half = len(users) // 2 if len(users) >= 2 * LEAST_USERS else 0
    chosen = np.random.default_rng(seed).permutation(users)[:half]
    is_fitted = np.isin(places.user_idx, chosen)
    fitted, judged = places.take(is_fitted), places.take(~is_fitted)
    if not len(fitted):
        return judge_temperatures(recommender, judged, {}, watch=watch)
    temperatures = fit_temperatures(recommender, fitted, watch=within(watch, 0.0, FITTED_SHARE))
    return judge_temperatures(
        recommender,
        judged,
        temperatures,
        n_fitted=len(fitted),
        watch=within(watch, FITTED_SHARE, 1.0),
    )


def fit_temperatures(
    recommender: Recommender, places: Places, *, watch: Watch | None = None
) -> dict[Shown, float]:
    """Return the temperatures at which the hidden items are most probable, by what is shown.

    Args:
        recommender: The network.
        places: Where the items are hidden, one at a time.
        watch: Told how far it has come.
    """
    names = recommender.contexts
    shown_by = {context: _Views.of(recommender, places, context) for context in names}
    n_in_all, n_done = sum(len(views) for views in shown_by.values()), 0
    found = {}
    for context, views in shown_by.items():
        states_bd = _states(recommender, views.items)
        for shown, rows in views.groups(context).items():
            part = n_done / n_in_all, (n_done + len(rows)) / n_in_all
            found[shown] = best_temperature(
                states_bd[torch.from_numpy(rows).to(states_bd.device)],
                views.targets[rows],
                recommender.scorer.item_vectors(),
                n_threads=recommender.scorer.choice.n_side_by_side,
                watch=_named(within(watch or tell_nobody, *part), CONTEXT_NAMES[context]),
            )
            n_done += len(rows)
    return found


@dataclass(frozen=True, eq=False)
class _Views:
    """What places are shown under a context: all there is first, then less of it.

    Args:
        items: What is shown, and the position of the place in it, of each view.
        users: Whose place it is, int64 (n,).
        targets: The item that stands there, 1..N, int64 (n,).
        n_whole: How many of the first are shown all there is.
    """

    items: list[tuple[np.ndarray, int]]
    users: np.ndarray
    targets: np.ndarray
    n_whole: int

    @staticmethod
    def of(recommender: Recommender, places: Places, context: str) -> _Views:
        """Return the views of places: each as it is, and of some users one that is cut down.

        It is cut to every number of items that too few histories have by themselves: what follows
        the first item of a history is another question than what follows one taken out of it.
        """
        settings, chance = recommender.settings, np.random.default_rng(len(places))
        whole = places.shown(context, settings.max_seq_length, sees_future=settings.sees_future)
        have_enough = _rows_by_least(whole, places.user_idx, LEAST_CUT_USERS)
        _, first = np.unique(places.user_idx, return_index=True)
        n_users = CUT_SCORES // recommender.dataset.n_items
        some = chance.permutation(first)[: min(max(n_users, LEAST_CUT_USERS), MOST_CUT_USERS)]
        items, of_place = list(whole), [*range(len(places))]
        for place in some.tolist():
            view, position = whole[place]
            # Both sides show two items at least.
            powers = range(int(context == "both"), (len(view) - 1).bit_length() - 1)
            for least in (2**power for power in powers):
                if least not in have_enough:
                    items.append(nearest(view, position, int(chance.integers(least, 2 * least))))
                    of_place.append(place)
        return _Views(items, places.user_idx[of_place], places.targets[of_place], len(places))

    def __len__(self) -> int:
        return len(self.items)

    def groups(self, context: str) -> dict[Shown, np.ndarray]:
        """Return the views of enough users that show about as many items, by what they show."""
        rows_by_least = _rows_by_least(self.items, self.users, LEAST_USERS)
        return {Shown(context, least): rows for least, rows in rows_by_least.items()}


def _rows_by_least(
    views: Sequence[tuple[np.ndarray, int]], users: np.ndarray, n_users: int
) -> dict[int, np.ndarray]:
    """Return the views of `n_users` or more that show about as many items, by the fewest."""
    least = least_shown(np.array([len(items) - 1 for items, _ in views]))
    rows = {int(one): np.flatnonzero(least == one) for one in np.unique(least)}
    return {one: some for one, some in rows.items() if len(np.unique(users[some])) >= n_users}


def _named(watch: Watch, name: str) -> Watch:
    return lambda doing, share: watch(f"{name}, {doing}", share)


def judge_temperatures(
    recommender: Recommender,
    places: Places,
    temperatures: Temperatures,
    *,
    n_fitted: int = 0,
    watch: Watch | None = None,
) -> Calibration:
    """Judge temperatures on places, 1 where there is none; see `calibrate`."""
    names = recommender.contexts
    shown_by = {context: _Views.of(recommender, places, context) for context in names}
    n_views = sum(len(views) for views in shown_by.values())
    stage = Stage(watch or tell_nobody, "judging probabilities", n_views)
    contexts, plain, groups = {}, {}, []
    for context, views in shown_by.items():
        rows_of = views.groups(context)
        by_b = np.ones(len(views), dtype=np.float32)
        for shown, rows in rows_of.items():
            by_b[rows] = temperatures.get(shown, 1.0)
        states_bd = _states(recommender, views.items)
        before, after = read_lists(recommender.scorer, states_bd, views.targets, by_b, stage)
        judged = [
            _judged(shown, temperatures.get(shown, 1.0), *lists, views.users[rows])
            for shown, rows in rows_of.items()
            for lists in [(before.take(rows), after.take(rows))]
        ]
        pays_b = np.zeros(len(views), dtype=bool)
        for one in judged:
            pays_b[rows_of[one.shown]] = one.pays
        whole, used = np.arange(views.n_whole), after.where(pays_b, before)
        plain[context] = reliability_of(before.take(whole), places.user_idx)
        contexts[context] = reliability_of(used.take(whole), places.user_idx)
        groups += judged
    return Calibration(
        part=places.part,
        n_fitted=n_fitted,
        n_places=len(places),
        n_users=places.n_users,
        contexts=contexts,
        plain=plain,
        groups=tuple(groups),
        most_shown=recommender.settings.most_shown,
    )


def _judged(
    shown: Shown, temperature: float, before: Listed, after: Listed, users: np.ndarray
) -> GroupCalibration:
    saved = (after.log_p - before.log_p) / math.log(2)
    gain = Estimate.of(saved, users, is_signed=True)
    plain, scaled = (reliability_of(listed, users) for listed in (before, after))
    pays = gain.low > 0 and scaled.error <= plain.error
    return GroupCalibration(*shown, len(users), temperature, gain, pays, plain, scaled)


def _states(recommender: Recommender, views: Sequence[tuple[np.ndarray, int]]) -> Tensor:
    def read(batch: slice) -> Tensor:
        return view_states(recommender, views[batch])

    n_threads = recommender.scorer.choice.n_side_by_side
    parts = side_by_side(read, len(views), BATCH_PLACES, n_threads)
    return torch.cat([view_states(recommender, []), *parts])
