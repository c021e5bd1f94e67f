"""What a search is to do: where settings start, what varies, by which metric, for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from bert4rec.errors import SettingsError, shown
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy import load_yaml, read_settings_text
from bert4rec.policy_settings import MAX_SEED
from bert4rec.presets import FIRST_PRESET, PRESETS
from bert4rec.search.space import (
    DEFAULT_SPACE,
    Space,
    check_space,
    n_points,
    parse_space,
    usual_space,
)
from bert4rec.setting_checks import parse_settings, parse_value

DEFAULT_TRIALS = 30
MAX_TRIALS = 10_000
KEYS = ("preset", "settings", "space", "metric", "trials", "minutes", "seed")


@dataclass(frozen=True)
class Budget:
    """When a search has done enough, whichever comes first.

    Args:
        n_trials: Trials in all, of all processes that share the search.
        minutes: Minutes of trials in all; None: no limit.
    """

    n_trials: int = DEFAULT_TRIALS
    minutes: float | None = None


@dataclass(frozen=True)
class SearchPlan:
    """What a search is to do; checked by `checked_plan`.

    Args:
        base: The settings that do not vary, and the values that the first trial has.
        space: What varies.
        budget: For how long.
        seed: Chance behind the points that are drawn.
    """

    base: Hyperparameters = field(default_factory=lambda: usual_base())
    space: Space = field(default_factory=lambda: dict(DEFAULT_SPACE))
    budget: Budget = field(default_factory=Budget)
    seed: int = 42

    @property
    def metric(self) -> str:
        """The validation metric that is to become large."""
        return self.base.valid_metric

    @property
    def n_trials(self) -> int:
        """Trials in all: what the budget allows, or fewer where the space holds fewer points."""
        n = n_points(self.space)
        return self.budget.n_trials if n is None else min(self.budget.n_trials, n)

    def first_point(self) -> dict[str, Any] | None:
        """Return the values of the base, or None where the space does not hold them."""
        known = self.base.in_effect()
        values = {name: known[name] for name in self.space}
        is_inside = all(self.space[name].holds(value) for name, value in values.items())
        return values if is_inside else None

    def settings(self, values: Mapping[str, Any]) -> Hyperparameters:
        """Return the settings of one point.

        Raises:
            SettingsError: the point is not of this plan's space.
        """
        return parse_settings(self.base.given() | dict(values))


def usual_base() -> Hyperparameters:
    """Return the settings of the first preset."""
    return parse_settings(PRESETS[FIRST_PRESET].values)


def checked_plan(plan: SearchPlan, *, where: str | None = None) -> SearchPlan:
    """Return the plan if it can be carried out.

    Raises:
        SettingsError: with one line a problem.
    """
    problems = _contradictions(plan)
    if problems:
        raise SettingsError(problems, where=where)
    return plan


def _contradictions(plan: SearchPlan) -> list[str]:
    problems = []
    if not 1 <= plan.budget.n_trials <= MAX_TRIALS:
        problems.append(f"trials: {shown(plan.budget.n_trials)} should be 1 to {MAX_TRIALS:,}")
    if plan.budget.minutes is not None and not 0 < plan.budget.minutes < float("inf"):
        problems.append(f"minutes: {plan.budget.minutes:g} should be above 0")
    if not 0 <= plan.seed <= MAX_SEED:
        problems.append(f"search seed: {shown(plan.seed)} should be 0 to {MAX_SEED:,}")
    if not plan.base.eval_step:
        problems.append("eval_step: 0 is never, but a search compares validations; give 1 or more")
    _part(lambda: check_space(plan.space, plan.base), problems)
    return problems


def read_plan(path: Path) -> SearchPlan:
    """Read a search file; see `load_plan` for the form and the errors."""
    return load_plan(read_settings_text(path), where=path.name)


def load_plan(text: str, *, where: str | None = None) -> SearchPlan:
    """Parse a plan from YAML of the form `search: {preset: ..., space: {...}, trials: ...}`.

    Raises:
        SettingsError: with one line for each problem.
    """
    document = load_yaml(text, where=where)
    body = document.get("search") if isinstance(document, Mapping) else None
    if not isinstance(body, Mapping) or len(document) != 1:
        raise SettingsError(
            ["there is no section called search, or something beside it"],
            where=where,
            fix="Start from:\nsearch:\n  preset: balanced\n  trials: 30",
        )
    return plan_of(body, where=where)


def plan_of(body: Mapping[Any, Any], *, where: str | None = None) -> SearchPlan:
    """Return a plan from plain data; what is missing is as in the default plan.

    Raises:
        SettingsError: with one line a problem.
    """
    problems = [f"{key}: not known in a search" for key in body if key not in KEYS]
    fix = f"A search may have {', '.join(KEYS[:-1])} and {KEYS[-1]}." if problems else None
    base = _part(lambda: _base(body), problems)
    space = _part(lambda: _space(body.get("space"), base or Hyperparameters()), problems)
    n_trials = _part(lambda: _whole(body.get("trials", DEFAULT_TRIALS), "trials"), problems)
    minutes = _part(lambda: _minutes(body.get("minutes")), problems)
    seed = _part(lambda: _whole(body.get("seed", 42), "search seed"), problems)
    # What could not be read is told already; the rest is checked all the same.
    plan = SearchPlan(
        base=base or usual_base(),
        space=space if space and base else {},
        budget=Budget(1 if n_trials is None else n_trials, minutes),
        seed=seed or 0,
    )
    problems += _contradictions(plan)
    if problems:
        raise SettingsError(problems, where=where, fix=fix)
    return plan


def _part(read: Callable[[], Any], problems: list[str]) -> Any:
    """Return one part of a plan, or None after its problems were noted."""
    try:
        return read()
    except SettingsError as error:
        problems += error.problems
        return None


def _base(body: Mapping[Any, Any]) -> Hyperparameters:
    problems: list[str] = []
    settings = body.get("settings")
    preset = body.get("preset", None if settings else FIRST_PRESET)
    values: dict[str, Any] = {}
    if isinstance(preset, str) and preset in PRESETS:
        values |= PRESETS[preset].values
    elif preset is not None:
        problems.append(f"preset: {shown(preset)} should be one of {', '.join(PRESETS)}")
    if isinstance(settings, Mapping):
        values |= {str(name): value for name, value in settings.items()}
    elif settings is not None:
        problems.append("settings should be names with values")
    if "metric" in body:
        metric = _part(lambda: _metric(body["metric"]), problems)
        values |= {"valid_metric": metric} if metric else {}
    base = _part(lambda: parse_settings(values), problems)
    if problems:
        raise SettingsError(problems)
    return cast("Hyperparameters", base)


def _space(given: Any, base: Hyperparameters) -> Space:
    if given is None:
        return usual_space(base)
    if not isinstance(given, Mapping):
        raise SettingsError(["space should be settings with what they vary between"])
    return parse_space(given)


def _metric(given: Any) -> str:
    try:
        return str(parse_value("valid_metric", given))
    except SettingsError as error:
        named = [f"metric{problem.removeprefix('valid_metric')}" for problem in error.problems]
        raise SettingsError(named) from error


def _whole(given: Any, name: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise SettingsError([f"{name}: {shown(given)} should be a whole number"])
    return given


def _minutes(given: Any) -> float | None:
    try:
        found: float | None = parse_value("max_minutes", given)
    except SettingsError as error:
        problem = f"minutes: {shown(given)} should be a number above 0"
        raise SettingsError([problem]) from error
    return found


def plain_plan(plan: SearchPlan) -> dict[str, Any]:
    """Return a plan as plain data, from which `plan_of` makes the same plan."""
    found: dict[str, Any] = {
        "settings": plan.base.given() | {"valid_metric": plan.metric},
        "space": {name: domain.plain() for name, domain in plan.space.items()},
        "trials": plan.budget.n_trials,
    }
    if plan.budget.minutes is not None:
        found["minutes"] = plan.budget.minutes
    return found | {"seed": plan.seed}


def dump_plan(plan: SearchPlan) -> str:
    """Return a plan as YAML."""
    return yaml.safe_dump({"search": plain_plan(plan)}, sort_keys=False, allow_unicode=True)
