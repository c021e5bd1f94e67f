"""What a document of a run's folder must hold, and that it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bert4rec.errors import Bert4RecError, FormatError, SettingsError

# A whole number of hundreds of digits is damage: no arithmetic with other numbers takes it.
MAX_NUMBER = 1e300
RESTORE = "Restore the run's folder, or delete it."
Found = TypeVar("Found")


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
    return FormatError(f"the {what} of the run is damaged", where=str(path), fix=RESTORE)


def unsound(
    name: str, reason: str, fix: str = "Export the run again, or restore it."
) -> FormatError:
    """Return that a file of a run that comes from elsewhere cannot be taken."""
    return FormatError(f"{name}: {reason}", fix=fix)


def read_sound(name: str, read: Callable[[], Found]) -> Found:
    """Read a file of a run that comes from elsewhere.

    Args:
        name: Its name within the run.
        read: Reads it.

    Raises:
        FormatError: it cannot be read; the message names it, and not where it was unpacked.
    """
    try:
        return read()
    except SettingsError as error:
        raise unsound(name, error.message, "Update bert4rec, or export the run again.") from error
    except Bert4RecError as error:
        raise unsound(name, error.message) from error
