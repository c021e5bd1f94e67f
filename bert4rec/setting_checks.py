"""What is given as settings, checked: all that is wrong with it at once, and what would do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from bert4rec.errors import SettingsError, shown
from bert4rec.hyperparameters import Hyperparameters
from bert4rec.policy_settings import MAX_PARTS, MAX_WIDTH
from bert4rec.setting_values import UNSET, SettingValues


def parse_settings(values: Mapping[str, Any], *, where: str | None = None) -> Hyperparameters:
    """Check `values` and return them as settings.

    Raises:
        SettingsError: with one line a problem, all problems at once.
    """
    fields = Hyperparameters.model_fields
    problems = [
        unknown_setting(str(name), one) for name, one in values.items() if name not in fields
    ]
    known = {name: value for name, value in values.items() if name in fields}
    try:
        settings = Hyperparameters.model_validate(known)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]) for problem in error.errors()}
        problems += [_explain(dict(problem)) for problem in error.errors()]
        # What is right by itself may still contradict something else that is.
        sound = {name: value for name, value in known.items() if name not in wrong}
        problems += _contradictions(Hyperparameters.model_validate(sound), wrong)
    else:
        problems += _contradictions(settings)
        if not problems:
            return settings
    raise SettingsError(problems, where=where)


def parse_value(name: str, value: Any) -> Any:
    """Check one value by itself and return it in the setting's own type.

    Raises:
        SettingsError: there is no such setting, or it cannot have this value.
    """
    if name not in Hyperparameters.model_fields:
        raise SettingsError([unknown_setting(name, value)])
    try:
        return getattr(Hyperparameters.model_validate({name: value}), name)
    except ValidationError as error:
        raise SettingsError([_explain(dict(one)) for one in error.errors()]) from error


def parse_assignment(text: str, *, where: str = "--set") -> tuple[str, str]:
    """Split `name=value` as typed on the command line behind the option `where`.

    Raises:
        SettingsError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        problem = f"{text!r} is not of the form name=value, like n_epochs=20"
        raise SettingsError([problem], where=where)
    return name.strip(), value.strip()


def unknown_setting(name: str, value: Any) -> str:
    """Return in words that there is no such setting, and which name is nearest."""
    near = difflib.get_close_matches(name, Hyperparameters.model_fields, n=1, cutoff=0.6)
    hint = f"the nearest name is {near[0]}" if near else "docs/hyperparameters.md has all names"
    return f"{name}: {shown(value)} belongs to no setting; {hint}"


def _explain(problem: dict[str, Any]) -> str:
    name = str(problem["loc"][0])
    schema = Hyperparameters.model_json_schema()["properties"][name]
    values = SettingValues.of(schema)
    reason = f"should be {values.in_words()}{f', or {UNSET[0]}' if values.is_optional else ''}"
    if problem["type"] == "value_error":
        reason = str(problem["msg"]).removeprefix("Value error, ")
    given = problem["input"]
    # As a form shows it, which holds no other than such numbers: -1, not -1.0.
    is_whole = isinstance(given, float) and given.is_integer()
    return f"{name}: {shown(int(given) if is_whole else given)} {reason}"


def fitting_widths(width: int, heads: int) -> list[int]:
    """Return the multiples of `heads` that are nearest to a width, the smaller one first.

    Example:
        >>> fitting_widths(64, 3), fitting_widths(64, 4), fitting_widths(2, 3)
        ([63, 66], [64], [3])
    """
    below = width // heads * heads
    near = [below] if below == width else [below, below + heads]
    return [size for size in near if 0 < size <= MAX_WIDTH]


def fitting_heads(width: int, heads: int) -> int:
    """Return the number of heads that divides a width and is nearest to `heads`.

    Example:
        >>> fitting_heads(64, 3), fitting_heads(64, 12), fitting_heads(7, 2)
        (2, 8, 1)
    """
    whole = (count for count in range(1, min(width, MAX_PARTS) + 1) if width % count == 0)
    return min(whole, key=lambda count: abs(count - heads))


def _contradictions(settings: Hyperparameters, wrong: Collection[str] = ()) -> list[str]:
    """Return what does not go together, but for what is wrong by itself."""
    problems = []
    width, heads = settings.hidden_size, settings.n_heads
    if width % heads and not {"hidden_size", "n_heads"}.intersection(wrong):
        nearest = " or ".join(map(str, fitting_widths(width, heads)))
        problems.append(
            f"hidden_size: {width} is not a multiple of n_heads ({heads}); use {nearest}"
        )
    return problems
