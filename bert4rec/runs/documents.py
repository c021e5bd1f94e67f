"""What a document of a run's folder must hold, and that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert4rec.errors import FormatError

# A whole number of hundreds of digits is damage: no arithmetic with other numbers takes it.
MAX_NUMBER = 1e300


def holds(document: Any, kinds: Mapping[str, Any]) -> bool:
    """Whether a document of JSON is an object with values of the kinds that are asked for."""
    if not isinstance(document, dict):
        return False
    return all(name in document and _is_a(document[name], kind) for name, kind in kinds.items())


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of a kind; a number of ours is neither negative nor a boolean."""
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 <= value < MAX_NUMBER):
        return False
    return isinstance(value, kind)


def damaged(what: str, path: Path) -> FormatError:
    """Return that a file of a run is damaged."""
    return FormatError(
        f"the {what} of the run is damaged",
        where=str(path),
        fix="Restore the run's folder, or delete it.",
    )
