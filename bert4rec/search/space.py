"""Which settings a search varies, and between what; no sampler is known here.

A setting is varied among choices (`32,64,128`), in a range (`0.0..0.4`, with a step `0.0..0.4:0.1`)
or in a range of magnitudes (`log:3e-4..5e-3`). Every point of a space that passed `check_space` is
a valid set of settings, so that no trial is spent on finding out that it is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bert4rec.errors import SettingsError, shown
from bert4rec.hyperparameters import DROPOUTS, Hyperparameters, unused_by_loss
from bert4rec.setting_checks import parse_value, unknown_setting
from bert4rec.setting_values import typed_value

# What is judged must be the same in every trial, or their scores cannot be compared.
JUDGED_BY = (
    *("split_strategy", "held_out_items", "held_out_share"),
    *("sample_strategy", "sample_ratio", "sample_seed", "seen_items"),
    *("valid_metric", "eval_step", "early_stopping_step"),
)
MACHINE = ("device", "precision", "compile", "n_threads", "eval_batch_size", "max_minutes")
WHY_FIXED = {
    **dict.fromkeys(JUDGED_BY, "it decides what is judged, which must be the same in every trial"),
    **dict.fromkeys(MACHINE, "it is a matter of the machine, not of the model"),
    "seed": "another seed is luck, not a better setting",
}
MAX_CHOICES = 50


@dataclass(frozen=True)
class Choices:
    """One of some values."""

    values: tuple[Any, ...]

    @property
    def n_values(self) -> int:
        """How many values can be drawn."""
        return len(self.values)

    def holds(self, value: Any) -> bool:
        """Whether a value can be drawn."""
        return value in self.values

    def place(self, value: Any) -> int:
        """Return the place of a value among those that can be drawn, from 0."""
        return self.values.index(value)

    def at(self, place: int) -> Any:
        """Return the value at a place."""
        return self.values[place]

    def plain(self) -> Any:
        """Return it as YAML and JSON hold it."""
        return list(self.values)

    def text(self) -> str:
        """Return it as it is typed."""
        return ",".join(map(typed_value, self.values))


@dataclass(frozen=True)
class Range:
    """A number between two others, both of them included.

    Args:
        low: The smallest.
        high: The largest.
        step: Distance of the values that can be drawn; None: any number, any whole number.
        is_log: Drawn by magnitude, so that 0.001 to 0.01 counts as much as 0.01 to 0.1.
    """

    low: float
    high: float
    step: float | None = None
    is_log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def n_values(self) -> int | None:
        """How many values can be drawn; None: no end of them."""
        return None if self._distance is None else self.place(self.high) + 1

    @property
    def _distance(self) -> float | None:
        return 1 if self.step is None and self.is_whole else self.step

    def holds(self, value: Any) -> bool:
        """Whether a value can be drawn."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return math.isclose(steps, round(steps), abs_tol=1e-9)

    def place(self, value: float) -> int:
        """Return the place of a value among those that can be drawn, from 0.

        Whoever draws it may round a float in another way, which makes it no other value.
        """
        return round((value - self.low) / (self._distance or math.inf))

    def at(self, place: int) -> float:
        """Return the value at a place."""
        value = self.low + place * (self._distance or 0)
        return value if self.is_whole else round(value, 12)

    def plain(self) -> Any:
        """Return it as YAML and JSON hold it."""
        found: dict[str, Any] = {"low": self.low, "high": self.high}
        if self.step is not None:
            found["step"] = self.step
        return found | ({"log": True} if self.is_log else {})

    def text(self) -> str:
        """Return it as it is typed."""
        ends = f"{self.low}..{self.high}"
        if self.is_log:
            return f"log:{ends}"
        return ends if self.step is None else f"{ends}:{self.step}"


Domain = Choices | Range
Space = Mapping[str, Domain]
# The places of a point's values, in the order of the space.
Point = tuple[int, ...]

# Few, and known to matter for logs of up to a million interactions.
DEFAULT_SPACE: Space = {
    "learning_rate": Range(3e-4, 5e-3, is_log=True),
    "dropout_rate": Range(0.0, 0.4, step=0.05),
    "hidden_size": Choices((32, 64, 128)),
    "n_layers": Choices((1, 2, 3)),
    "mask_rate": Range(0.1, 0.6, step=0.05),
    "next_item_rate": Range(0.0, 1.0, step=0.1),
    "max_seq_length": Choices((50, 100, 200)),
    "batch_size": Choices((32, 64, 128)),
}


def usual_space(base: Hyperparameters) -> Space:
    """Return what a search varies unless it is told: what is known to matter for such a model."""
    return {name: domain for name, domain in DEFAULT_SPACE.items() if name not in base.unused}


def n_points(space: Space) -> int | None:
    """Return how many points a space holds; None: no end of them."""
    n = 1
    for domain in space.values():
        if domain.n_values is None:
            return None
        n *= domain.n_values
    return n


def point_of(space: Space, values: Mapping[str, Any]) -> Point:
    """Return the point that has some values, in a space that does not go on without end."""
    return tuple(domain.place(values[name]) for name, domain in space.items())


def parse_domain(name: str, given: Any) -> Domain:
    """Return between what a setting varies, from YAML or as typed.

    Args:
        name: The setting.
        given: A list, a mapping with `low` and `high` (and `step` or `log`), or text.

    Raises:
        SettingsError: with one line that names the setting.
    """
    if name in WHY_FIXED:
        raise SettingsError([f"{name} cannot be varied: {WHY_FIXED[name]}"])
    if name not in Hyperparameters.model_fields:
        # Told with all that was given, of which a range is taken apart below.
        raise SettingsError([unknown_setting(name, given)])
    if isinstance(given, str):
        given = _from_text(name, given)
    if isinstance(given, Mapping):
        return _range(name, given)
    values = given if isinstance(given, list | tuple) else [given]
    return _choices(name, values)


def _from_text(name: str, text: str) -> Any:
    is_log = text.startswith("log:")
    body = text.removeprefix("log:")
    if ".." not in body:
        if is_log:
            raise _malformed(name, text)
        return [part.strip() for part in body.split(",")]
    low, _, rest = body.partition("..")
    high, colon, step = rest.partition(":")
    ends = {"low": low.strip(), "high": high.strip(), "log": is_log}
    return ends | ({"step": step.strip()} if colon else {})


def _malformed(name: str, text: object) -> SettingsError:
    return SettingsError(
        [f"{name}: {shown(text)} is neither choices (32,64), a range (0.0..0.4) nor log:3e-4..5e-3"]
    )


def _choices(name: str, values: Iterable[Any]) -> Choices:
    found = tuple(parse_value(name, value) for value in values)
    if len(set(found)) != len(found):
        raise SettingsError([f"{name}: a choice is given twice"])
    if not 2 <= len(found) <= MAX_CHOICES:
        raise SettingsError(
            [f"{name}: give 2 to {MAX_CHOICES} choices instead of {len(found)}, or do not vary it"]
        )
    return Choices(found)


def _range(name: str, given: Mapping[Any, Any]) -> Range:
    unknown = [str(key) for key in given if key not in ("low", "high", "step", "log")]
    if unknown or not {"low", "high"} <= set(given):
        raise SettingsError([f"{name}: a range has low, high, and step or log: true"])
    low, high = (parse_value(name, given[end]) for end in ("low", "high"))
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        raise SettingsError([f"{name} is no number; give its choices as a list"])
    step, is_log = _step(name, given.get("step"), low), given.get("log") or False
    if not isinstance(is_log, bool):
        raise SettingsError([f"{name}: log: {shown(is_log)} should be true or false"])
    if low >= high:
        raise SettingsError([f"{name}: {low} to {high} is no range; the first must be smaller"])
    if is_log and (low <= 0 or step is not None):
        raise SettingsError([f"{name}: a log range begins above 0 and has no step"])
    if step is not None and step > high - low:
        raise SettingsError([f"{name}: the step {shown(step)} is wider than the range"])
    if step is not None and math.isinf((high - low) / step):
        raise SettingsError([f"{name}: the step {step} is too small for the range"])
    return Range(low, _last(low, high, step), step, is_log)


def _step(name: str, given: Any, low: float) -> float | None:
    if given is None:
        return None
    try:
        step = int(given) if isinstance(low, int) else float(given)
    except (TypeError, ValueError, OverflowError):
        step = 0
    if not 0 < step < math.inf or isinstance(given, bool):
        raise SettingsError([f"{name}: the step {shown(given)} is no number above 0 of its kind"])
    return step


def _last(low: float, high: float, step: float | None) -> float:
    """Return the last value that whole steps reach."""
    if step is None:
        return high
    last = low + math.floor((high - low) / step + 1e-9) * step
    return last if isinstance(low, int) else round(last, 12)


def parse_space(given: Mapping[Any, Any], *, where: str | None = None) -> Space:
    """Return a space from YAML or as typed.

    Raises:
        SettingsError: with one line a problem, all problems at once.
    """
    found: dict[str, Domain] = {}
    problems: list[str] = []
    for name, one in given.items():
        try:
            found[str(name)] = parse_domain(str(name), one)
        except SettingsError as error:
            problems += error.problems
    if not given:
        problems.append("nothing is varied; name at least one setting")
    if problems:
        raise SettingsError(problems, where=where)
    return found


def check_space(space: Space, base: Hyperparameters) -> None:
    """Refuse a space that holds a point which is no valid set of settings, or does nothing.

    Raises:
        SettingsError: with one line a problem.
    """
    problems = [
        *_width_problems(space, base),
        *_dropout_problems(space, base),
        *_model_problems(space, base),
        *_loss_problems(space, base),
    ]
    if problems:
        raise SettingsError(problems)


def _width_problems(space: Space, base: Hyperparameters) -> list[str]:
    """Find a width that some number of heads does not divide."""
    if not {"hidden_size", "n_heads"} & set(space):
        return []
    heads = list(_whole_values(space.get("n_heads"), base.n_heads))
    widths = _whole_values(space.get("hidden_size"), base.hidden_size)
    wrong = next(((width, n) for width in widths for n in heads if width % n), None)
    if wrong is None:
        return []
    return [
        f"hidden_size: {wrong[0]} is not a multiple of n_heads ({wrong[1]}); let every width be a "
        f"multiple of {math.lcm(*heads)}, by choices or a step"
    ]


def _whole_values(domain: Domain | None, fixed: int) -> Iterable[int]:
    if isinstance(domain, Choices):
        return domain.values
    if isinstance(domain, Range):
        return range(int(domain.low), int(domain.high) + 1, int(domain.step or 1))
    return (fixed,)


def _dropout_problems(space: Space, base: Hyperparameters) -> list[str]:
    set_by_themselves = set(space) | base.model_fields_set
    if "dropout_rate" in space and set(DROPOUTS) <= set_by_themselves:
        return [f"dropout_rate has no effect where {' and '.join(DROPOUTS)} are given"]
    return []


def _loss_problems(space: Space, base: Hyperparameters) -> list[str]:
    if "loss_type" in space:
        return []
    return [
        f"{name} has no effect where loss_type is {base.loss_type}; do not vary it"
        for name in unused_by_loss(base.loss_type)
        if name in space
    ]


def _model_problems(space: Space, base: Hyperparameters) -> list[str]:
    if "attention" in space:
        return []
    return [
        f"{name} has no effect where attention is causal; do not vary it"
        for name in base.unused
        if name in space
    ]
