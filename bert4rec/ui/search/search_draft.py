"""The form of a search: what varies as it is typed, and the plan that comes of it; no Streamlit.

A draft holds the base as the form of a run holds its settings, and what varies as the boxes of the
form hold it, which need not make sense yet. `check_plan` says whether it does.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bert4rec.errors import SettingsError
from bert4rec.hyperparameters import unused_settings
from bert4rec.presets import FIRST_PRESET, PRESETS
from bert4rec.search.plan import DEFAULT_TRIALS, Budget, SearchPlan, plan_of
from bert4rec.search.space import DEFAULT_SPACE, WHY_FIXED, Choices, Domain, parse_domain
from bert4rec.setting_checks import parse_value
from bert4rec.setting_values import UNSET, typed_value
from bert4rec.view import forms
from bert4rec.view.forms import FormField, form_fields, preset_draft, shown_value
from bert4rec.view.setting_words import value_text

FIXED, LIST, RANGE, LOG = "fixed", "list", "range", "log"
MODES = {FIXED: "Fixed", LIST: "List", RANGE: "Range", LOG: "Log range"}
METRIC = "valid_metric"
DEFAULT_SEED = 42


@dataclass(frozen=True)
class Varied:
    """How one setting varies, as typed.

    Args:
        mode: list, range or log.
        values: The values of a list.
        low: Where a range begins.
        high: Where it ends.
        step: Distance of its values; empty: any.
    """

    mode: str
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    step: str = ""

    def plain(self) -> Any:
        """Return it as a search file would hold it."""
        if self.mode == LIST:
            return list(self.values)
        ends = {"low": self.low.strip(), "high": self.high.strip()}
        found: dict[str, Any] = {end: value for end, value in ends.items() if value}
        if self.mode == LOG:
            return found | {"log": True}
        return found | ({"step": self.step.strip()} if self.step.strip() else {})


@dataclass(frozen=True)
class SearchDraft:
    """What the form of a search holds.

    Args:
        base: The settings that were given, with the values that the first trial has.
        kept: Settings that a preset or a file gave.
        space: What varies.
        n_trials: Trials in all.
        minutes: Minutes of trials in all; None: no limit.
        seed: Chance behind the points.
        source: The preset that the base comes from, else empty.
    """

    base: Mapping[str, Any]
    kept: tuple[str, ...] = ()
    space: Mapping[str, Varied] = field(default_factory=dict)
    n_trials: int = DEFAULT_TRIALS
    minutes: float | None = None
    seed: int = DEFAULT_SEED
    source: str = ""

    @property
    def metric(self) -> str:
        """The metric that is to become large."""
        return str(shown_value(METRIC, self.base))


def first_draft() -> SearchDraft:
    """Return the usual search: what is known to matter, around the balanced preset."""
    return with_preset(SearchDraft({}, space=_typed_space(DEFAULT_SPACE)), FIRST_PRESET)


def with_preset(draft: SearchDraft, preset: str) -> SearchDraft:
    """Return the draft with the base of a preset; what varies and the metric stay.

    But for what only masks have: it leaves with a preset that hides nothing and comes back with one
    that does.
    """
    base = preset_draft(preset)
    if METRIC in draft.base:
        base[METRIC] = draft.base[METRIC]
    unused = unused_settings(base)
    space = {name: varied for name, varied in draft.space.items() if name not in unused}
    back = [name for name in unused_settings(draft.base) if name not in unused]
    space |= _typed_space({name: DEFAULT_SPACE[name] for name in back})
    return replace(draft, base=base, kept=tuple(base), space=space, source=preset)


def unused_fields(draft: SearchDraft) -> dict[str, str]:
    """Return why a setting does nothing in any trial of a search, by its name."""
    return {} if "attention" in draft.space else forms.unused_fields(draft.base)


def draft_of(plan: SearchPlan) -> SearchDraft:
    """Return the draft from which a plan comes."""
    base = plan.base.given()
    return SearchDraft(
        base=base,
        kept=tuple(base),
        space=_typed_space(plan.space),
        n_trials=plan.budget.n_trials,
        minutes=plan.budget.minutes,
        seed=plan.seed,
    )


def _typed_space(space: Mapping[str, Domain]) -> dict[str, Varied]:
    return {name: typed(domain) for name, domain in space.items()}


def typed(domain: Domain) -> Varied:
    """Return a domain as the boxes hold it."""
    if isinstance(domain, Choices):
        return Varied(LIST, tuple(map(typed_value, domain.values)))
    step = "" if domain.step is None else str(domain.step)
    return Varied(LOG if domain.is_log else RANGE, (), str(domain.low), str(domain.high), step)


def may_vary(name: str) -> bool:
    """Whether a search may vary a setting."""
    return name not in WHY_FIXED


def modes_of(found: FormField) -> list[str]:
    """Return how a setting can vary."""
    numbers = [RANGE, LOG] if found.kind in ("integer", "number") else []
    return [FIXED, LIST, *numbers]


def choices_of(found: FormField) -> list[str]:
    """Return what a list can be chosen from; nothing where it is typed."""
    if found.kind == "switch":
        return ["True", "False"]
    unset = [UNSET[0]] if found.is_optional else []
    return [*unset, *found.choices] if found.choices else []


def choice_text(found: FormField, word: str) -> str:
    """Return what can be chosen for a setting as a person reads it."""
    is_unset = found.is_optional and word in UNSET
    return value_text(None, found.name) if is_unset else word


def suggested(name: str, value: Any) -> Varied:
    """Return how a setting could vary around a value, to begin with."""
    if name in DEFAULT_SPACE:
        return typed(DEFAULT_SPACE[name])
    found = form_fields()[name]
    if choices_of(found):
        return Varied(LIST, tuple(choices_of(found)))
    around = [value // 2, value, value * 2] if found.kind == "integer" and value else []
    if found.kind == "number" and value:
        around = [value / 2, value, value * 2]
    return Varied(LIST, tuple(dict.fromkeys(str(one) for one in around if _is_valid(name, one))))


def _is_valid(name: str, value: Any) -> bool:
    try:
        parse_value(name, value)
    except SettingsError:
        return False
    return True


def in_mode(before: Varied, mode: str) -> Varied:
    """Return how a setting varies once another mode was chosen, between the same ends."""
    if mode == LIST:
        ends = (before.low, before.high)
        return replace(before, mode=mode, values=before.values or tuple(filter(None, ends)))
    numbers = sorted(filter(_is_number, before.values), key=float)
    low, high = (numbers[0], numbers[-1]) if numbers else ("", "")
    return replace(before, mode=mode, low=before.low or low, high=before.high or high)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def split_values(text: str) -> tuple[str, ...]:
    """Return the values of a list as typed with commas.

    Example:
        >>> split_values("32, 64,, 128 ")
        ('32', '64', '128')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def check_plan(draft: SearchDraft) -> tuple[SearchPlan | None, list[str]]:
    """Return the plan, or None and one line a problem, all of them."""
    body = {
        # With the metric among them they are never empty, which would mean the usual preset.
        "settings": {**draft.base, METRIC: draft.metric},
        "space": {name: varied.plain() for name, varied in draft.space.items()},
        "trials": draft.n_trials,
        "seed": draft.seed,
    }
    if draft.minutes is not None:
        body["minutes"] = draft.minutes
    try:
        return plan_of(body), []
    except SettingsError as error:
        return None, error.problems


def fixed_changes(draft: SearchDraft) -> list[tuple[str, str, str]]:
    """Return title, value and preset's value of what is fixed elsewhere than the preset has it."""
    usual = preset_draft(draft.source) if draft.source in PRESETS else {}
    return [
        (found.title, value_text(now, name), value_text(before, name))
        for name, found in form_fields().items()
        if name not in {*draft.space, *unused_fields(draft)}
        and (now := shown_value(name, draft.base)) != (before := shown_value(name, usual))
    ]


def plan_words(plan: SearchPlan) -> list[tuple[str, str]]:
    """Return what varies as pairs of a title and its values in words."""
    return [
        (form_fields()[name].title, domain_words(one, name)) for name, one in plan.space.items()
    ]


def varied_words(varied: Varied, name: str) -> str:
    """Return between what a setting varies, in words, also while it makes no sense yet.

    Args:
        varied: How it varies, as typed.
        name: The setting.

    Example:
        >>> varied_words(Varied(LIST, ("32", "64")), "hidden_size"), varied_words(Varied(LIST), "")
        ('32 or 64', 'to be put right')
    """
    try:
        return domain_words(parse_domain(name, varied.plain()), name)
    except SettingsError:
        return "to be put right"


def domain_words(domain: Domain, name: str = "") -> str:
    """Return between what a setting varies, in words.

    Args:
        domain: What it varies between.
        name: The setting.

    Example:
        >>> domain_words(DEFAULT_SPACE["hidden_size"]), domain_words(DEFAULT_SPACE["mask_rate"])
        ('32, 64 or 128', '0.1 to 0.6 in steps of 0.05')
    """
    if isinstance(domain, Choices):
        *most, last = (value_text(value, name) for value in domain.values)
        return f"{', '.join(most)} or {last}"
    ends = f"{value_text(domain.low)} to {value_text(domain.high)}"
    if domain.is_log:
        return f"{ends}, log range"
    return ends + ("" if domain.step is None else f" in steps of {value_text(domain.step)}")


def sweep_command(
    plan: SearchPlan, *, preset: str, dataset: str, workspace: Path, name: str
) -> str:
    """Return the command line that searches for what the form shows, ready for a shell."""
    preset = preset if preset in PRESETS else FIRST_PRESET
    usual, given = dict(PRESETS[preset].values), plan.base.given()
    options = [("--workspace", str(workspace)), ("--name", name), ("--preset", preset)]
    # Whatever the preset gives and the form does not has to be taken back.
    wanted = {key: getattr(plan.base, key) for key in (*usual, *given)}
    differing = {
        key: value for key, value in wanted.items() if key not in usual or usual[key] != value
    }
    options += [("--set", f"{key}={typed_value(value)}") for key, value in differing.items()]
    options += [("--vary", f"{key}={domain.text()}") for key, domain in plan.space.items()]
    options += _budget_options(plan.budget)
    if plan.seed != DEFAULT_SEED:
        options.append(("--seed", str(plan.seed)))
    lines = [f"bert4rec sweep {shlex.quote(dataset)}"]
    lines += [f"  {option} {shlex.quote(value)}" for option, value in options]
    return " \\\n".join(lines)


def _budget_options(budget: Budget) -> list[tuple[str, str]]:
    minutes = [] if budget.minutes is None else [("--minutes", f"{budget.minutes:.16g}")]
    return [("--trials", str(budget.n_trials)), *minutes]
