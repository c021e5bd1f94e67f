"""The form of the settings, derived from the settings model; pure functions, no Streamlit.

A draft is the plain dict of the settings that were given, as a policy YAML would hold them. What
equals its default is left out of it, unless a preset or a YAML gave it, so that the draft written
as YAML says what was meant and nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from bert4rec.errors import SettingsError
from bert4rec.hyperparameters import (
    DROPOUTS,
    GROUPS,
    Hyperparameters,
    model_name,
    unused_settings,
)
from bert4rec.presets import PRESETS
from bert4rec.setting_checks import parse_settings
from bert4rec.setting_values import SettingValues
from bert4rec.view.setting_words import value_text

# What most people set; a name that is missing from the model is passed over.
COMMON_NAMES = (
    "hidden_size",
    "n_layers",
    "n_heads",
    "max_seq_length",
    "n_epochs",
    "batch_size",
    "learning_rate",
    "dropout_rate",
    "mask_rate",
    "loss_type",
)
# These follow another setting while they are not given themselves.
INHERITED_FROM = dict.fromkeys(DROPOUTS, "dropout_rate")
KINDS = {"integer": "integer", "number": "number", "boolean": "switch"}


@dataclass(frozen=True)
class FormField:
    """One field of the form.

    Args:
        name: Name of the setting.
        title: Label.
        help: Explanation with the range.
        group: Heading under which it stands.
        kind: integer, number, switch, choice or text.
        default: Value while nothing is given.
        is_optional: Whether it can be left unset.
        choices: What can be chosen, for a choice.
        step: What a box's buttons add.
    """

    name: str
    title: str
    help: str
    group: str
    kind: str
    default: Any
    is_optional: bool
    choices: tuple[str, ...]
    step: float


class Change(NamedTuple):
    """A field that is not as the form was filled."""

    field: FormField
    now: Any
    before: Any


@cache
def form_fields() -> Mapping[str, FormField]:
    """Return every field of the form by name, in the order of the model."""
    described = Hyperparameters.model_json_schema()["properties"]
    return {name: _field(name, schema) for name, schema in described.items()}


def _field(name: str, schema: dict[str, Any]) -> FormField:
    values, default = SettingValues.of(schema), schema.get("default")
    kind = "choice" if values.choices else KINDS.get(values.kind, "text")
    limits = values.in_signs()
    return FormField(
        name=name,
        title=schema.get("title", name),
        help=f"{values.description}\n\n`{name}`" + (f", {limits}" if limits else ""),
        group=schema.get("group", GROUPS[-1]),
        kind=kind,
        default=default,
        is_optional=values.is_optional,
        choices=values.choices,
        step=_step(kind, default),
    )


def _step(kind: str, default: Any) -> float:
    """Return a step of a size that makes sense for the default."""
    if kind == "integer":
        if isinstance(default, int) and default >= 32 and default & (default - 1) == 0:
            return default // 4
        return 10 if isinstance(default, int) and default in (50, 100) else 1
    if kind == "number" and default:
        return float(10 ** math.floor(math.log10(default))) / 2
    return 0.05


def common_fields() -> list[FormField]:
    """Return the fields that stay open."""
    return [form_fields()[name] for name in COMMON_NAMES if name in form_fields()]


def folded_fields() -> dict[str, list[FormField]]:
    """Return the other fields by group, in the order of the groups."""
    rest = [field for name, field in form_fields().items() if name not in COMMON_NAMES]
    groups = list(dict.fromkeys([*GROUPS, *(field.group for field in rest)]))
    by_group = {group: [f for f in rest if f.group == group] for group in groups}
    return {group: fields for group, fields in by_group.items() if fields}


def shown_value(name: str, draft: Mapping[str, Any]) -> Any:
    """Return what a field shows: what was given, what it follows, or its default."""
    return draft[name] if name in draft else inherited_value(name, draft)


def inherited_value(name: str, draft: Mapping[str, Any]) -> Any:
    """Return what a setting is while it is not given itself."""
    source = draft.get(INHERITED_FROM.get(name, ""))
    return form_fields()[name].default if source is None else source


def is_followed(name: str, runs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a setting is what it follows in each of some runs, so that it tells nothing new."""
    source = INHERITED_FROM.get(name)
    return source is not None and all(values.get(name) == values.get(source) for values in runs)


def changed_draft(
    draft: Mapping[str, Any], kept: Collection[str], name: str, value: Any
) -> dict[str, Any]:
    """Return the draft after a field was set to a value.

    Args:
        draft: The draft before.
        kept: Settings that a preset or a YAML gave: they stay given, also at their default.
        name: The field.
        value: Its new value; None means unset.
    """
    after = dict(draft)
    after.pop(name, None)
    is_default = value == inherited_value(name, after)
    if not is_default or (name in kept and value is not None):
        after[name] = value
    order = list(form_fields())
    return dict(sorted(after.items(), key=lambda item: order.index(item[0])))


def preset_draft(preset: str) -> dict[str, Any]:
    """Return the draft that a preset starts from."""
    return dict(PRESETS[preset].values)


def check_draft(draft: Mapping[str, Any]) -> tuple[Hyperparameters | None, list[str]]:
    """Return the settings, or None and one line a problem."""
    try:
        return parse_settings(draft), []
    except SettingsError as error:
        return None, error.problems


def problems_of(problems: Collection[str], fields: Collection[FormField]) -> list[str]:
    """Return the problems that are about one of the fields."""
    names = {field.name for field in fields}
    return [problem for problem in problems if _first_word(problem) in names]


def _first_word(problem: str) -> str:
    return problem.partition(":")[0].partition(" ")[0]


def unused_fields(draft: Mapping[str, Any]) -> dict[str, str]:
    """Return why a field does nothing beside the others of a draft, by its name."""
    return dict.fromkeys(unused_settings(draft), f"{model_name(draft)} hides no item")


def differences(draft: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return title, value and default of what differs from the defaults, as text."""
    fields = form_fields()
    return [
        (fields[name].title, value_text(value, name), value_text(fields[name].default, name))
        for name, value in draft.items()
        if value != fields[name].default and name not in unused_settings(draft)
    ]


def changes_from(base: Mapping[str, Any], draft: Mapping[str, Any]) -> list[Change]:
    """Return what differs from where the form was filled from, in the order of the form.

    What does nothing beside the other settings of the draft is no change.
    """
    unused = unused_settings(draft)
    return [
        Change(field, shown_value(name, draft), shown_value(name, base))
        for name, field in form_fields().items()
        if shown_value(name, draft) != shown_value(name, base)
        and (name in draft or name in base)
        and name not in unused
    ]


def taken_back(draft: Mapping[str, Any], base: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the draft with one setting as it was where the form was filled from."""
    return changed_draft(draft, base, name, shown_value(name, base))
