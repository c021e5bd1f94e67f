"""Text from elsewhere, made fit for one line of a report."""

from __future__ import annotations

import re
import unicodedata

from bert4rec.plain_text import shortened

MAX_TITLE = 80
# Marks that stand over and under one letter; a few are writing, dozens only run into other lines.
STACKED_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
SPACE_KINDS, NO_TEXT_KINDS = ("Cc", "Zl", "Zp"), ("Cs",)


def clean(text: object, limit: int = MAX_TITLE) -> str:
    r"""Return text as one line of at most `limit` signs that no other text is drawn into.

    Control signs become spaces, halves of signs that no file can hold a question mark in a box. It
    turns its own direction at most. What HTML would obey is left as it is: the template escapes.

    Example:
        >>> clean("Ode\n to\x00Joy"), clean("x" * 99, 5)
        ('Ode to Joy', 'xxxx…')
    """
    whole = str(text)
    # Long enough for the limit, however many spaces and marks go.
    signs = (_plain(sign) for sign in whole[: 20 * limit])
    flat = " ".join(STACKED_MARKS.sub(r"\1", "".join(signs)).split())
    return shortened(flat + "…" * (len(whole) > 20 * limit), limit)


def _plain(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind in SPACE_KINDS:
        return " "
    return "\ufffd" if kind in NO_TEXT_KINDS else sign
