"""Are probabilities what they say? Reliability on hidden items, and temperatures to mend it.

Of all items listed with a probability of 20%, a fifth should be the hidden one. For each context a
number by which all scores are divided is fitted on some users and judged on others; it changes no
rank. A network may be too sure with one context and not sure enough with another, as training shows
it few places without a past.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert4rec.contexts import CONTEXT_NAMES
from bert4rec.explain import view_states
from bert4rec.held_out.future_report import Estimate
from bert4rec.held_out.places import Places, held_out_places
from bert4rec.held_out.temperature import best_temperature
from bert4rec.metrics import LEAST_USERS
from bert4rec.ranking import RunningTop
from bert4rec.recommender import Recommender
from bert4rec.score_blocks import Blocks, LogSums, product_blocks
from bert4rec.stages import Stage, Watch, tell_nobody, within
from bert4rec.threads import side_by_side

LIST_LENGTH = 10
N_BINS = 10
BATCH_PLACES = 256
# Share of the work that is done once the temperatures are fitted: two or three readings of all
# scores, and one to judge it.
FITTED_SHARE = 0.7


@dataclass(frozen=True)
class Bin:
    """Listed items of similar probability.

    Args:
        n: How many they are.
        probability: Their mean probability.
        share: Share of them that is the hidden item, with its interval.
    """

    n: int
    probability: float
    share: Estimate


@dataclass(frozen=True)
class Reliability:
    """How far the probabilities of one context are what they say.

    Args:
        error: Expected calibration error: the distance of probability and share, averaged over
            the listed items.
        loss: Mean negative log-likelihood of the hidden items, in bits.
        bins: By probability, as many listed items in each, from the least.
    """

    error: float
    loss: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class ContextCalibration:
    """Reliability of one context with and without its temperature.

    Args:
        temperature: What divides the scores.
        gain: Bits an item that the temperature saves on the judged places.
        pays: Whether that gain is sure and the error no greater; else use 1.
        plain: Without temperature.
        scaled: With it.
    """

    temperature: float
    gain: Estimate
    pays: bool
    plain: Reliability
    scaled: Reliability

    @property
    def used(self) -> Reliability:
        """Return the reliability of what is shown: with the temperature where it pays."""
        return self.scaled if self.pays else self.plain


@dataclass(frozen=True)
class Calibration:
    """Reliability with and without fitted temperatures, on users that they were not fitted on.

    Args:
        part: Where the places are from; see `held_out.held_out_places`.
        n_fitted: Places that the temperatures were fitted on; 0 where the users were too few.
        n_places: Places that were judged.
        n_users: Users whose places were judged.
        contexts: What was found of each context.
    """

    part: str
    n_fitted: int
    n_places: int
    n_users: int
    contexts: dict[str, ContextCalibration]

    @property
    def is_enough(self) -> bool:
        """Whether so many users were judged that it says something about others."""
        return self.n_users >= LEAST_USERS

    @property
    def temperatures(self) -> dict[str, float]:
        """Return what to divide the scores of each context by, where that pays."""
        return {name: one.temperature for name, one in self.contexts.items() if one.pays}

    def unused(self) -> Calibration:
        """Return the same with no temperature used, as for scores that are not divided yet."""
        plain = {name: replace(one, pays=False) for name, one in self.contexts.items()}
        return replace(self, contexts=plain)

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as plain data."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Listed:
    """The items listed for each place.

    Args:
        probability: Of each listed item, float64 (n, K).
        is_hidden: Which of them is the hidden one, bool (n, K).
        log_p: Log-probability of the hidden one, listed or not, float64 (n,).
    """

    probability: np.ndarray
    is_hidden: np.ndarray
    log_p: np.ndarray


def calibrate(
    recommender: Recommender,
    part: str | None = None,
    *,
    n_users: int = 1000,
    seed: int = 0,
    watch: Watch | None = None,
) -> Calibration:
    """Measure how reliable the probabilities are, and fit a temperature for each context.

    Half of the users drawn are for the fit, the others are judged. With fewer than `LEAST_USERS`
    for the fit there is none, and the temperatures are 1.

    Args:
        recommender: The network, without temperatures of its own.
        part: Where places are taken; None takes the most honest part that is there.
        n_users: Users drawn at most, up to three places of each.
        seed: Chance behind the draw.
        watch: Told how far it has come.

    Raises:
        SettingsError: the part holds no place.

    Cost: a window for each place and context; three or four products with all items.
    """
    watch = watch or tell_nobody
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
) -> dict[str, float]:
    """Return by context the temperature at which the hidden items are most probable.

    Args:
        recommender: The network.
        places: Where the items are hidden, one at a time.
        watch: Told how far it has come.
    """
    contexts, found = recommender.contexts, {}
    for at, context in enumerate(contexts):
        part = within(watch or tell_nobody, at / len(contexts), (at + 1) / len(contexts))
        found[context] = best_temperature(
            _states(recommender, places, context),
            places.targets,
            recommender.scorer.item_vectors(),
            n_threads=recommender.scorer.choice.n_side_by_side,
            watch=_named(part, CONTEXT_NAMES[context]),
        )
    return found


def _named(watch: Watch, name: str) -> Watch:
    return lambda doing, share: watch(f"{name}, {doing}", share)


def judge_temperatures(
    recommender: Recommender,
    places: Places,
    temperatures: Mapping[str, float],
    *,
    n_fitted: int = 0,
    watch: Watch | None = None,
) -> Calibration:
    """Judge temperatures by context, 1 where there is none, on places; see `calibrate`."""
    contexts = recommender.contexts
    n_lists = len(places) * len(contexts)
    stage = Stage(watch or tell_nobody, "judging probabilities", n_lists)
    found = {
        context: _judged(recommender, places, context, temperatures.get(context, 1.0), stage)
        for context in contexts
    }
    return Calibration(places.part, n_fitted, len(places), places.n_users, found)


def _judged(
    recommender: Recommender, places: Places, context: str, temperature: float, stage: Stage
) -> ContextCalibration:
    before, after = _listed(recommender, places, context, temperature, stage)
    saved = (after.log_p - before.log_p) / math.log(2)
    gain = Estimate.of(saved, places.user_idx, is_signed=True)
    plain, scaled = (_reliability(listed, places.user_idx) for listed in (before, after))
    pays = gain.low > 0 and scaled.error <= plain.error
    return ContextCalibration(temperature, gain, pays, plain, scaled)


def _states(recommender: Recommender, places: Places, context: str) -> Tensor:
    length, sees_future = recommender.settings.max_seq_length, recommender.settings.sees_future

    def read(batch: slice) -> Tensor:
        shown = places.take(batch).shown(context, length, sees_future=sees_future)
        return view_states(recommender, shown)

    n_threads = recommender.scorer.choice.n_side_by_side
    parts = side_by_side(read, len(places), BATCH_PLACES, n_threads)
    return torch.cat([view_states(recommender, []), *parts])


def _listed(
    recommender: Recommender, places: Places, context: str, temperature: float, stage: Stage
) -> list[_Listed]:
    """Return what is listed without and with a temperature, from one reading of all scores."""
    states_bd, targets = _states(recommender, places, context), places.targets
    item_vectors = recommender.scorer.item_vectors()

    @torch.inference_mode()
    def read(batch: slice) -> list[_Listed]:
        of_batch = product_blocks(states_bd[batch], item_vectors)
        found = [
            _read_lists(
                blocks, states_bd[batch][rows], targets[batch][rows], item_vectors, temperature
            )
            for rows, blocks in of_batch
        ]
        stage.add(batch.stop - batch.start)
        return _joined(found)

    n_threads = recommender.scorer.choice.n_side_by_side
    return _joined(side_by_side(read, len(places), BATCH_PLACES, n_threads))


def _read_lists(
    blocks: Blocks, states_bd: Tensor, targets: np.ndarray, item_vectors: Tensor, by: float
) -> list[_Listed]:
    top = RunningTop(len(states_bd), min(LIST_LENGTH, len(item_vectors)))
    plain, scaled = LogSums(), LogSums()
    for start, block in blocks:
        top.add(start, block)
        plain.add(block)
        scaled.add(block.div_(by))
    wanted = torch.as_tensor(targets - 1, device=states_bd.device)
    scores = (states_bd * item_vectors[wanted]).sum(dim=1)
    is_hidden = top.items.cpu().numpy() == targets[:, None]
    return [
        _Listed(
            (top.scores / divisor - log_sums[:, None]).exp().cpu().double().numpy(),
            is_hidden,
            (scores / divisor - log_sums).cpu().double().numpy(),
        )
        for divisor, log_sums in ((1.0, plain.total()), (by, scaled.total()))
    ]


def _joined(parts: Sequence[Sequence[_Listed]]) -> list[_Listed]:
    """Return the lists of rows, one for each temperature, put together from parts of the rows."""
    return [
        _Listed(
            np.concatenate([part.probability for part in of_one]),
            np.concatenate([part.is_hidden for part in of_one]),
            np.concatenate([part.log_p for part in of_one]),
        )
        for of_one in zip(*parts, strict=True)
    ]


def _reliability(listed: _Listed, users: np.ndarray) -> Reliability:
    """Bin all listed items by probability, as many in each bin."""
    probability, is_hidden = listed.probability.ravel(), listed.is_hidden.ravel()
    owners = np.repeat(users, listed.probability.shape[1])
    order = np.argsort(probability, kind="stable")
    bins = [
        Bin(
            len(rows),
            float(probability[rows].mean()),
            Estimate.of(is_hidden[rows].astype(np.float64), owners[rows]),
        )
        for rows in np.array_split(order, N_BINS)
        if len(rows)
    ]
    n = sum(one.n for one in bins)
    error = sum(one.n * abs(one.probability - one.share.mean) for one in bins) / max(n, 1)
    return Reliability(error, -float(listed.log_p.mean()) / math.log(2), tuple(bins))
