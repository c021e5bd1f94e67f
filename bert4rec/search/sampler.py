"""Which point a search tries next: drawn by TPE, and none twice."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from bert4rec.search.plan import SearchPlan
from bert4rec.search.space import Domain, Point, Space, n_points, point_of
from bert4rec.search.trials import TAKEN_STATES, distributions, read_trial, tried_points

N_RANDOM_TRIALS = 8
# Where TPE draws what was tried again and again, it has no other wish than that.
N_REDRAWS = 20


class NumberedSampler(BaseSampler):
    """TPE whose chance is the study's seed and the trial's number, and that draws no point twice.

    So a study that was resumed draws what one draws that was not. TPE by itself comes back to
    points that did well, which of a space of few points are soon the same ones.
    """

    def __init__(self, plan: SearchPlan) -> None:
        self._plan = plan

    def _chance(self, number: int) -> int:
        chance = np.random.SeedSequence([self._plan.seed, number])
        return int(chance.generate_state(1)[0])

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Have all values of a point drawn together."""
        return distributions(self._plan)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw a point that has not been tried, where there is one left."""
        chance, space = self._chance(trial.number), self._plan.space
        inner = TPESampler(seed=chance, n_startup_trials=N_RANDOM_TRIALS)
        values = _drawn(inner, study, trial, space, search_space)
        n = n_points(space)
        if n is None:
            return values
        others = [read_trial(one) for one in study.get_trials(deepcopy=False)]
        others = [one for one in others if one.number != trial.number]
        tried = tried_points(others, self._plan, (*TAKEN_STATES, "waiting"))
        for _ in range(N_REDRAWS):
            if point_of(space, values) not in tried:
                return values
            values = _drawn(inner, study, trial, space, search_space)
        return values if len(tried) == n else _untried(space, tried, Random(chance))

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Refuse: all values of a point are drawn together."""
        raise NotImplementedError(f"{param_name} is not in the plan")


def _drawn(
    inner: TPESampler,
    study: optuna.Study,
    trial: FrozenTrial,
    space: Space,
    wanted: dict[str, BaseDistribution],
) -> dict[str, Any]:
    """Draw a point by TPE: values that go together, then those that it draws one by one."""
    together = inner.infer_relative_search_space(study, trial)
    values = inner.sample_relative(study, trial, together)
    alone = {name: one for name, one in wanted.items() if name not in values}
    values |= {
        name: inner.sample_independent(study, trial, name, one) for name, one in alone.items()
    }
    # Optuna adds steps up, and would have 0.15000000000000002.
    return {name: _in_steps(space[name], value) for name, value in values.items()}


def _in_steps(domain: Domain, value: Any) -> Any:
    return value if domain.n_values is None else domain.at(domain.place(value))


def _untried(space: Space, tried: set[Point], chance: Random) -> dict[str, Any]:
    """Return the first point from some place on that has not been tried; there must be one."""
    point = [chance.randrange(domain.n_values or 1) for domain in space.values()]
    while tuple(point) in tried:
        for at, domain in enumerate(space.values()):
            point[at] = (point[at] + 1) % (domain.n_values or 1)
            if point[at]:
                break
    return {name: domain.at(at) for (name, domain), at in zip(space.items(), point, strict=True)}
