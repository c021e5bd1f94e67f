"""The settings of a form as part of an address; pure functions, no Streamlit.

A draft is written as what it has other than the preset that it was filled from; one that no preset
filled is written whole. It need not make sense yet: a number that cannot be is there again, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from bert4rec.errors import SettingsError
from bert4rec.presets import FIRST_PRESET, PRESETS
from bert4rec.setting_values import UNSET, typed_value
from bert4rec.view.forms import FormField, form_fields, preset_draft

# Between settings, and between the parts of one; text that holds them is quoted.
BETWEEN, WITHIN = ",", ":"
# In place of a preset: nothing but what the address says.
NO_PRESET = "none"
MAX_TEXT = 100
WORDS = {"True": True, "False": False}


def settings_link(draft: Mapping[str, Any], preset: str) -> dict[str, str]:
    """Return the parameters of an address that fill a form with a draft again.

    Args:
        draft: The settings that were given.
        preset: The preset from which it was filled; any other word: none of them.

    Example:
        >>> settings_link(preset_draft("balanced") | {"n_epochs": 7}, "balanced")
        {'preset': 'balanced', 'set': 'n_epochs:7'}
    """
    base = _base(preset)
    changed = [
        joined(name, typed_value(value))
        for name, value in draft.items()
        if name not in base or base[name] != value
    ]
    # Given by the preset, and taken away since.
    changed += [joined(name) for name in base if name not in draft]
    link = {"preset": preset if preset in PRESETS else NO_PRESET}
    return link | ({"set": BETWEEN.join(changed)} if changed else {})


def settings_from_link(link: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return the draft that an address names, and its preset, empty for none.

    Args:
        link: See `settings_link`.

    Raises:
        SettingsError: it is malformed, or names what is no setting or no preset.
    """
    preset = link.get("preset", FIRST_PRESET)
    if preset not in (NO_PRESET, *PRESETS):
        raise misfit()
    draft = _base(preset)
    for part in filter(None, link.get("set", "").split(BETWEEN)):
        name, *values = parts_of(part)
        if name not in form_fields() or len(values) > 1:
            raise misfit()
        if values:
            draft[name] = _value(form_fields()[name], values[0])
        else:
            draft.pop(name, None)
    order = list(form_fields())
    in_order = dict(sorted(draft.items(), key=lambda item: order.index(item[0])))
    return in_order, preset if preset in PRESETS else ""


def name_from_link(link: Mapping[str, str]) -> str:
    """Return the name that an address gives, empty for none.

    Raises:
        SettingsError: it is longer than anybody types.
    """
    name = link.get("name", "")
    if len(name) > MAX_TEXT:
        raise misfit()
    return name


def joined(*parts: str) -> str:
    """Return parts as one, each quoted."""
    return WITHIN.join(quote(part, safe="") for part in parts)


def parts_of(text: str) -> list[str]:
    """Return the parts that were joined.

    Raises:
        SettingsError: one is longer than anybody types.
    """
    parts = [unquote(part) for part in text.split(WITHIN)]
    if any(len(part) > MAX_TEXT for part in parts):
        raise misfit()
    return parts


def misfit() -> SettingsError:
    """Return what to raise for an address that cannot be followed here."""
    return SettingsError(
        ["the address holds settings that this form does not have"],
        fix="Ask for a new link, or set them below.",
    )


def _base(preset: str) -> dict[str, Any]:
    return preset_draft(preset) if preset in PRESETS else {}


def _value(field: FormField, text: str) -> Any:
    if field.is_optional and text == UNSET[0]:
        return None
    readers: dict[str, Callable[[str], Any]] = {
        "integer": whole_number,
        "number": number,
        "switch": switch,
        "choice": lambda word: _choice(field, word),
    }
    return readers.get(field.kind, str)(text)


def whole_number(text: str) -> int:
    """Read a whole number of at most 20 digits.

    Raises:
        SettingsError: it is none.
    """
    if not re.fullmatch(r"-?[0-9]{1,20}", text):
        raise misfit()
    return int(text)


def number(text: str) -> float:
    """Read a finite number.

    Raises:
        SettingsError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        raise misfit() from None
    if not math.isfinite(value):
        raise misfit()
    return value


def switch(word: str) -> bool:
    """Read a truth value.

    Raises:
        SettingsError: it is none.
    """
    if word not in WORDS:
        raise misfit()
    return WORDS[word]


def _choice(field: FormField, word: str) -> str:
    if word not in field.choices:
        raise misfit()
    return word
