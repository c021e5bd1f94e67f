"""Settings as pages say them: by the titles of the form, with their values in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from bert4rec.hyperparameters import Hyperparameters, setting_field, unused_settings
from bert4rec.words import metric_name

NOT_USED = "not used"
# What a setting that was left empty comes to.
UNSET_WORDS = {
    "loss_type": "auto",
    "n_threads": "auto",
    "max_minutes": "no limit",
    "sample_strategy": "every user",
}
# Values that are several words in one.
VALUE_WORDS = {
    "leave_one_out": "Leave-one-out",
    "last_k": "Last K",
    "global_time": "Global time",
}


def setting_title(name: str) -> str:
    """Return the title that a setting has in every form."""
    return setting_field(name).title or name


def titled(text: str) -> str:
    """Return a sentence with the settings' titles and values in words in place of their names.

    Use it on pages, where people look for a field; files and command lines know the names.

    Example:
        >>> titled("hidden_size: 64 is not a multiple of n_heads (3)")
        'Hidden size: 64 is not a multiple of Attention heads (3)'
        >>> titled("use a smaller learning_rate, or precision=float32")
        'use a smaller Learning rate, or Precision: float32'
    """
    return valued(_setting_names().sub(_title, text))


def valued(text: str) -> str:
    """Return a text with values of settings in words.

    Example:
        >>> valued("for last_k; short histories hold out fewer")
        'for Last K; short histories hold out fewer'
    """
    for value, words in VALUE_WORDS.items():
        text = text.replace(value, words)
    return text


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


def setting_text(name: str, settings: Mapping[str, Any]) -> str:
    """Return the value of a run's setting as a person reads it, or that it does nothing.

    Example:
        >>> setting_text("mask_rate", {"attention": "causal", "mask_rate": 0.2})
        'not used'
    """
    return NOT_USED if name in unused_settings(settings) else value_text(settings[name], name)


def unset_word(name: str) -> str:
    """Return what a setting that was left empty is said to be."""
    return UNSET_WORDS.get(name, "unset")


def value_text(value: Any, name: str = "") -> str:
    """Return a value as a person reads it.

    Args:
        value: The value.
        name: Its setting, whose own word stands for a value that was left empty.

    Example:
        >>> value_text(None), value_text(None, "loss_type"), value_text(0.001), value_text(1000)
        ('unset', 'auto', '0.001', '1,000')
        >>> value_text("ndcg@10", "valid_metric"), value_text("last_k", "split_strategy")
        ('NDCG@10', 'Last K')
    """
    if value is None:
        return unset_word(name)
    if name == "valid_metric":
        return metric_name(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else VALUE_WORDS.get(value, str(value))


def loss_words(asked: str | None, used: str) -> str:
    """Return the loss that a run uses, and that nobody asked for it where that is so.

    Example:
        >>> loss_words("gBCE", "gBCE"), loss_words(None, "CE")
        ('gBCE', 'auto, here CE')
    """
    return used if asked else f"{unset_word('loss_type')}, here {used}"
