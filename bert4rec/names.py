"""Names and notes that a person gives: checked, and names that are not taken yet."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain, count

from bert4rec.errors import Bert4RecError

MAX_NOTE = 2_000


def checked_name(
    name: str, most: int, *, refusal: type[Bert4RecError], where: str | None = None
) -> str:
    """Return a name as it is kept: on one line, with single blanks.

    Args:
        name: As it was typed.
        most: Signs that it may have.
        refusal: The error of a name that is none.
        where: What was to be called so.

    Raises:
        Bert4RecError: of the kind asked for; the name is empty or too long.
    """
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= most:
        raise refusal(
            f"a name has 1 to {most} signs, not {len(shown)}", where=where, fix="Give another name."
        )
    return shown


def checked_note(text: str, *, refusal: type[Bert4RecError], where: str) -> str:
    """Return a note as it is kept, without the blanks around it.

    Raises:
        Bert4RecError: of the kind asked for; the note is too long.
    """
    note = text.strip()
    if len(note) > MAX_NOTE:
        raise refusal(
            f"a note has up to {MAX_NOTE:,} signs, not {len(note):,}",
            where=where,
            fix="Shorten it.",
        )
    return note


def free_name(wanted: str, taken: Collection[str], max_length: int | None = None) -> str:
    """Return a name that is not taken yet: as wanted, or with the next free number behind it.

    One that would be too long is cut, before its number.

    Example:
        >>> free_name("run", []), free_name("run", ["run"]), free_name("run 2", ["run", "run 2"])
        ('run', 'run 2', 'run 3')
    """
    stem = re.sub(r" \d+$", "", wanted) or wanted

    def ended(name: str, end: str) -> str:
        return name[: max_length and max_length - len(end)].rstrip() + end

    numbered = (ended(stem, f" {number}") for number in count(2))
    return next(name for name in chain([ended(wanted, "")], numbered) if name not in taken)
