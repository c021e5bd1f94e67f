"""Something to know of a dataset before training on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEVELS = ("error", "warning", "info")


@dataclass(frozen=True)
class Check:
    """Something to know before training.

    Args:
        level: `info`, `warning` or `error`; an error means that nothing can be learned.
        message: What was found.
        fix: What to do about it.
        count: How many users, items or interactions it is about.
        fix_settings: Settings of the preparation that would mend it, by name; None if none would.
        fix_label: What a button that prepares with them says.
    """

    level: str
    message: str
    fix: str
    count: int = 0
    fix_settings: dict[str, Any] | None = None
    fix_label: str = ""
