"""Errors that teach: each says what is wrong, where, and what to do next."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

_short = Repr()
_short.maxlevel = 2
_short.maxstring = _short.maxother = 80


def shown(value: object) -> str:
    """Return a value of whatever kind as an error shows it: in short, however much it holds.

    Example:
        >>> shown("wide"), shown([[32], [64, [128]]])
        ("'wide'", '[[32], [64, [...]]]')
    """
    return _short.repr(value)


class Bert4RecError(Exception):
    """Report a problem that the user can act on.

    Args:
        message: What was asked and what was got, as one sentence without a final full stop.
        where: File, line, column, key or run that the message is about.
        fix: What to do next, as one sentence in the imperative.
        details: Machine-readable facts, so that a page can draw the error.
    """

    def __init__(
        self, message: str, *, where: str | None = None, fix: str | None = None, **details: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix
        self.details = details

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f" {self.fix}" if self.fix else ""
        return f"{self.message}{place}.{advice}"


class LogError(Bert4RecError, ValueError):
    """An interaction log or item table that cannot be used as it is."""


class DatasetError(Bert4RecError, ValueError):
    """A dataset folder that is missing something or holds too little to train on."""


class SettingsError(Bert4RecError, ValueError):
    """Settings that are unknown, malformed or contradict each other; `problems` has a line each."""

    def __init__(
        self, problems: list[str], *, where: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__("; ".join(problems), where=where, fix=fix, problems=problems)
        self.problems = problems


class UnknownIdError(Bert4RecError, KeyError):
    """A user or item id that the dataset does not hold."""


class NotFoundError(Bert4RecError, FileNotFoundError):
    """A file, dataset, run or sample that does not exist."""


class UnwritableError(Bert4RecError, OSError):
    """A folder that cannot be written: not permitted, read-only or full."""


class FormatError(Bert4RecError, ValueError):
    """A folder or file of ours that is damaged or of a version that cannot be read."""


class RunError(Bert4RecError, RuntimeError):
    """A run asked to do something that its state does not allow."""


class LabelError(Bert4RecError, ValueError):
    """A name, note or tag of a run that is empty or too long."""


class DeviceError(Bert4RecError, RuntimeError):
    """A device that was asked for and is not there."""


class NonFiniteLossError(Bert4RecError, ArithmeticError):
    """A training loss that became NaN or infinite."""


class DeviceMemoryError(Bert4RecError, MemoryError):
    """Something, a step as a rule, that did not fit the memory of the device or of the machine."""


class MissingExtraError(Bert4RecError, ImportError):
    """A package that is installed only on request, and is not there."""
