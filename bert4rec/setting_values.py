"""Which values a setting takes, as its model describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A limit by its sign, in the spellings of pydantic; optional settings have those of the right.
SPELLINGS = {
    "≥": ("minimum", "ge"),
    ">": ("exclusiveMinimum", "gt"),
    "≤": ("maximum", "le"),
    "<": ("exclusiveMaximum", "lt"),
}
# How a setting that may be left empty is typed where it is to be, the usual word first.
UNSET = ("none", "null")
LIMIT_WORDS = {"≥": "of {} or more", ">": "above {}", "≤": "up to {}", "<": "below {}"}


def typed_value(value: Any) -> str:
    """Return the value of a setting as it is typed.

    Example:
        >>> typed_value(None), typed_value(0.1)
        ('none', '0.1')
    """
    return UNSET[0] if value is None else str(value)


@dataclass(frozen=True)
class SettingValues:
    """The values that a setting takes.

    Args:
        kind: integer, number, boolean or string, as JSON Schema has it.
        choices: The words that can be chosen; nothing where any value will do.
        limits: Limits by sign.
        is_optional: Whether it may be left empty.
        description: What the setting is for.
    """

    kind: str
    choices: tuple[str, ...]
    limits: Mapping[str, float]
    is_optional: bool
    description: str = ""

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> SettingValues:
        """Read the JSON Schema of one setting."""
        branches = schema.get("anyOf", [schema])
        value = next(branch for branch in branches if branch.get("type") != "null")
        limits = {
            sign: next((value[name] for name in names if name in value), None)
            for sign, names in SPELLINGS.items()
        }
        return cls(
            kind=value.get("type", "string"),
            choices=tuple(value.get("enum", [value["const"]] if "const" in value else [])),
            limits={sign: float(limit) for sign, limit in limits.items() if limit is not None},
            is_optional=len(branches) > 1,
            description=schema.get("description", ""),
        )

    def in_signs(self) -> str:
        """Return the limits as signs, like `≥ 1 and ≤ 9`; nothing where there are none."""
        return " and ".join(f"{sign} {limit:,.16g}" for sign, limit in self.limits.items())

    def in_words(self) -> str:
        """Return what is taken, in words.

        Example:
            >>> SettingValues("integer", (), {"≥": 1, "≤": 1000}, False).in_words()
            'a whole number from 1 to 1,000'
            >>> SettingValues("string", ("a", "b", "c"), {}, False).in_words()
            'a, b or c'
        """
        if self.choices:
            return " or ".join(filter(None, (", ".join(self.choices[:-1]), self.choices[-1])))
        if self.kind == "string":
            return self.description.rstrip(".")
        if self.kind == "boolean":
            return "true or false"
        kind = "a whole number" if self.kind == "integer" else "a number"
        shown = {sign: f"{limit:,.16g}" for sign, limit in self.limits.items()}
        if {"≥", "≤"} <= set(shown):
            return f"{kind} from {shown['≥']} to {shown['≤']}"
        words = [LIMIT_WORDS[sign].format(limit) for sign, limit in shown.items()]
        return f"{kind} {' and '.join(words)}".rstrip()
