"""The moment, and how it is written into files: in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


def now_text() -> str:
    """Return the moment as it is written into files."""
    return utc_now().isoformat(timespec="seconds")
