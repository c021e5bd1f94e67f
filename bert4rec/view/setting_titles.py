"""Settings in sentences by the titles of the form, in place of the names of library and files."""

from __future__ import annotations

import re
from functools import cache

from bert4rec.hyperparameters import Hyperparameters, setting_field


def setting_title(name: str) -> str:
    """Return the title that a setting has in every form."""
    return setting_field(name).title or name


def titled(text: str) -> str:
    """Return a sentence with the settings' titles in place of their names.

    Use it on pages, where people look for a field; files and command lines know the names.

    Example:
        >>> titled("hidden_size: 64 is not a multiple of n_heads (3)")
        'Hidden size: 64 is not a multiple of Attention heads (3)'
        >>> titled("use a smaller learning_rate, or precision=float32")
        'use a smaller Learning rate, or Precision: float32'
    """
    return _setting_names().sub(_title, text)


def _title(found: re.Match[str]) -> str:
    return setting_title(found["name"]) + (": " if found["equals"] else "")


@cache
def _setting_names() -> re.Pattern[str]:
    """Find the names: with an underscore anywhere, plain words such as `seed` only as settings.

    They are settings at the beginning, before a colon, and anywhere before an equals sign.
    """
    plain = "|".join(name for name in Hyperparameters.model_fields if "_" not in name)
    joined = "|".join(name for name in Hyperparameters.model_fields if "_" in name)
    name = rf"(?P<name>^(?:{plain})(?=:)|\b(?:{plain})(?==)|\b(?:{joined})\b)"
    return re.compile(rf"{name}(?P<equals>=(?=\w))?")
